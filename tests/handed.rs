//! What a handler is given, and what copies are given of its answer.
#![cfg(feature = "axum")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod support;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{Response, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::{post, post_service};
use http_body_util::Full;
use support::blendfi;
use support::blox::{self, checkout};
use support::http::{Connection, send};
use support::observer::Recorder;
use support::server::Server;
use support::stage::Stage;
use support::wait::{done_with, record};
use tower::{Layer, Service, ServiceExt};
use tower_webhook::layer::Verdict;
use tower_webhook::store::RecordState;
use tower_webhook::{Delivery, Event, MemoryStore, ProviderName, Reason, Webhook};
use tracing::Instrument;

const SECOND: Duration = Duration::from_secs(1);

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
    let layer = blendfi::webhook(MemoryStore::new()).layer().unwrap();
    let request = axum::http::Request::post("/hook")
        .header("x-blendfi-signature", blendfi::signature(&body))
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
    let bytes = blendfi::signed(body.as_bytes()).bytes();
    let mut sender = Connection::open(server.addr).await;
    for piece in bytes.chunks(10_000) {
        sender.write(piece).await;
        tokio::task::yield_now().await;
    }
    let answer = sender.read().await.unwrap();
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
    let answer = send(server.addr, &blendfi::signed(b"\xff\xfe\x00")).await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        send(server.addr, &blendfi::event("evt_2", "{}"))
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
    let signed = blendfi::webhook(MemoryStore::new()).layer().unwrap();
    let by_path = Webhook::new(blox::provider())
        .clock(blendfi::clock())
        .layer()
        .unwrap();
    let router = Router::new()
        .route("/hook", post_service(signed.layer(strict.clone())))
        .route("/blox/{token}", post_service(by_path.layer(strict)));
    let server = Server::start(router).await;
    for _ in 0..2 {
        assert!(
            send(server.addr, &blendfi::event("evt_1", "{}"))
                .await
                .is_success()
        );
        assert!(send(server.addr, &checkout("c1", "1")).await.is_success());
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
    let at = |id: &str, time: &str| blendfi::signed(blendfi::body_at(id, time, "{}").as_bytes());
    let told = |answer: support::http::Response| {
        assert_eq!(answer.status, 200);
        String::from_utf8(answer.body).unwrap()
    };
    assert_eq!(
        told(send(server.addr, &at("evt_1", "2026-04-04T13:00:00Z")).await),
        "false"
    );
    assert_eq!(
        told(send(server.addr, &at("evt_2", "2026-04-04T12:59:59Z")).await),
        "true"
    );
    let old: Vec<_> = recorder
        .seen()
        .iter()
        .map(|it| it.predates_retention)
        .collect();
    assert_eq!(old, [false, true]);

    let server = blendfi::serve(&webhook.refuse_old_events(), handler).await;
    assert_eq!(
        send(server.addr, &at("evt_3", "2026-04-04T12:59:59Z"))
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
        told(send(server.addr, &at("evt_3", "2026-04-04T13:00:00Z")).await),
        "false"
    );
}

#[tokio::test]
async fn a_small_response_is_replayed_to_copies() {
    let store = MemoryStore::new();
    let handler = |event: Event<serde_json::Value>| async move {
        let body = event["data"]["answer"].as_str().unwrap().to_owned();
        (StatusCode::CREATED, body)
    };
    let server = blendfi::serve(
        &blendfi::webhook(store.clone()).replay_responses(8),
        handler,
    )
    .await;
    let small = blendfi::event("evt_1", r#"{"answer":"12345678"}"#);
    let first = send(server.addr, &small).await;
    assert_eq!(
        (first.status, first.body.as_slice(), first.is_replayed()),
        (201, &b"12345678"[..], false)
    );
    let copy = send(server.addr, &small).await;
    assert_eq!(
        (copy.status, copy.body.as_slice(), copy.is_replayed()),
        (201, &b"12345678"[..], true)
    );

    let long = blendfi::event("evt_2", r#"{"answer":"123456789"}"#);
    let first = send(server.addr, &long).await;
    assert_eq!(
        (first.status, first.body.as_slice()),
        (201, &b"123456789"[..])
    );
    let copy = send(server.addr, &long).await;
    assert!(
        copy.is_success() && copy.is_replayed() && copy.body.is_empty(),
        "{copy:?}"
    );
}

/// A response body of a stated length that does not come.
struct Stuck {
    panics: bool,
}

impl http_body::Body for Stuck {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        assert!(!self.panics, "the body panics");
        Poll::Pending
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(4)
    }
}

#[tokio::test]
async fn a_response_body_that_is_to_be_kept_has_the_deadline_and_the_rights_of_its_handler() {
    let store = MemoryStore::new();
    let handler = |event: Event<serde_json::Value>, delivery: Delivery| async move {
        match delivery.attempt() {
            1 => Body::new(Stuck {
                panics: event["data"]["panics"] == true,
            })
            .into_response(),
            _ => "late".into_response(),
        }
    };
    let webhook = blendfi::webhook_answering_in(SECOND, store.clone()).replay_responses(8);
    let server = blendfi::serve(&webhook, handler).await;
    let answer = send(server.addr, &blendfi::event("evt_1", "{}")).await;
    assert!(answer.is_not_now(), "answered in time: {answer:?}");

    let panics = blendfi::event("evt_2", r#"{"panics":true}"#);
    assert_eq!(send(server.addr, &panics).await.status, 500);
    let view = record(&store, &blendfi::key("evt_2")).await.unwrap();
    assert_eq!(view.state, RecordState::Released);
    assert_eq!(send(server.addr, &panics).await.body, b"late");
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
        let provider = blendfi::provider().tenant(ProviderName::new(tenant).unwrap());
        let webhook = Webhook::new(provider)
            .clock(blendfi::clock())
            .dedupe(store.clone());
        let route = post(handler.clone()).layer(webhook.layer().unwrap());
        router = router.route(&format!("/{tenant}"), route);
    }
    let server = Server::start(router).await;
    let body = blendfi::body("evt_1", "{}");
    for tenant in ["north", "south"] {
        let event = blendfi::signed_to(&format!("/{tenant}"), body.as_bytes());
        assert_eq!(send(server.addr, &event).await.body, tenant.as_bytes());
        assert!(send(server.addr, &event).await.is_replayed());
        let tenant = ProviderName::new(tenant).unwrap();
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
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    let asked = Arc::new(AtomicBool::new(false));
    let name = || {
        let span = tracing::Span::current();
        span.metadata().map_or("none", tracing::Metadata::name)
    };
    let webhook = blendfi::webhook(MemoryStore::new()).confirm({
        let asked = asked.clone();
        move |_| {
            asked.store(name() == "delivery-of-test", Ordering::SeqCst);
            async { tower_webhook::Confirmation::Confirmed }
        }
    });
    let handler = move || async move { name() };
    let spanned = from_fn(|request: Request, next: Next| {
        next.run(request)
            .instrument(tracing::info_span!("delivery-of-test"))
    });
    let route = post(handler).layer(webhook.layer().unwrap());
    let server = Server::start(Router::new().route("/hook", route).layer(spanned)).await;
    let answer = send(server.addr, &blendfi::event("evt_1", "{}")).await;
    assert_eq!(String::from_utf8(answer.body).unwrap(), "delivery-of-test");
    assert!(asked.load(Ordering::SeqCst), "the confirmation too");
}
