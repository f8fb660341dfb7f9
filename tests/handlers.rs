//! What becomes of an event when its handler, or its sender, does not do what it should.
#![cfg(feature = "axum")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::post;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use support::blendfi;
use support::blox::{self, checkout, checkout_key};
use support::http::{Connection, Request as Sent, send, try_send};
use support::observer::Recorder;
use support::server::Server;
use support::stage::Stage;
use support::wait::{done, done_with, record, released, within};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tower::ServiceBuilder;
use tower_webhook::layer::Verdict;
use tower_webhook::store::RecordState;
use tower_webhook::{
    Delivery, DeliveryProfile, MemoryStore, NeverAgain, PathTokens, Reason, RetriedStatuses,
    RetrySchedule, Webhook, provider,
};

const TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f4a7e35d82";
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_sender_that_hangs_up_does_not_cancel_its_handler() {
    let (store, stage, gone) = (MemoryStore::new(), Stage::new(), Arc::new(Notify::new()));
    let webhook = blendfi::webhook(store.clone());
    let handler = {
        let stage = stage.clone();
        move || async move {
            stage.stand().await;
            StatusCode::NO_CONTENT
        }
    };
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
        .route("/hook", post(handler).layer(webhook.layer().unwrap()))
        .layer(watched);
    let server = Server::start(router).await;

    let event = blendfi::event("evt_1", r#"{"id":"cnv_1"}"#);
    let mut sender = Connection::open(server.addr).await;
    sender.write(&event.bytes()).await;
    stage.begun(1).await;
    sender.hang_up();
    within("the request to be dropped", gone.notified()).await;
    let key = blendfi::key("evt_1");
    let view = record(&store, &key).await.unwrap();
    assert!(
        matches!(view.state, RecordState::Claimed { .. }),
        "{view:?}"
    );

    stage.let_go(1);
    let view = done(&store, &key).await;
    assert_eq!((view.attempt, done_with(&view)), (1, Some(204)));
    let copy = send(server.addr, &event).await;
    assert_eq!((copy.status, copy.is_replayed()), (200, true));
    assert_eq!(stage.runs(), 1);

    stage.let_go(1);
    let next = send(server.addr, &blendfi::event("evt_2", "{}")).await;
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

    let first = send(server.addr, &event).await;
    assert_eq!((first.status, first.body.as_slice()), (500, &b""[..]));
    let view = record(&store, &blendfi::key("evt_1")).await.unwrap();
    assert_eq!((&view.state, view.attempt), (&RecordState::Released, 1));
    assert_eq!(
        recorder.count(Verdict::Failed, Some(Reason::HandlerPanicked)),
        1
    );

    assert_eq!(send(server.addr, &event).await.status, 204);
    let after = record(&store, &blendfi::key("evt_1")).await.unwrap();
    assert_eq!((done_with(&after), after.attempt), (Some(204), 2));
    let seen = seen.lock().unwrap().clone();
    assert_eq!(
        seen.iter().map(|(attempt, _)| *attempt).collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(seen[0].1, view.fence);
    assert!(seen[1].1 > seen[0].1, "{seen:?}");
    assert!(send(server.addr, &event).await.is_replayed());
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
    let answer = send(server.addr, &event).await;
    assert!(answer.is_not_now(), "{answer:?}");
    let view = record(&store, &blendfi::key("evt_1")).await.unwrap();
    assert!(
        matches!(view.state, RecordState::Claimed { .. }),
        "{view:?}"
    );
    stage.let_go(1);
    assert_eq!(
        done_with(&done(&store, &blendfi::key("evt_1")).await),
        Some(201)
    );
    let copy = send(server.addr, &event).await;
    assert_eq!(
        (copy.status, copy.is_replayed(), stage.runs()),
        (200, true, 1)
    );
    // The answer, the outcome after it, and the copy.
    let seen = recorder.seen();
    let verdicts: Vec<_> = seen
        .iter()
        .map(|it| (it.verdict, it.status.map(|s| s.as_u16())))
        .collect();
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
        send(server.addr, &blendfi::event("evt_2", "{}"))
            .await
            .status,
        204
    );

    // One that does not is told that the event was taken.
    let (store, stage) = (MemoryStore::new(), Stage::new());
    let profile = DeliveryProfile::new(RetrySchedule::Never, RetriedStatuses::None)
        .with_time_to_answer(SECOND);
    let webhook = Webhook::new(blox::provider().with_profile(profile))
        .clock(blendfi::clock())
        .dedupe(store.clone());
    let route = post(slow(&stage)).layer(webhook.layer().unwrap());
    let server = Server::start(Router::new().route("/blox/{token}", route)).await;
    let answer = send(server.addr, &checkout("c1", "15000")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (202, None));
    stage.let_go(1);
    assert_eq!(
        done_with(&done(&store, &checkout_key("c1")).await),
        Some(201)
    );
    let copy = send(server.addr, &checkout("c1", "15000")).await;
    assert_eq!(
        (copy.status, copy.is_replayed(), stage.runs()),
        (200, true, 1)
    );
    stage.let_go(1);
    assert_eq!(send(server.addr, &checkout("c2", "1")).await.status, 204);
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
    // The statuses that PROVIDERS.md gives for each sender.
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
        let answer = send(server.addr, &event).await;
        assert_eq!(answer.status, expected, "BlendFi, {answered}");
        assert_eq!(
            answer.body, b"why not",
            "the handler's own answer, but for its status"
        );
        let view = record(&store, &blendfi::key("evt_1")).await.unwrap();
        assert_eq!(view.state, RecordState::Released, "{answered}");
        assert_eq!(
            send(server.addr, &event).await.status,
            204,
            "the next attempt runs"
        );
        let view = record(&store, &blendfi::key("evt_1")).await.unwrap();
        assert_eq!((done_with(&view), view.attempt), (Some(204), 2));
    }
    for (answered, expected) in [(302, 500), (400, 500), (409, 500), (503, 500)] {
        let store = MemoryStore::new();
        let webhook = Webhook::new(blox::provider())
            .clock(blendfi::clock())
            .dedupe(store.clone());
        let route = post(first_with(answered)).layer(webhook.layer().unwrap());
        let server = Server::start(Router::new().route("/blox/{token}", route)).await;
        assert_eq!(
            send(server.addr, &checkout("c1", "1")).await.status,
            expected,
            "BLOX, {answered}"
        );
        assert_eq!(released(&store, &checkout_key("c1")).await.attempt, 1);
        assert_eq!(send(server.addr, &checkout("c1", "1")).await.status, 204);
    }
    for status in [302, 400, 404, 409, 500] {
        let store = MemoryStore::new();
        let tokens = PathTokens::parse([TOKEN]).unwrap();
        let webhook =
            Webhook::new(provider::bloque_accounts(tokens).unwrap()).dedupe(store.clone());
        let route = post(first_with(status)).layer(webhook.layer().unwrap());
        let server = Server::start(Router::new().route("/bloque/{token}", route)).await;
        let event = Sent::post(&format!("/bloque/{TOKEN}"))
            .body(r#"{"type":"authorization","event":"purchase","transaction_id":"tx_1"}"#);
        assert_eq!(
            send(server.addr, &event).await.status,
            status,
            "Bloque retries after it"
        );
        assert_eq!(send(server.addr, &event).await.status, 204);
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
    let answer = send(server.addr, &event).await;
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (410, &b"not ours"[..])
    );
    assert_eq!(
        done_with(&record(&store, &blendfi::key("evt_1")).await.unwrap()),
        Some(410)
    );
    let copy = send(server.addr, &event).await;
    assert_eq!(
        (copy.status, copy.is_replayed(), stage.runs()),
        (200, true, 1)
    );

    let replaying = blendfi::webhook(store.clone()).replay_responses(64);
    let server = blendfi::serve(&replaying, handler).await;
    let event = blendfi::event("evt_2", "{}");
    assert_eq!(send(server.addr, &event).await.status, 410);
    let copy = send(server.addr, &event).await;
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
    let addr = listener.local_addr().unwrap();
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
    assert!(
        try_send(addr, &event).await.is_err(),
        "hyper closes without an answer"
    );
    assert_eq!(released(&store, &blendfi::key("evt_1")).await.attempt, 1);
    support::wait::until("hyper to say so", || !failures.lock().unwrap().is_empty()).await;
    assert_eq!(recorder.seen()[0].reason, Some(Reason::HandlerFailed));
    assert_eq!(send(addr, &event).await.status, 204);
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
        let webhook = Webhook::new(provider)
            .clock(blendfi::clock())
            .dedupe(store.clone());
        webhook
            .observer(recorder.clone())
            .max_body_bytes(1024)
            .layer()
            .unwrap()
    };
    let router = Router::new()
        .route(
            "/hook",
            post(handler.clone()).layer(layer(blendfi::provider())),
        )
        .route(
            "/blox/{token}",
            post(handler).layer(layer(blox::provider())),
        );
    let server = Server::start(router).await;

    let whole = [
        (blendfi::event("evt_1", "{}"), blendfi::key("evt_1")),
        (checkout("c1", "15000"), checkout_key("c1")),
    ];
    for (number, (event, key)) in whole.iter().enumerate() {
        let bytes = event.bytes();
        let mut sender = Connection::open(server.addr).await;
        sender.write(&bytes[..bytes.len() - 10]).await;
        sender.shut_down().await;
        if let Ok(answer) = sender.read().await {
            assert_eq!(answer.status, 400);
        }
        support::wait::until("the observer", || {
            recorder.count(Verdict::Refused, Some(Reason::BodyCutOff)) == number + 1
        })
        .await;
        assert_eq!(record(&store, key).await, None);
    }
    let long = format!(r#"{{"note":"{}"}}"#, "x".repeat(1024));
    let announced = blendfi::event("evt_2", &long);
    assert_eq!(send(server.addr, &announced).await.status, 413);
    let body = blendfi::body("evt_2", &long);
    let mut chunked = Sent::post("/hook")
        .header("x-blendfi-signature", &blendfi::signature(body.as_bytes()))
        .header("transfer-encoding", "chunked")
        .head();
    for piece in body.as_bytes().chunks(100) {
        chunked.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        chunked.extend_from_slice(piece);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let mut sender = Connection::open(server.addr).await;
    sender.write(&chunked).await;
    assert_eq!(sender.read().await.unwrap().status, 413);
    assert_eq!(record(&store, &blendfi::key("evt_2")).await, None);
    assert_eq!(stage.runs(), 0);

    for (event, key) in &whole {
        assert_eq!(send(server.addr, event).await.status, 204);
        assert_eq!(record(&store, key).await.unwrap().attempt, 1);
    }
}
