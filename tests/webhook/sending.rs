//! Deliveries are signed and sent.

use tower_webhook::provider::{self, github};
use tower_webhook::{PathTokens, RouterExt, SqliteStore, Webhook};

use super::program::{Folder, Ran, SECRET, webhook};
use super::receiver::{TOKEN, in_memory, serve};

#[test]
fn what_is_signed_is_what_openssl_signs() {
    let body = r#"{"id":"evt_1","object":"event","type":"charge.succeeded","created":1777899600,"data":{"object":{"id":"ch_1","amount":1500}}}"#;
    let ran = webhook(["--json", "sign", "github", "--body-file", "-"])
        .with_secret()
        .stdin(body)
        .run();
    let headers = &ran.says(0, "").json()[0]["headers"];
    let folder = Folder::new();
    let output = std::process::Command::new("openssl")
        .args([
            "dgst",
            "-sha256",
            "-hmac",
            SECRET,
            "-r",
            &folder.file("body", body),
        ])
        .output()
        .unwrap();
    let mac = String::from_utf8(output.stdout).unwrap();
    let expected = format!("sha256={}", mac.split(' ').next().unwrap());
    assert_eq!(headers["x-hub-signature-256"], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_run_once_and_wrong_ones_are_refused() {
    let url = in_memory().await;
    let send = async |arguments: &[&str]| {
        let all = ["send"]
            .into_iter()
            .chain(arguments.iter().copied())
            .chain(["--url", &url]);
        webhook(all)
            .with_secret()
            .env("WEBHOOK_TOKEN", TOKEN)
            .run_beside()
            .await
    };
    let twice = send(&["blendfi", "--id", "evt_1", "--repeat", "2"]).await;
    twice
        .says(0, "blendfi:evt_1  200  ")
        .says(0, "idempotent-replayed: true")
        .says(0, "sent of 2: 200: 1  200 duplicate: 1");
    send(&["stripe", "--id", "evt_2"])
        .await
        .says(0, "stripe:evt_2  200");
    send(&["blox", "--id", "c-1"])
        .await
        .says(0, "blox:c-1:COMPLETED  200");
    let storm = send(&["blendfi", "--storm", "40"]).await;
    storm.says(0, "storm of 40: 200: 1  200 duplicate: 39");
    for what in ["body", "signature", "secret", "timestamp", "unsigned"] {
        send(&["blendfi", "--tamper", what])
            .await
            .says(1, "  401  ");
    }
    send(&["blendfi", "--tamper", "header-id"])
        .await
        .says(1, "  400  ");
    send(&["blox", "--tamper", "token"])
        .await
        .says(1, "  404  ");
    send(&["blendfi", "--age", "400"]).await.says(1, "  401  ");
    send(&["blendfi", "--age", "-400"]).await.says(1, "  401  ");
    let signs_nothing = send(&["blox", "--tamper", "secret"]).await;
    assert_eq!(signs_nothing.status, 2);
    assert_eq!(
        signs_nothing.err,
        "webhook: test delivery: this provider signs nothing\n"
    );
    let fresh = send(&["blendfi", "--repeat", "60", "--fresh"]).await;
    assert_eq!(fresh.says(0, "").out, "sent of 60: 200: 60\n");
}

/// What is printed finds the event.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_named_as_it_is_kept() {
    let folder = Folder::new();
    let file = folder.path("records.db");
    let store = SqliteStore::connect(&file).await.unwrap();
    let tokens = PathTokens::parse([TOKEN]).unwrap();
    let providers = [
        (
            "/webhooks/bloque/accounts",
            provider::bloque_accounts(tokens),
        ),
        (
            "/webhooks/github",
            provider::github(github::keys([SECRET]).unwrap()),
        ),
    ];
    let mut app = axum::Router::new();
    for (path, provider) in providers {
        let webhook = Webhook::new(provider).store(store.clone()).build().unwrap();
        app = app.webhook(path, webhook, async || "done");
    }
    let url = serve(app).await;
    let run = async |arguments: &[&str]| {
        let command = webhook(arguments.iter().copied());
        let command = command.with_secret().env("WEBHOOK_TOKEN", TOKEN);
        command.env("WEBHOOK_STORE", &file).run_beside().await
    };
    let key_of = |ran: &Ran| ran.out.split("  ").next().unwrap().to_owned();
    let card = run(&["send", "bloque-card", "--url", &url, "--id", "tx_1"]).await;
    card.says(0, "bloque:authorization:purchase:tx_1  200  ");
    let github = run(&["send", "github", "--url", &url, "--id", "77"]).await;
    github.says(0, "github:sha256:");
    for sent in [card, github] {
        run(&["show", &key_of(&sent)])
            .await
            .says(0, "done with 200");
    }
    // By the program's name too.
    let parts = ["authorization", "purchase", "tx_1"];
    for words in [
        &["show", "bloque-card"][..],
        &["records", "lookup", "bloque-card"],
    ] {
        let words: Vec<_> = words.iter().copied().chain(parts).collect();
        run(&words)
            .await
            .says(0, "bloque:authorization:purchase:tx_1 done");
    }
    run(&["show", "bloque-card", "tx_2"])
        .await
        .says(1, "nor a record of bloque:tx_2: it never arrived");
    let ours = ["records", "forget", "bloque-card"];
    let ours: Vec<_> = ours.into_iter().chain(parts).collect();
    run(&ours).await.says(0, "forgotten");
    let alone = run(&["show", "tx_1"]).await;
    assert_eq!(
        (alone.status, alone.err.as_str()),
        (
            2,
            "webhook: \"tx_1\": name the provider first, as in `blendfi evt_1`\n"
        )
    );
    let many = run(&["send", "pix", "--url", &url, "--id", "E1", "--items", "3"]).await;
    many.says(1, "pix:E1-1 and 2 more  404  ");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_named_is_told() {
    let url = in_memory().await;
    let without = webhook(["send", "blendfi", "--url", &url])
        .run_beside()
        .await;
    without.says(1, "  401  ");
    let note = "note: signed with the development secret whsec_test_for_development_only; --secret-env or \
                --secret-file name another\n";
    assert_eq!(without.err, note);
    let token = webhook(["send", "blox", "--url", &url]).run_beside().await;
    token.says(1, "  404  ");
    assert!(
        token
            .err
            .starts_with("note: the path ends in the development token "),
        "{token:?}"
    );
    let named = webhook(["send", "blendfi", "--url", &url]).with_secret();
    assert_eq!(named.run_beside().await.err, "");
    // Who signs the URL signs the one that it is sent to.
    let hook = format!("{url}/hook");
    let twilio = webhook(["send", "twilio", "--url", &hook]).with_secret();
    let twilio = twilio.run_beside().await;
    assert_eq!(
        twilio.err,
        format!("note: signed for the URL {hook}; --public-url names another\n")
    );
    let given = ["sign", "twilio", "--public-url", "https://hooks.example/in"];
    assert_eq!(
        webhook(given)
            .with_secret()
            .run()
            .says(0, "x-twilio-signature")
            .err,
        ""
    );
    let curl = ["sign", "twilio", "--curl", "https://hooks.example/in"];
    let curl = webhook(curl).with_secret().run();
    let note = "note: signed for the URL https://hooks.example/in; --public-url names another\n";
    assert_eq!(curl.says(0, "x-twilio-signature").err, note);
    // A path that ends in no token.
    let hook = format!("{url}/webhooks/blox");
    let blox = webhook(["send", "blox", "--url", &hook]).env("WEBHOOK_TOKEN", TOKEN);
    let blox = blox.run();
    assert_eq!(
        (blox.status, blox.err.as_str()),
        (
            2,
            "webhook: --url: its path does not end in the secret token: leave the path out, or end it in the token\n"
        )
    );
}

#[cfg(feature = "jwt")]
#[test]
fn nobody_signs_with_a_private_key_that_another_has() {
    for sender in ["discord", "plaid"] {
        for words in [&["send", sender][..], &["sign", sender]] {
            let ran = webhook(words.iter().copied()).with_secret().run();
            let begins =
                format!("webhook: {sender}: it signs with a private key, which it alone has");
            assert!(ran.status == 2 && ran.err.starts_with(&begins), "{ran:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_seconds_work_tells_how_far_it_is() {
    let app = axum::Router::new().route(
        "/in",
        axum::routing::post(async || {
            tokio::time::sleep(std::time::Duration::from_millis(600)).await;
        }),
    );
    let url = format!("{}/in", super::receiver::serve(app).await);
    let arguments = [
        "send",
        "blendfi",
        "--url",
        &url,
        "--repeat",
        "5",
        "--progress",
    ];
    let ran = webhook(arguments).run_beside().await;
    ran.says(0, "sent of 5: 200: 5");
    assert!(
        ran.err.contains("/5  ") && ran.err.contains("/s  200: "),
        "{ran:?}"
    );
}

#[test]
fn senders_are_listed_and_told_in_full() {
    let all = webhook(["--json", "providers"]).run();
    assert!(all.json().len() > 80);
    webhook(["providers"])
        .run()
        .says(0, "stripe")
        .says(0, "twilio");
    let one = webhook(["providers", "zoom"]).run();
    one.says(0, "challenge")
        .says(0, "endpoint.url_validation")
        .says(0, "waits             3 s")
        .says(0, "events kept under zoom\n");
    webhook(["providers", "hubspot_v1"])
        .run()
        .says(0, "events kept under hubspot\n");
    webhook(["providers", "bloquo"])
        .run()
        .says(0, "source address")
        .says(0, "doubling from 1 min");
}
