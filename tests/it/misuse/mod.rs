//! What users do that a library should survive: gates that are stacked, handlers that block, checks
//! that are added to checks, secrets that proxies repeat.

mod at_build;
mod at_work;
mod table;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::connect_info::MockConnectInfo;
use axum::http::{Request, Response, StatusCode};
use axum::routing::post;
use axum::{Extension, Router};
use tower::ServiceExt;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::layer::{
    Coverage, DedupeLayer, EndpointConfig, Interest, Proof, RequireSecretPathLayer,
    RequireSourceIpLayer,
};
use tower_webhook::provider::{self, blox};
use tower_webhook::{
    Allowlist, ConfigErrorKind, Confirmation, DedupeConfig, EventKey, MemoryStore, Name,
    Observation, Observer, PathTokens, Provider, Rejection, RetriedStatuses, RetrySchedule,
    SenderContract, Store, Unconfirmed, Webhook,
};

const OURS: &str = "3f9d1c0b7a5e48d26c90b1f4";
const THEIRS: &str = "a7e35d82c6b0f19e4d7a2358";
const CHECKOUT: &str = r#"{"checkoutId":"c-1","status":"COMPLETED","amount":"15000","timestamp":"2026-02-03T15:05:30.000Z"}"#;

fn tokens(token: &str) -> PathTokens {
    PathTokens::parse([token]).unwrap()
}

fn checkout() -> EventKey {
    EventKey::new(Name::new("blox").unwrap(), ["c-1", "COMPLETED"]).unwrap()
}

async fn send(app: &Router, path: &str) -> Response<Body> {
    let request = Request::post(path).body(Body::from(CHECKOUT)).unwrap();
    app.clone().oneshot(request).await.unwrap()
}

