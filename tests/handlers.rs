//! What becomes of an event when its handler, or its sender, does not do what it should; and what a
//! handler is given.
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
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use support::blox::checkout;
use support::http::Connection;
use support::observer::Recorder;
use support::presets::{Preset, answering_in, clock};
use support::server::Server;
use support::stage::Stage;
use support::wait::{done, done_with, is_claimed, record, released, until, within};
use support::{blendfi, blox};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_webhook::layer::Verdict;
use tower_webhook::store::RecordState;
use tower_webhook::{Delivery, Event, MemoryStore, NeverAgain, ProviderName, Reason, Webhook};
use tracing::Instrument;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_sender_that_hangs_up_does_not_cancel_its_handler() {
    let (store, stage, gone) = (MemoryStore::new(), Stage::new(), Arc::new(Notify::new()));
    let webhook = blendfi::webhook(store.clone());
    struct Guard(Arc<Notify>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let watched = {
        let gone = gone.clone();
        from_fn(move |request: Request, next: Next| {
            let guard = Guard(gone.clone());
            async move {
                let _guard = guard;
                next.run(request).await
            }
        })
    };
    let router = Router::new()
        .route(
            "/hooks",
            post(stage.handler()).layer(webhook.layer().unwrap()),
        )
        .layer(watched);
    let server = Server::start(router).await;

    let event = blendfi::event("evt_1", r#"{"id":"cnv_1"}"#);
    let mut sender = Connection::open(server.address).await;
    sender.send(&event.bytes()).await;
    stage.begun(1).await;
    sender.hang_up();
    within("the request to be dropped", gone.notified()).await;
    let key = blendfi::key("evt_1");
    let view = record(&store, &key).await.unwrap();
    assert!(is_claimed(&view), "{view:?}");

    stage.let_go(1);
    let view = done(&store, &key).await;
    assert_eq!((view.attempt, done_with(&view)), (1, Some(204)));
    let copy = event.send(server.address).await;
    assert_eq!((copy.status, copy.is_replayed()), (200, true));
    assert_eq!(stage.runs(), 1);

    stage.let_go(1);
    let next = blendfi::event("evt_2", "{}").send(server.address).await;
    assert_eq!((next.status, next.is_replayed()), (204, false));
}

#[tokio::test]
async fn a_handler_that_panics_is_run_again_with_a_larger_fence() {
    let store = MemoryStore::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let handler = {
        let seen = seen.clone();
        move |delivery: Delivery| async move {
            seen.lock()
                .unwrap()
                .push((delivery.attempt(), delivery.fence()));
            assert!(delivery.attempt() > 1, "the first attempt panics");
            StatusCode::NO_CONTENT
        }
    };
    let recorder = Recorder::new();
    let webhook = blendfi::webhook(store.clone()).observer(recorder.clone());
    let server = blendfi::serve(&webhook, handler).await;
    let event = blendfi::event("evt_1", "{}");

    let first = event.send(server.address).await;
    assert_eq!((first.status, first.body.as_slice()), (500, &b""[..]));
    let view = record(&store, &blendfi::key("evt_1")).await.unwrap();
    assert_eq!((&view.state, view.attempt), (&RecordState::Released, 1));
    assert_eq!(
        recorder.count(Verdict::Failed, Some(Reason::HandlerPanicked)),
        1
    );

    assert_eq!(event.send(server.address).await.status, 204);
    let after = record(&store, &blendfi::key("evt_1")).await.unwrap();
    assert_eq!((done_with(&after), after.attempt), (Some(204), 2));
    let seen = seen.lock().unwrap().clone();
    assert_eq!(
        seen.iter().map(|(attempt, _)| *attempt).collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(seen[0].1, view.fence);
    assert!(seen[1].1 > seen[0].1, "{seen:?}");
    assert!(event.send(server.address).await.is_replayed());
}

#[tokio::test]
async fn a_handler_that_outlives_the_time_to_answer_goes_on_and_is_recorded() {
    let slow = |stage: &Stage| {
        let stage = stage.clone();
        move || async move {
            match stage.stand().await {
                1 => StatusCode::CREATED,
                _ => StatusCode::NO_CONTENT,
            }
        }
    };
    // A sender that retries is told to come again.
    let (store, stage, recorder) = (MemoryStore::new(), Stage::new(), Recorder::new());
    let webhook = blendfi::webhook_answering_in(SECOND, store.clone()).observer(recorder.clone());
    let server = blendfi::serve(&webhook, slow(&stage)).await;
    let event = blendfi::event("evt_1", "{}");
    let answer = event.send(server.address).await;
    assert!(answer.is_not_now(), "{answer:?}");
    let view = record(&store, &blendfi::key("evt_1")).await.unwrap();
    assert!(is_claimed(&view), "{view:?}");
    stage.let_go(1);
    assert_eq!(
        done_with(&done(&store, &blendfi::key("evt_1")).await),
        Some(201)
    );
    let copy = event.send(server.address).await;
    assert_eq!(
        (copy.status, copy.is_replayed(), stage.runs()),
        (200, true, 1)
    );
    // The answer, the outcome after it, and the copy.
    let seen = recorder.seen();
    let verdicts: Vec<_> = seen.iter().map(|it| (it.verdict, it.status)).collect();
    assert_eq!(
        verdicts,
        [
            (Verdict::Unfinished, Some(503)),
            (Verdict::Handled, None),
            (Verdict::Copy, Some(200)),
        ]
    );
    stage.let_go(1);
    assert_eq!(
        blendfi::event("evt_2", "{}")
            .send(server.address)
            .await
            .status,
        204
    );

    // One that does not is told that the event was taken.
    let (store, stage) = (MemoryStore::new(), Stage::new());
    let webhook = Webhook::new(answering_in(SECOND, blox::provider()))
        .clock(clock())
        .dedupe(store.clone());
    let server = Preset::Blox.serve(&webhook, slow(&stage)).await;
    let event = checkout("c1", "COMPLETED", "15000");
    let answer = event.send(server.address).await;
    assert_eq!((answer.status, answer.header("retry-after")), (202, None));
    stage.let_go(1);
    assert_eq!(
        done_with(&done(&store, &blox::key("c1", "COMPLETED")).await),
        Some(201)
    );
    let copy = event.send(server.address).await;
    assert_eq!(
        (copy.status, copy.is_replayed(), stage.runs()),
        (200, true, 1)
    );
    stage.let_go(1);
    let next = checkout("c2", "COMPLETED", "1");
    assert_eq!(next.send(server.address).await.status, 204);
}

#[tokio::test]
async fn a_slow_handler_is_observed_though_its_sender_has_hung_up() {
    let (store, stage, recorder) = (MemoryStore::new(), Stage::new(), Recorder::new());
    let webhook = blendfi::webhook_answering_in(SECOND, store.clone()).observer(recorder.clone());
    let server = blendfi::serve(&webhook, stage.handler()).await;
    let event = blendfi::event("evt_1", "{}");
    let mut sender = Connection::open(server.address).await;
    sender.send(&event.bytes()).await;
    stage.begun(1).await;
    sender.hang_up();
    let slow = || recorder.count(Verdict::Unfinished, Some(Reason::HandlerSlow));
    until("the observer to be told", || slow() == 1).await;
    stage.let_go(1);
    done(&store, &blendfi::key("evt_1")).await;
    until("the end to be observed", || recorder.seen().len() == 2).await;
    let seen = recorder.seen();
    let verdicts: Vec<_> = seen.iter().map(|it| (it.verdict, it.status)).collect();
    assert_eq!(
        verdicts,
        [(Verdict::Unfinished, None), (Verdict::Handled, None)]
    );
}

/// A future that panics when it is dropped, and in the first attempt before that too.
struct Trap {
    panics: bool,
}

impl Future for Trap {
    type Output = Result<axum::response::Response, Infallible>;

    fn poll(self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.panics, "the first attempt panics");
        Poll::Ready(Ok(StatusCode::NO_CONTENT.into_response()))
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        panic!("it panics when it is dropped");
    }
}

#[tokio::test]
async fn a_future_that_panics_when_it_is_dropped_keeps_its_outcome() {
    let (store, stage, recorder) = (MemoryStore::new(), Stage::new(), Recorder::new());
    let webhook = blendfi::webhook(store.clone()).observer(recorder.clone());
    let runs = stage.clone();
    let service = tower::service_fn(move |_: Request| Trap {
        panics: runs.enter() == 1,
    });
    let layer = webhook.layer().unwrap();
    let router = Router::new().route("/hooks", post_service(layer.layer(service)));
    let server = Server::start(router).await;
    let event = blendfi::event("evt_1", "{}");
    assert_eq!(event.send(server.address).await.status, 500);
    let view = record(&store, &blendfi::key("evt_1")).await.unwrap();
    assert_eq!(view.state, RecordState::Released);
    assert_eq!(event.send(server.address).await.status, 204);
    let view = record(&store, &blendfi::key("evt_1")).await.unwrap();
    assert_eq!((done_with(&view), stage.runs()), (Some(204), 2));
    let verdicts: Vec<_> = recorder.seen().iter().map(|it| it.verdict).collect();
    assert_eq!(verdicts, [Verdict::Failed, Verdict::Handled]);
}

/// Answers the first attempt with this status and later ones with 204.
fn first_with(
    status: u16,
) -> impl Fn(Delivery) -> std::future::Ready<axum::response::Response> + Clone {
    move |delivery: Delivery| {
        std::future::ready(match delivery.attempt() {
            1 => (StatusCode::from_u16(status).unwrap(), "why not").into_response(),
            _ => StatusCode::NO_CONTENT.into_response(),
        })
    }
}

#[tokio::test]
async fn a_failure_is_answered_so_that_its_sender_retries() {
    // The statuses after which each sender retries, by its documentation.
    for (answered, expected) in [
        (301, 500),
        (302, 500),
        (400, 500),
        (404, 500),
        (410, 500),
        (422, 500),
        (408, 408),
        (409, 409),
        (425, 425),
        (429, 429),
        (500, 500),
        (502, 502),
        (503, 503),
    ] {
        let store = MemoryStore::new();
        let webhook = blendfi::webhook(store.clone());
        let server = blendfi::serve(&webhook, first_with(answered)).await;
        let event = blendfi::event("evt_1", "{}");
        let answer = event.send(server.address).await;
        assert_eq!(answer.status, expected, "BlendFi, {answered}");
        assert_eq!(
            answer.body, b"why not",
            "the handler's own answer, but for its status"
        );
        let view = record(&store, &blendfi::key("evt_1")).await.unwrap();
        assert_eq!(view.state, RecordState::Released, "{answered}");
        assert_eq!(
            event.send(server.address).await.status,
            204,
            "the next attempt runs"
        );
        let view = record(&store, &blendfi::key("evt_1")).await.unwrap();
        assert_eq!((done_with(&view), view.attempt), (Some(204), 2));
    }
    for (answered, expected) in [(302, 500), (400, 500), (409, 500), (503, 500)] {
        let store = MemoryStore::new();
        let webhook = blox::webhook(store.clone());
        let server = Preset::Blox.serve(&webhook, first_with(answered)).await;
        let event = checkout("c1", "COMPLETED", "1");
        let answer = event.send(server.address).await;
        assert_eq!(answer.status, expected, "BLOX, {answered}");
        let key = blox::key("c1", "COMPLETED");
        assert_eq!(released(&store, &key).await.attempt, 1);
        assert_eq!(event.send(server.address).await.status, 204);
    }
    for status in [302, 400, 404, 409, 500] {
        let bloque = Preset::BloqueAccounts;
        let webhook = Webhook::new(bloque.provider()).dedupe(MemoryStore::new());
        let server = bloque.serve(&webhook, first_with(status)).await;
        let event = bloque.delivery(1);
        assert_eq!(
            event.send(server.address).await.status,
            status,
            "Bloque retries after it"
        );
        assert_eq!(event.send(server.address).await.status, 204);
    }
}

#[tokio::test]
async fn an_answer_marked_never_again_stands_and_settles_the_event() {
    let (store, stage) = (MemoryStore::new(), Stage::new());
    let handler = {
        let stage = stage.clone();
        move || async move {
            stage.enter();
            NeverAgain((StatusCode::GONE, "not ours"))
        }
    };
    let server = blendfi::serve(&blendfi::webhook(store.clone()), handler.clone()).await;
    let event = blendfi::event("evt_1", "{}");
    let answer = event.send(server.address).await;
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (410, &b"not ours"[..])
    );
    assert_eq!(
        done_with(&record(&store, &blendfi::key("evt_1")).await.unwrap()),
        Some(410)
    );
    let copy = event.send(server.address).await;
    assert_eq!(
        (copy.status, copy.is_replayed(), stage.runs()),
        (200, true, 1)
    );

    let replaying = blendfi::webhook(store.clone()).replay_responses(64);
    let server = blendfi::serve(&replaying, handler).await;
    let event = blendfi::event("evt_2", "{}");
    assert_eq!(event.send(server.address).await.status, 410);
    let copy = event.send(server.address).await;
    assert_eq!((copy.status, copy.body.as_slice()), (410, &b"not ours"[..]));
    assert!(copy.is_replayed());
    assert_eq!(stage.runs(), 2);
}

#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}

#[tokio::test]
async fn an_error_of_the_service_passes_through_and_releases_the_event() {
    let (store, stage) = (MemoryStore::new(), Stage::new());
    let recorder = Recorder::new();
    let webhook = blendfi::webhook(store.clone()).observer(recorder.clone());
    let runs = stage.clone();
    let service = ServiceBuilder::new()
        .map_request(|request: Request<hyper::body::Incoming>| request.map(Body::new))
        .layer(webhook.layer().unwrap())
        .service_fn(move |_: Request| {
            let run = runs.enter();
            async move {
                match run {
                    1 => Err(Broken),
                    _ => Ok(StatusCode::NO_CONTENT.into_response()),
                }
            }
        });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let failures = Arc::new(Mutex::new(Vec::new()));
    let server = tokio::spawn({
        let failures = failures.clone();
        async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let service = TowerToHyperService::new(service.clone());
                let failures = failures.clone();
                tokio::spawn(async move {
                    let served = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                        .http1_only()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                    if let Err(error) = served {
                        failures.lock().unwrap().push(error.to_string());
                    }
                });
            }
        }
    });
    let event = blendfi::event("evt_1", "{}");
    let mut sender = Connection::open(address).await;
    sender.send(&event.bytes()).await;
    let answer = sender.response().await;
    assert_eq!(answer, None, "hyper closes without an answer");
    assert_eq!(released(&store, &blendfi::key("evt_1")).await.attempt, 1);
    until("hyper to say so", || !failures.lock().unwrap().is_empty()).await;
    assert_eq!(recorder.seen()[0].reason, Some(Reason::HandlerFailed));
    assert_eq!(event.send(address).await.status, 204);
    assert_eq!(
        record(&store, &blendfi::key("evt_1"))
            .await
            .unwrap()
            .attempt,
        2
    );
    server.abort();
}

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
        let webhook = Webhook::new(provider).clock(clock()).dedupe(store.clone());
        webhook
            .observer(recorder.clone())
            .max_body_bytes(1024)
            .layer()
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
    let layer = blendfi::webhook(MemoryStore::new()).layer().unwrap();
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
    let signed = blendfi::webhook(MemoryStore::new()).layer().unwrap();
    let by_path = Webhook::new(blox::provider())
        .clock(clock())
        .layer()
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
    let told = |answer: support::http::Response| {
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

    let server = blendfi::serve(&webhook.refuse_old_events(), handler).await;
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
    let first = small.send(server.address).await;
    assert_eq!(
        (first.status, first.body.as_slice(), first.is_replayed()),
        (201, &b"12345678"[..], false)
    );
    let copy = small.send(server.address).await;
    assert_eq!(
        (copy.status, copy.body.as_slice(), copy.is_replayed()),
        (201, &b"12345678"[..], true)
    );

    let long = blendfi::event("evt_2", r#"{"answer":"123456789"}"#);
    let first = long.send(server.address).await;
    assert_eq!(
        (first.status, first.body.as_slice()),
        (201, &b"123456789"[..])
    );
    let copy = long.send(server.address).await;
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
    let answer = blendfi::event("evt_1", "{}").send(server.address).await;
    assert!(answer.is_not_now(), "answered in time: {answer:?}");

    let panics = blendfi::event("evt_2", r#"{"panics":true}"#);
    assert_eq!(panics.send(server.address).await.status, 500);
    let view = record(&store, &blendfi::key("evt_2")).await.unwrap();
    assert_eq!(view.state, RecordState::Released);
    assert_eq!(panics.send(server.address).await.body, b"late");
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
            .tenant(ProviderName::new(tenant).unwrap());
        let webhook = Webhook::new(provider).clock(clock()).dedupe(store.clone());
        let route = post(handler.clone()).layer(webhook.layer().unwrap());
        router = router.route(&format!("/{tenant}"), route);
    }
    let server = Server::start(router).await;
    let delivery = blendfi::event("evt_1", "{}");
    for tenant in ["north", "south"] {
        let event = delivery.clone().target(&format!("/{tenant}"));
        assert_eq!(event.send(server.address).await.body, tenant.as_bytes());
        assert!(event.send(server.address).await.is_replayed());
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
        tracing::Span::current()
            .metadata()
            .map(tracing::Metadata::name)
            .unwrap_or("none")
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
    let server = Server::start(Router::new().route("/hooks", route).layer(spanned)).await;
    let answer = blendfi::event("evt_1", "{}").send(server.address).await;
    assert_eq!(String::from_utf8(answer.body).unwrap(), "delivery-of-test");
    assert!(asked.load(Ordering::SeqCst), "the confirmation too");
}
