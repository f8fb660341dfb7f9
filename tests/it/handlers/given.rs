//! What a handler is given, and when it is called.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{Response, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::{post, post_service};
use http_body_util::Full;
use tower::{Layer, Service, ServiceExt};
use tower_webhook::layer::Verdict;
use tower_webhook::{DedupeConfig, Delivery, Event, MemoryStore, Name, Reason, Webhook};
use tracing::Instrument;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;

use crate::support::blox::checkout;
use crate::support::http::Connection;
use crate::support::observer::Recorder;
use crate::support::presets::{Preset, clock};
use crate::support::server::Server;
use crate::support::stage::Stage;
use crate::support::wait::{done_with, record, until};
use crate::support::{blendfi, blox};

#[tokio::test]
async fn a_body_that_never_was_whole_leaves_no_record() {
    let (store, stage, recorder) = (MemoryStore::new(), Stage::new(), Recorder::new());
    let handler = {
        let stage = stage.clone();
        move || async move {
            stage.enter();
            StatusCode::NO_CONTENT
        }
    };
    let layer = |provider| {
        let webhook = Webhook::new(provider).clock(clock()).store(store.clone());
        webhook
            .observer(recorder.clone())
            .max_body_bytes(1024)
            .build()
            .unwrap()
    };
    let router = Router::new()
        .route(
            "/hooks",
            post(handler.clone()).layer(layer(Preset::BlendFi.provider())),
        )
        .route(
            Preset::Blox.route(),
            post(handler).layer(layer(blox::provider())),
        );
    let server = Server::start(router).await;

    let whole = [
        (blendfi::event("evt_1", "{}"), blendfi::key("evt_1")),
        (
            checkout("c1", "COMPLETED", "15000"),
            blox::key("c1", "COMPLETED"),
        ),
    ];
    for (number, (event, key)) in whole.iter().enumerate() {
        let bytes = event.bytes();
        let mut sender = Connection::open(server.address).await;
        sender.send(&bytes[..bytes.len() - 10]).await;
        sender.finish().await;
        if let Some(answer) = sender.response().await {
            assert_eq!(answer.status, 400);
        }
        until("the observer", || {
            recorder.count(Verdict::Refused, Some(Reason::BodyCutOff)) == number + 1
        })
        .await;
        assert_eq!(record(&store, key).await, None);
    }
    let long = format!(r#"{{"note":"{}"}}"#, "x".repeat(1024));
    let announced = blendfi::event("evt_2", &long);
    assert_eq!(announced.send(server.address).await.status, 413);
    let mut sender = Connection::open(server.address).await;
    sender.send(&announced.bytes_chunked(100)).await;
    assert_eq!(sender.response().await.unwrap().status, 413);
    assert_eq!(record(&store, &blendfi::key("evt_2")).await, None);
    assert_eq!(stage.runs(), 0);

    for (event, key) in &whole {
        assert_eq!(event.send(server.address).await.status, 204);
        assert_eq!(record(&store, key).await.unwrap().attempt, 1);
    }
}

#[tokio::test]
async fn a_body_of_one_frame_is_never_copied() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let service = {
        let seen = seen.clone();
        move |request: axum::http::Request<Full<Bytes>>| {
            let seen = seen.clone();
            async move {
                let delivery = request.extensions().get::<Delivery>().cloned().unwrap();
                let body = http_body_util::BodyExt::collect(request.into_body())
                    .await
                    .unwrap();
                *seen.lock().unwrap() = vec![body.to_bytes(), delivery.body()];
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
            }
        }
    };
    let body = blendfi::body("evt_1", &format!(r#"{{"note":"{}"}}"#, "x".repeat(925)));
    let body = Bytes::from(body);
    assert_eq!(body.len(), 1024);
    let layer = blendfi::webhook(MemoryStore::new()).build().unwrap();
    let request = axum::http::Request::post("/hooks")
        .header(
            "x-blendfi-signature",
            Preset::BlendFi.signature(&body).unwrap(),
        )
        .body(Full::new(body.clone()))
        .unwrap();
    let answer = layer
        .layer(tower::service_fn(service))
        .oneshot(request)
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    for handed in &*seen.lock().unwrap() {
        assert_eq!(handed, &body);
        assert_eq!(handed.as_ptr(), body.as_ptr(), "the very same bytes");
    }
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_body_of_many_frames_arrives_whole_by_every_extractor() {
    let store = MemoryStore::new();
    let handler = |event: Event<serde_json::Value>, delivery: Delivery, raw: Bytes| async move {
        assert_eq!(raw, delivery.body());
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&raw).unwrap(),
            event.0
        );
        assert_eq!(delivery.key().to_string(), event["id"].as_str().unwrap());
        raw
    };
    let server = blendfi::serve(&blendfi::webhook(store.clone()), handler).await;
    let note: String = (0..64 * 1024)
        .map(|n| char::from(b'a' + u8::try_from(n % 26).unwrap()))
        .collect();
    let body = blendfi::body("evt_1", &format!(r#"{{"note":"{note}"}}"#));
    let bytes = Preset::BlendFi.deliver(&body).bytes();
    let mut sender = Connection::open(server.address).await;
    for piece in bytes.chunks(10_000) {
        sender.send(piece).await;
        tokio::task::yield_now().await;
    }
    let answer = sender.response().await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(
        answer.body == body.as_bytes(),
        "{} bytes came back",
        answer.body.len()
    );
    assert_eq!(
        done_with(&record(&store, &blendfi::key("evt_1")).await.unwrap()),
        Some(200)
    );
    // Not UTF-8 and no JSON: refused for its key, after its signature was right.
    let answer = Preset::BlendFi
        .deliver(b"\xff\xfe\x00")
        .send(server.address)
        .await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        blendfi::event("evt_2", "{}")
            .send(server.address)
            .await
            .status,
        200
    );
}

/// Panics where it is called without having been asked whether it is ready; so are its clones.
struct Strict {
    ready: bool,
    runs: Stage,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            runs: self.runs.clone(),
        }
    }
}