#[tokio::test]
async fn a_token_that_another_gate_took_is_no_token_of_ours() {
    let provider = provider::blox(tokens(OURS)).without_status_check();
    let endpoint = EndpointConfig::new(provider.name().clone(), provider.contract().clone());
    let store = MemoryStore::new();
    let webhook = Webhook::new(provider).store(store.clone());
    let app = Router::new().route("/hook", post(async || "").layer(webhook.build().unwrap()));
    let around = |token| {
        let gate = RequireSecretPathLayer::new(&endpoint, tokens(token));
        let gate = gate.mounted_at("/hook").unwrap();
        Router::new().fallback_service(tower::Layer::layer(&gate, app.clone()))
    };
    let theirs = send(&around(THEIRS), &format!("/hook/{THEIRS}")).await;
    assert_eq!(theirs.status(), StatusCode::NOT_FOUND);
    assert_eq!(store.lookup(&checkout()).await.unwrap(), None);
    let ours = send(&around(OURS), &format!("/hook/{OURS}")).await;
    assert_eq!(ours.status(), StatusCode::OK);
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Observer for Log {
    fn observe(&self, seen: &Observation<'_>) {
        let line = format!("{:?} {:?} {:?}", seen.reason, seen.client, seen.headers);
        self.0.lock().unwrap().push(line);
    }

    fn interest(&self) -> Interest {
        Interest {
            headers: true,
            body: false,
        }
    }
}

#[tokio::test]
async fn an_address_that_a_wider_list_lets_in_is_asked_for_again_and_named_when_refused() {
    let provider = provider::bloquo(Allowlist::parse(["10.1.2.3"]).unwrap());
    let endpoint = EndpointConfig::new(provider.name().clone(), provider.contract().clone());
    let log = Log::default();
    let webhook = Webhook::new(provider)
        .store(MemoryStore::new())
        .observer(log.clone());
    let wide = Allowlist::parse(["10.0.0.0/8"]).unwrap();
    let app = Router::new()
        .route("/hook", post(async || "").layer(webhook.build().unwrap()))
        .route_layer(RequireSourceIpLayer::new(&endpoint, wide).unwrap());
    let peer: SocketAddr = "10.9.9.9:4711".parse().unwrap();
    let app = app.layer(Extension(MockConnectInfo(peer)));
    assert_eq!(send(&app, "/hook").await.status(), StatusCode::FORBIDDEN);
    let log = log.0.lock().unwrap().join("\n");
    assert!(log.contains("Some(SourceRefused) Some(10.9.9.9)"), "{log}");
}

#[tokio::test]
async fn checks_add_up() {
    let failed =
        |id: String| async { Ok::<_, std::io::Error>(blox::CheckoutStatus::new(id, "FAILED")) };
    let provider = provider::blox(tokens(OURS)).status_check(failed);
    let store = MemoryStore::new();
    let is_ours = |_: Unconfirmed| async { Confirmation::Confirmed };
    let webhook = Webhook::new(provider)
        .dedupe(DedupeConfig::new().confirm(is_ours))
        .store(store.clone());
    let runs = Arc::new(AtomicU32::new(0));
    let handler = {
        let runs = Arc::clone(&runs);
        async move || {
            runs.fetch_add(1, Ordering::SeqCst);
        }
    };
    let app = Router::new().route(
        "/hook/{token}",
        post(handler).layer(webhook.build().unwrap()),
    );
    for _ in 0..2 {
        let refused = send(&app, &format!("/hook/{OURS}")).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    }
    assert_eq!(runs.load(Ordering::SeqCst), 0);

    // Inventions of whoever knows the path must not fill the store.
    assert_eq!(store.lookup(&checkout()).await.unwrap(), None);
}

/// A sender of our own, by secret path, that waits a second for its answer.
fn hasty() -> Provider {
    let contract = SenderContract::new(
        RetrySchedule::Fixed {
            interval: Duration::from_secs(30),
            attempts: 5,
        },
        RetriedStatuses::AllButSuccess,
    );
    let rule = EventRule::members([Shape::new("event", ["/checkoutId", "/status"]).unwrap()]);
    Provider::by_secret_path(
        Name::new("blox").unwrap(),
        tokens(OURS),
        rule.unwrap(),
        contract.waits(Duration::from_secs(1)),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_blocks_its_thread_is_answered_for_and_keeps_its_lease() {
    let store = MemoryStore::new();
    let webhook = Webhook::new(hasty())
        .dedupe(DedupeConfig::new().lease(Duration::from_secs(1)))
        .store(store.clone());
    let runs = Arc::new(AtomicU32::new(0));
    let (go_on, gate) = std::sync::mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let handler = {
        let runs = Arc::clone(&runs);
        async move || {
            runs.fetch_add(1, Ordering::SeqCst);
            // As a blocking database driver would, with no await in sight.
            gate.lock().unwrap().recv().unwrap();
        }
    };
    let app = Router::new().route(
        "/hook/{token}",
        post(handler).layer(webhook.build().unwrap()),
    );
    let path = format!("/hook/{OURS}");

    let slow = send(&app, &path).await;
    assert_eq!(slow.status(), StatusCode::SERVICE_UNAVAILABLE);
    // Its lease of a second is over by the end of this one's deadline, unless it was renewed.
    for _ in 0..2 {
        let duplicate = send(&app, &path).await;
        assert_eq!(duplicate.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(runs.load(Ordering::SeqCst), 1);

    go_on.send(()).unwrap();
    let duplicate = send(&app, &path).await;
    assert_eq!(duplicate.status(), StatusCode::OK);
    assert_eq!(duplicate.headers()["idempotent-replayed"], "true");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_token_that_a_proxy_repeats_in_a_header_is_masked_there_too() {
    let log = Log::default();
    let webhook = Webhook::new(hasty())
        .store(MemoryStore::new())
        .observer(log.clone());
    let app = Router::new().route(
        "/hook/{token}",
        post(async || "").layer(webhook.build().unwrap()),
    );
    let request = Request::post(format!("/hook/{OURS}"))
        .header("x-original-uri", format!("/hook/{OURS}"))
        .header("x-kept", "as it is");
    let request = request.body(Body::from(CHECKOUT)).unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), StatusCode::OK);
    let log = log.0.lock().unwrap().join("\n");
    assert!(
        log.contains("as it is") && log.contains("[REDACTED]"),
        "{log}"
    );
    assert!(!log.contains(OURS), "{log}");
}

#[tokio::test]
async fn a_shape_of_answers_that_panics_costs_no_event_its_record() {
    let store = MemoryStore::new();
    let shape =
        |_: &Rejection| -> axum::http::Response<bytes::Bytes> { panic!("the shape panics") };
    let webhook = Webhook::new(hasty())
        .rejection_response(shape)
        .store(store.clone());
    let runs = Arc::new(AtomicU32::new(0));
    let go_on = Arc::new(tokio::sync::Notify::new());
    let handler = {
        let (runs, go_on) = (Arc::clone(&runs), Arc::clone(&go_on));
        async move || {
            runs.fetch_add(1, Ordering::SeqCst);
            go_on.notified().await;
        }
    };
    let app = Router::new().route(
        "/hook/{token}",
        post(handler).layer(webhook.build().unwrap()),
    );
    let path = format!("/hook/{OURS}");
    assert_eq!(
        send(&app, &path).await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    go_on.notify_one();
    // Waits for the outcome of the first one.
    let duplicate = send(&app, &path).await;
    assert_eq!(duplicate.headers()["idempotent-replayed"], "true");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

/// Nothing that stands before a layer alone could give it: every delivery would get 500.
#[test]
fn a_proof_of_ones_own_is_not_demanded_of_a_layer_alone() {
    let provider = hasty();
    let endpoint = EndpointConfig::new(provider.name().clone(), provider.contract().clone());
    for proofs in [
        vec![Proof::Custom(Coverage::Body)],
        vec![Proof::SecretPath, Proof::Custom(Coverage::Connection)],
    ] {
        let layer = DedupeLayer::builder(&endpoint, provider.rule().clone(), proofs);
        let refused = layer.build(MemoryStore::new()).unwrap_err();
        assert_eq!(refused.kind(), ConfigErrorKind::Proof);
        assert!(refused.to_string().contains("`proved_by`"), "{refused}");
    }
}
