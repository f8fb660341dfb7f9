//! Deliveries are signed and sent.

use super::program::{Folder, SECRET, webhook};
use super::receiver::{TOKEN, in_memory};

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
        .says(0, "blendfi evt_1  200  ")
        .says(0, "idempotent-replayed: true")
        .says(0, "sent of 2: 200: 1  200 duplicate: 1");
    send(&["stripe", "--id", "evt_2"])
        .await
        .says(0, "stripe evt_2  200");
    send(&["blox", "--id", "c-1"])
        .await
        .says(0, "blox c-1  200");
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
        .says(0, "waits             3 s");
    webhook(["providers", "bloquo"])
        .run()
        .says(0, "source address")
        .says(0, "doubling from 1 min");
}