impl Service<Request> for Strict {
    type Response = axum::response::Response;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without poll_ready");
        self.runs.enter();
        std::future::ready(Ok(StatusCode::NO_CONTENT.into_response()))
    }
}

#[tokio::test]
async fn the_service_that_was_ready_is_the_one_that_is_called() {
    let runs = Stage::new();
    let strict = Strict {
        ready: false,
        runs: runs.clone(),
    };
    let signed = blendfi::webhook(MemoryStore::new()).build().unwrap();
    let by_path = Webhook::new(blox::provider())
        .store(MemoryStore::new())
        .clock(clock())
        .build()
        .unwrap();
    let router = Router::new()
        .route("/hooks", post_service(signed.layer(strict.clone())))
        .route(Preset::Blox.route(), post_service(by_path.layer(strict)));
    let server = Server::start(router).await;
    for _ in 0..2 {
        assert!(
            blendfi::event("evt_1", "{}")
                .send(server.address)
                .await
                .is_success()
        );
        assert!(
            checkout("c1", "COMPLETED", "1")
                .send(server.address)
                .await
                .is_success()
        );
    }
    assert_eq!(runs.runs(), 2, "each event once");
}

#[tokio::test]
async fn an_event_older_than_the_retention_says_so_or_is_refused() {
    let (store, recorder) = (MemoryStore::new(), Recorder::new());
    let handler = |delivery: Delivery| async move { delivery.predates_retention().to_string() };
    let webhook = blendfi::webhook(store.clone()).observer(recorder.clone());
    let server = blendfi::serve(&webhook, handler).await;
    // Thirty days before, and a second more.
    let at = |id: &str, time: &str| Preset::BlendFi.deliver(blendfi::body_at(id, time, "{}"));
    let told = |answer: crate::support::http::Response| {
        assert_eq!(answer.status, 200);
        String::from_utf8(answer.body).unwrap()
    };
    assert_eq!(
        told(
            at("evt_1", "2026-04-04T13:00:00Z")
                .send(server.address)
                .await
        ),
        "false"
    );
    assert_eq!(
        told(
            at("evt_2", "2026-04-04T12:59:59Z")
                .send(server.address)
                .await
        ),
        "true"
    );
    let old: Vec<_> = recorder
        .seen()
        .iter()
        .map(|it| it.predates_retention)
        .collect();
    assert_eq!(old, [false, true]);

    let server = blendfi::serve(
        &webhook.dedupe(DedupeConfig::new().refuse_old_events()),
        handler,
    )
    .await;
    assert_eq!(
        at("evt_3", "2026-04-04T12:59:59Z")
            .send(server.address)
            .await
            .status,
        422
    );
    assert_eq!(record(&store, &blendfi::key("evt_3")).await, None);
    assert_eq!(
        recorder.count(Verdict::Refused, Some(Reason::EventTooOld)),
        1
    );
    assert_eq!(
        told(
            at("evt_3", "2026-04-04T13:00:00Z")
                .send(server.address)
                .await
        ),
        "false"
    );
}

