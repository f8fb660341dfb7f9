//! The tasks of an operator's day, each by the commands of `docs/tasks.md`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use axum::http::StatusCode;
use tower_webhook::health::HealthCode;
use tower_webhook::provider::{self, blendfi};
use tower_webhook::store::RedisStore;
use tower_webhook::{Allowlist, MemoryStore, RouterExt, SigningKey, SigningSecret, Webhook};

use super::program::{Folder, SECRET, webhook};
use super::receiver::{Seen, keys, serve, until, with_inbox, with_records};
use super::redis_support::Sentinel;

const PAGE: &str = include_str!("../../docs/tasks.md");
const NEW: &str = "whsec_test_the_new_one_1f";

/// The page has this command, but for what hangs on the machine.
#[track_caller]
fn is_told(command: &str) {
    assert!(PAGE.contains(command), "docs/tasks.md lacks `{command}`");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_rotated_without_a_lost_delivery_and_the_old_key_is_seen_to_fall_silent() {
    is_told("webhook send blendfi --secret-env NEW_SECRET");
    let ring = blendfi::keys([("old", SECRET)]).unwrap();
    let seen = Seen::default();
    let webhook_of_ours = Webhook::new(provider::blendfi(ring.clone()))
        .store(MemoryStore::new())
        .observer(seen.clone())
        .build()
        .unwrap();
    let url =
        serve(axum::Router::new().webhook("/webhooks/blendfi", webhook_of_ours, async || "done"))
            .await;
    let send = async |secret: &str| {
        let arguments = [
            "send",
            "blendfi",
            "--secret-env",
            "NEW_SECRET",
            "--url",
            &url,
        ];
        webhook(arguments)
            .env("NEW_SECRET", secret)
            .run_beside()
            .await
    };
    send(SECRET).await.says(0, "  200  ");
    // The new one is not known yet.
    send(NEW).await.says(1, "  401  ");
    let key =
        |name: &str, text: &str| SigningKey::new(name, SigningSecret::from_text(text).unwrap());
    ring.replace([key("new", NEW), key("old", SECRET)]).unwrap();
    // Whichever the sender signs with, it is taken.
    for secret in [SECRET, NEW, SECRET, NEW, NEW] {
        send(secret).await.says(0, "  200  ");
    }
    let signed: Vec<_> = seen
        .0
        .lock()
        .unwrap()
        .iter()
        .filter(|it| it.starts_with("Handled"))
        .cloned()
        .collect();
    assert_eq!(
        signed[signed.len() - 2..],
        ["Handled new", "Handled new"],
        "the old one has fallen silent"
    );
    ring.replace([key("new", NEW)]).unwrap();
    send(NEW).await.says(0, "  200  ");
    send(SECRET).await.says(1, "  401  ");
}

#[test]
fn it_is_found_why_a_sender_gets_401() {
    is_told("webhook verify captured.http --provider stripe");
    let folder = Folder::new();
    let sign = ["sign", "stripe", "--id", "evt_1"];
    let signed = webhook(sign).with_secret().run().out;
    let captured = folder.file(
        "captured.http",
        format!("POST /in HTTP/1.1\n{}", signed.replace(':', ": ")),
    );
    // The colons of the headers, and those of the JSON, which somebody has written anew.
    let ran = webhook(["verify", &captured, "--provider", "stripe"])
        .with_secret()
        .run();
    ran.says(1, "cause: body_reserialised").says(1, "remedy: ");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_found_what_became_of_an_event_and_it_is_run_again_and_the_dead_letters_are_drained()
{
    is_told("webhook show blendfi evt_1");
    is_told("webhook redrive blendfi evt_1");
    is_told("webhook redrive --reason 'the ledger is closed' --within 600");
    let folder = Folder::new();
    let file = folder.path("webhooks.db");
    let receiver = with_inbox(&file, provider::blendfi(keys())).await;
    receiver.fails.store(true, Ordering::SeqCst);
    let say = async |arguments: &[&str]| {
        webhook(arguments.iter().copied())
            .env("WEBHOOK_STORE", &file)
            .with_secret()
            .run_beside()
            .await
    };
    say(&["show", "blendfi", "evt_1"])
        .await
        .says(1, "it never arrived, or is forgotten");
    // A key of which a part was left out is seen to lack it.
    say(&["show", "bloquo", "4711"]).await.says(
        1,
        "neither an entry nor a record of bloquo:4711: it never arrived",
    );
    for id in ["evt_1", "evt_2", "evt_3"] {
        say(&["send", "blendfi", "--url", &receiver.url, "--id", id])
            .await
            .says(0, "  200  ");
    }
    until(async || say(&["inbox", "counts"]).await.out.contains("dead 3")).await;
    say(&["show", "blendfi", "evt_1"])
        .await
        .says(0, "attempt 1 failed at")
        .says(0, "the ledger is closed");
    receiver.fails.store(false, Ordering::SeqCst);
    say(&["redrive", "blendfi", "evt_1"]).await.says(0, "done");
    let all = [
        "redrive",
        "--reason",
        "the ledger is closed",
        "--within",
        "0",
    ];
    say(&all).await.says(0, "done 2");
    until(async || say(&["inbox", "counts"]).await.out.contains("done 3")).await;
    say(&["dead"]).await.says(0, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_skew_is_seen() {
    is_told("webhook doctor");
    let folder = Folder::new();
    let file = folder.path("webhooks.db");
    with_records(&file).await;
    let ran = webhook(["doctor", "--store", &file]).run_beside().await;
    ran.says(0, "clock: the store's is ");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowlist_is_looked_at_and_replaced() {
    is_told("webhook doctor --allow 203.0.113.0/24,hooks.example.com");
    let allowlist = Allowlist::parse(["192.0.2.1"]).unwrap();
    let bloquo = Webhook::new(provider::bloquo(allowlist.clone()))
        .store(MemoryStore::new())
        .build()
        .unwrap();
    let app = axum::Router::new().webhook("/webhooks/bloquo", bloquo, async || "done");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = app.into_make_service_with_connect_info::<std::net::SocketAddr>();
    tokio::spawn(async { axum::serve(listener, app).await });
    let send = || webhook(["send", "bloquo", "--url", &url]).run_beside();
    send().await.says(1, "  403  ");
    let looked = webhook(["doctor", "--allow", "127.0.0.0/8,localhost"])
        .run_beside()
        .await;
    looked
        .says(0, "allowlist: 127.0.0.0/8")
        .says(0, "allowlist: localhost is ");
    allowlist.replace(["127.0.0.0/8"]).unwrap();
    send().await.says(0, "  200  ");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoints_health_is_seen_before_its_sender_pauses_it() {
    is_told("curl -s http://127.0.0.1:3000/readyz");
    let fails = Arc::new(AtomicBool::new(false));
    let blendfi = Webhook::new(provider::blendfi(keys()))
        .store(MemoryStore::new())
        .build()
        .unwrap();
    let (watched, broken) = (blendfi.clone(), Arc::clone(&fails));
    let handler = async move || match broken.load(Ordering::SeqCst) {
        true => StatusCode::INTERNAL_SERVER_ERROR,
        false => StatusCode::OK,
    };
    let app = axum::Router::new()
        .webhook("/webhooks/blendfi", blendfi, handler)
        .route(
            "/readyz",
            axum::routing::get(async move || watched.health().await.to_string()),
        );
    let url = serve(app).await;
    let send = async |count: &str| {
        let arguments = [
            "send", "blendfi", "--fresh", "--repeat", count, "--url", &url,
        ];
        webhook(arguments).with_secret().run_beside().await
    };
    let health = async || {
        let output = tokio::process::Command::new("curl")
            .args(["-s", &format!("{url}/readyz")])
            .output();
        String::from_utf8(output.await.unwrap().stdout).unwrap()
    };
    send("22").await.says(0, "sent of 22: 200: 22");
    assert_eq!(health().await, "ready");
    // A third fails; the sender pauses at a half.
    fails.store(true, Ordering::SeqCst);
    send("11").await.says(1, "500: 11");
    let told = health().await;
    assert!(
        told.starts_with("degraded") && told.contains("failure_share"),
        "{told}"
    );
    fails.store(false, Ordering::SeqCst);
    send("1").await.says(0, "  200  ");
}

/// A master, a replica and a Sentinel, as the place of the example: the master dies, and the replica takes over.
#[tokio::test(flavor = "multi_thread")]
async fn a_failover_is_survived() {
    is_told("webhook doctor --store redis+sentinel://127.0.0.1:26379/events");
    is_told("webhook send blendfi --retry");
    is_told("webhook show blendfi evt_1");
    let mut servers = tokio::task::spawn_blocking(Sentinel::start).await.unwrap();
    let place = servers.url();
    let store = RedisStore::connect(place.as_str()).await.unwrap();
    let ran = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&ran);
    let handler = move || {
        counts.fetch_add(1, Ordering::SeqCst);
        std::future::ready(())
    };
    let webhook_of_ours = Webhook::new(provider::blendfi(keys()))
        .store(store)
        .build()
        .unwrap();
    let app = axum::Router::new().webhook("/webhooks/blendfi", webhook_of_ours, handler);
    let url = serve(app).await;
    let say = async |arguments: &[&str]| {
        webhook(arguments.iter().copied())
            .env("WEBHOOK_STORE", &place)
            .with_secret()
            .run_beside()
            .await
    };
    // Before it: what it may lose.
    let doctor = say(&["doctor"]).await;
    doctor
        .says(1, "ok       store: reached")
        .says(1, "at risk  setting: ");
    say(&["send", "blendfi", "--url", &url, "--id", "evt_1"])
        .await
        .says(0, "  200  ");
    servers.until_in_step();
    servers.master.kill();
    // During it: nothing but what a sender does, which comes again.
    say(&["send", "blendfi", "--retry", "--url", &url, "--id", "evt_2"])
        .await
        .says(0, "  200  ");
    // Behind it: what was done is known.
    say(&["show", "blendfi", "evt_1"])
        .await
        .says(0, "blendfi:evt_1 done with 200");
    let again = say(&["send", "blendfi", "--retry", "--url", &url, "--id", "evt_1"]).await;
    again.says(0, "replayed");
    assert_eq!(ran.load(Ordering::SeqCst), 2);
}

/// Whoever reads a code in `/readyz` finds there what to do.
#[test]
fn each_code_of_health_has_something_to_do() {
    for code in HealthCode::ALL {
        is_told(
            &format!("| `{}`", code.code()).replace("| `allowlist_stale`", "`allowlist_stale` |"),
        );
    }
}
