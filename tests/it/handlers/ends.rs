//! Handlers that are left alone, panic, or take too long.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::{post, post_service};
use tokio::sync::Notify;
use tower::Layer;
use tower_webhook::layer::Verdict;
use tower_webhook::store::RecordState;
use tower_webhook::{Delivery, MemoryStore, Reason, Webhook};

use super::SECOND;
use crate::support::blox::checkout;
use crate::support::http::Connection;
use crate::support::observer::Recorder;
use crate::support::presets::{Preset, answering_in, clock};
use crate::support::server::Server;
use crate::support::stage::Stage;
use crate::support::wait::{done, done_with, is_claimed, record, until, within};
use crate::support::{blendfi, blox};

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
            post(stage.handler()).layer(webhook.build().unwrap()),
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
    let duplicate = event.send(server.address).await;
    assert_eq!((duplicate.status, duplicate.is_replayed()), (200, true));
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

/// The window of a handler that fails behind its effect, and what closes it.
#[tokio::test]
async fn an_effect_before_a_failure_takes_place_twice_unless_it_is_unique_on_the_key() {
    for panics in [false, true] {
        let plain = Arc::new(Mutex::new(Vec::new()));
        let unique = Arc::new(Mutex::new(BTreeSet::new()));
        let handler = {
            let (plain, unique) = (Arc::clone(&plain), Arc::clone(&unique));
            move |delivery: Delivery| async move {
                plain.lock().unwrap().push(delivery.key().encoded());
                unique.lock().unwrap().insert(delivery.key().encoded());
                match delivery.attempt() {
                    1 if panics => panic!("behind its effect"),
                    1 => StatusCode::INTERNAL_SERVER_ERROR,
                    _ => StatusCode::NO_CONTENT,
                }
            }
        };
        let server = blendfi::serve(&blendfi::webhook(MemoryStore::new()), handler).await;
        let event = blendfi::event("evt_1", "{}");
        assert_eq!(event.send(server.address).await.status, 500);
        assert_eq!(event.send(server.address).await.status, 204);
        assert!(event.send(server.address).await.is_replayed());
        let key = blendfi::key("evt_1").encoded();
        assert_eq!(*plain.lock().unwrap(), [key.clone(), key.clone()]);
        assert_eq!(*unique.lock().unwrap(), BTreeSet::from([key]));
    }
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
    let duplicate = event.send(server.address).await;
    assert_eq!(
        (duplicate.status, duplicate.is_replayed(), stage.runs()),
        (200, true, 1)
    );
    // The answer, the outcome after it, and the duplicate.
    let seen = recorder.seen();
    let verdicts: Vec<_> = seen.iter().map(|it| (it.verdict, it.status)).collect();
    assert_eq!(
        verdicts,
        [
            (Verdict::Unfinished, Some(503)),
            (Verdict::Handled, None),
            (Verdict::Duplicate, Some(200)),
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
        .store(store.clone());
    let server = Preset::Blox.serve(&webhook, slow(&stage)).await;
    let event = checkout("c1", "COMPLETED", "15000");
    let answer = event.send(server.address).await;
    assert_eq!((answer.status, answer.header("retry-after")), (202, None));
    stage.let_go(1);
    assert_eq!(
        done_with(&done(&store, &blox::key("c1", "COMPLETED")).await),
        Some(201)
    );
    let duplicate = event.send(server.address).await;
    assert_eq!(
        (duplicate.status, duplicate.is_replayed(), stage.runs()),
        (200, true, 1)
    );
    stage.let_go(1);
    let next = checkout("c2", "COMPLETED", "1");
    assert_eq!(next.send(server.address).await.status, 204);
}

/// A handler that blocks its thread, and with it whoever would have answered at the deadline: what it
/// has come to is known by the time that anybody can answer, and is the answer.
#[tokio::test]
async fn an_outcome_that_comes_too_late_is_the_answer_all_the_same() {
    let blocking = |status: StatusCode| {
        move || async move {
            std::thread::sleep(Duration::from_millis(900));
            status
        }
    };
    let (failure, success) = (StatusCode::INTERNAL_SERVER_ERROR, StatusCode::CREATED);
    for status in [failure, success] {
        // One that does not retry, and one that does.
        let (store, recorder) = (MemoryStore::new(), Recorder::new());
        let webhook = Webhook::new(answering_in(SECOND, blox::provider()))
            .clock(clock())
            .observer(recorder.clone())
            .store(store.clone());
        let server = Preset::Blox.serve(&webhook, blocking(status)).await;
        let answer = checkout("c1", "COMPLETED", "1").send(server.address).await;
        assert_eq!(answer.status, status, "{answer:?}");
        let other = recorder.clone();
        let webhook = blendfi::webhook_answering_in(SECOND, store.clone()).observer(other);
        let server = blendfi::serve(&webhook, blocking(status)).await;
        let answer = blendfi::event("evt_1", "{}").send(server.address).await;
        assert_eq!(answer.status, status, "{answer:?}");
        for key in [blox::key("c1", "COMPLETED"), blendfi::key("evt_1")] {
            let view = record(&store, &key).await.unwrap();
            match status.is_success() {
                true => assert_eq!(done_with(&view), Some(201)),
                false => assert_eq!(view.state, RecordState::Released),
            }
        }
        let seen = recorder.seen();
        let seen: Vec<_> = seen.iter().map(|it| (it.verdict, it.status)).collect();
        let verdict = match status.is_success() {
            true => Verdict::Handled,
            false => Verdict::Failed,
        };
        assert_eq!(seen, [(verdict, Some(status.as_u16())); 2]);
    }
}

/// The same while a store is still to hear of it.
#[cfg(feature = "redis")]
#[tokio::test]
async fn an_outcome_that_is_being_recorded_at_the_deadline_is_the_answer() {
    let redis = crate::redis_support::Server::start();
    let store = tower_webhook::RedisStore::connect(redis.url())
        .await
        .unwrap();
    let webhook = Webhook::new(answering_in(SECOND, blox::provider())).store(store);
    let fails = async || {
        std::thread::sleep(Duration::from_millis(900));
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let server = Preset::Blox.serve(&webhook.clock(clock()), fails).await;
    let answer = checkout("c1", "COMPLETED", "1").send(server.address).await;
    assert_eq!(answer.status, 500, "{answer:?}");
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
    let layer = webhook.build().unwrap();
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

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("what it panicked with panics when it is dropped");
    }
}

#[tokio::test]
async fn a_panic_with_something_that_panics_when_it_is_dropped_gives_the_event_back() {
    let store = MemoryStore::new();
    let handler = |delivery: Delivery| async move {
        if delivery.attempt() == 1 {
            std::panic::panic_any(Bomb);
        }
        StatusCode::NO_CONTENT
    };
    let server = blendfi::serve(&blendfi::webhook(store.clone()), handler).await;
    let event = blendfi::event("evt_1", "{}");
    assert_eq!(event.send(server.address).await.status, 500);
    let view = record(&store, &blendfi::key("evt_1")).await.unwrap();
    assert_eq!(view.state, RecordState::Released);
    assert_eq!(event.send(server.address).await.status, 204);
}