#[tokio::test]
async fn tenants_of_one_sender_are_kept_apart() {
    let (store, stage) = (MemoryStore::new(), Stage::new());
    let handler = {
        let stage = stage.clone();
        move |delivery: Delivery| async move {
            stage.enter();
            delivery.key().tenant().unwrap().to_string()
        }
    };
    let mut router = Router::new();
    for tenant in ["north", "south"] {
        let provider = Preset::BlendFi
            .provider()
            .tenant(Name::new(tenant).unwrap());
        let webhook = Webhook::new(provider).clock(clock()).store(store.clone());
        let route = post(handler.clone()).layer(webhook.build().unwrap());
        router = router.route(&format!("/{tenant}"), route);
    }
    let server = Server::start(router).await;
    let delivery = blendfi::event("evt_1", "{}");
    for tenant in ["north", "south"] {
        let event = delivery.clone().target(&format!("/{tenant}"));
        assert_eq!(event.send(server.address).await.body, tenant.as_bytes());
        assert!(event.send(server.address).await.is_replayed());
        let tenant = Name::new(tenant).unwrap();
        let view = record(&store, &blendfi::key("evt_1").of_tenant(Some(tenant)))
            .await
            .unwrap();
        assert_eq!((done_with(&view), view.attempt), (Some(200), 1));
    }
    assert_eq!(stage.runs(), 2);
    assert_eq!(record(&store, &blendfi::key("evt_1")).await, None);
}

#[tokio::test]
async fn the_handlers_task_carries_the_requests_span() {
    // At DEBUG the crate's own span stands between, inside of the request's: see `spans.rs`.
    let subscriber = tracing_subscriber::registry().with(LevelFilter::INFO);
    let _ = tracing::subscriber::set_global_default(subscriber);
    let asked = Arc::new(AtomicBool::new(false));
    let name = || {
        tracing::Span::current()
            .metadata()
            .map(tracing::Metadata::name)
            .unwrap_or("none")
    };
    let webhook = blendfi::webhook(MemoryStore::new()).dedupe(DedupeConfig::new().confirm({
        let asked = asked.clone();
        move |_| {
            asked.store(name() == "delivery-of-test", Ordering::SeqCst);
            async { tower_webhook::Confirmation::Confirmed }
        }
    }));
    let handler = move || async move { name() };
    let spanned = from_fn(|request: Request, next: Next| {
        next.run(request)
            .instrument(tracing::info_span!("delivery-of-test"))
    });
    let route = post(handler).layer(webhook.build().unwrap());
    let server = Server::start(Router::new().route("/hooks", route).layer(spanned)).await;
    let answer = blendfi::event("evt_1", "{}").send(server.address).await;
    assert_eq!(String::from_utf8(answer.body).unwrap(), "delivery-of-test");
    assert!(asked.load(Ordering::SeqCst), "the confirmation too");
}
