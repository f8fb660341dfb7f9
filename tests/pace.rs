//! Where a delivery is worked on: in a task of its own, or, once many before it were done at once,
//! in its request until it first has to wait.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::convert::Infallible;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::sync::Notify;
use tokio::task::Id;
use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt};
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::layer::{DedupeLayer, Reception};
use tower_webhook::store::RecordState;
use tower_webhook::{
    Clock, DeliveryProfile, Drain, EventKey, MemoryStore, ProviderName, Reason, Rejection,
    RetriedStatuses, RetrySchedule, Store, UnixTime,
};

/// More than any layer wants to see done at once before it relies on it.
const MANY: u32 = 200;

/// Longer than what is done at once.
const LONG: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy)]
enum Does {
    AnswersAtOnce,
    WaitsForTheGate,
    BlocksItsThreadFor(Duration),
    Panics,
}

/// A receiver whose handler does as it is told, and tells which task it ran in.
struct Receiver {
    layer: DedupeLayer,
    store: MemoryStore,
    drain: Drain,
    gate: Arc<Notify>,
    ran_in: Arc<Mutex<Option<Id>>>,
}

type Answer = Result<Response<Full<Bytes>>, Infallible>;

impl Receiver {
    fn new(store: MemoryStore) -> Self {
        Self::with_lease(store, Duration::from_secs(15))
    }

    fn with_lease(store: MemoryStore, lease: Duration) -> Self {
        let profile = DeliveryProfile::new(RetrySchedule::Never, RetriedStatuses::None);
        let reception = Reception::new(ProviderName::new("acme").unwrap(), profile);
        let rule = EventRule::members([Shape::new("event", ["/id"]).unwrap()]).unwrap();
        let drain = Drain::new();
        let layer = DedupeLayer::builder(&reception, rule, [])
            .with_insecure_unauthenticated()
            .lease(lease)
            .drain(drain.clone());
        Self {
            layer: layer.build(store.clone()).unwrap(),
            store,
            drain,
            gate: Arc::default(),
            ran_in: Arc::default(),
        }
    }

    fn deliver(
        &self,
        id: &str,
        does: Does,
    ) -> impl Future<Output = (StatusCode, Option<Reason>)> + use<> {
        let (gate, ran_in) = (Arc::clone(&self.gate), Arc::clone(&self.ran_in));
        let handler = tower::service_fn(move |_: Request<Full<Bytes>>| {
            let (gate, ran_in) = (Arc::clone(&gate), Arc::clone(&ran_in));
            async move {
                *ran_in.lock().unwrap() = tokio::task::try_id();
                match does {
                    Does::AnswersAtOnce => {}
                    Does::WaitsForTheGate => gate.notified().await,
                    Does::Panics => panic!("as it was told"),
                    Does::BlocksItsThreadFor(time) => std::thread::sleep(time),
                }
                Answer::Ok(Response::default())
            }
        });
        let service = ServiceBuilder::new()
            .layer(self.layer.clone())
            .service(handler);
        let body = Full::from(format!(r#"{{"id":"{id}"}}"#));
        let request = Request::post("/hooks").body(body).unwrap();
        async move {
            let answer = service.oneshot(request).await.unwrap();
            let reason = answer.extensions().get().map(Rejection::reason);
            (answer.status(), reason)
        }
    }

    /// Delivers an event in a task that stands for its connection; whether it was handled there.
    async fn was_handled_in_its_request(&self, id: &str, does: Does) -> bool {
        let connection = tokio::spawn(self.deliver(id, does));
        let request = connection.id();
        assert_eq!(connection.await.unwrap(), (StatusCode::OK, None), "{id}");
        let task = self.ran_in.lock().unwrap().take();
        task.expect("a handler runs in a task") == request
    }

    /// Has so many events handled at once that those after them begin in their requests, while
    /// somebody looks after holds; tells the last of them.
    async fn get_going(&self) -> String {
        // On a busy machine one of them may be kept waiting, and those before it count no more.
        static ROUNDS: AtomicU32 = AtomicU32::new(0);
        for _ in 0..50 {
            let round = ROUNDS.fetch_add(1, Ordering::Relaxed);
            for number in 0..MANY {
                let id = format!("quick-{round}-{number}");
                self.was_handled_in_its_request(&id, Does::AnswersAtOnce)
                    .await;
            }
            let id = format!("quick-{round}");
            let quick = self.was_handled_in_its_request(&id, Does::AnswersAtOnce);
            if quick.await {
                return id;
            }
        }
        panic!("none began in its request");
    }

    async fn is_done(&self, id: &str) -> bool {
        matches!(self.state(id).await, Some(RecordState::Done { .. }))
    }

    async fn open_the_gate_for_who_waits(&self) {
        loop {
            tokio::task::yield_now().await;
            self.gate.notify_waiters();
        }
    }

    async fn state(&self, id: &str) -> Option<RecordState> {
        let key = EventKey::new(ProviderName::new("acme").unwrap(), [id]).unwrap();
        let record = self.store.lookup(&key).await.unwrap();
        record.map(|record| record.state)
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_is_saved_once_many_deliveries_were_done_at_once() {
    let receiver = Receiver::new(MemoryStore::new());
    let first = receiver.was_handled_in_its_request("first", Does::AnswersAtOnce);
    assert!(!first.await, "what a handler does is not known yet");
    let quick = receiver.get_going().await;
    assert!(receiver.is_done(&quick).await);
    let copy = receiver
        .deliver(&quick, Does::BlocksItsThreadFor(LONG))
        .await;
    assert_eq!(copy, (StatusCode::OK, Some(Reason::AlreadyDone)));
    assert_eq!(receiver.drain.running(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_hangs_up_on_a_delivery_begun_in_its_request_cancels_nothing() {
    let receiver = Receiver::new(MemoryStore::new());
    receiver.get_going().await;
    {
        let mut request = Box::pin(receiver.deliver("slow", Does::WaitsForTheGate));
        let mut context = Context::from_waker(Waker::noop());
        assert!(request.as_mut().poll(&mut context).is_pending());
    }
    assert!(matches!(
        receiver.state("slow").await,
        Some(RecordState::Claimed { .. })
    ));
    assert_eq!(receiver.drain.running(), 1);
    receiver.gate.notify_one();
    assert_eq!(receiver.drain.wait(Duration::from_secs(30)).await, 0);
    assert!(receiver.is_done("slow").await);
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_too_long_is_answered_in_time_and_recorded_though_it_began_in_its_request() {
    let receiver = Receiver::new(MemoryStore::new());
    receiver.get_going().await;
    let begun = Instant::now();
    let answer = receiver.deliver("slow", Does::WaitsForTheGate).await;
    assert_eq!(answer, (StatusCode::ACCEPTED, Some(Reason::HandlerSlow)));
    // Four fifths of the five seconds that a sender has who states no time.
    assert_eq!(begun.elapsed().as_secs(), 4);
    assert_eq!(receiver.drain.running(), 1);
    receiver.gate.notify_one();
    assert_eq!(receiver.drain.wait(Duration::from_secs(30)).await, 0);
    assert!(receiver.is_done("slow").await);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_in_its_request_gives_the_event_back() {
    let receiver = Receiver::new(MemoryStore::new());
    receiver.get_going().await;
    let answer = receiver.deliver("bad", Does::Panics).await;
    assert_eq!(
        answer,
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            Some(Reason::HandlerPanicked)
        )
    );
    assert_eq!(receiver.state("bad").await, Some(RecordState::Released));
    assert_eq!(receiver.drain.running(), 0);
    receiver
        .was_handled_in_its_request("bad", Does::AnswersAtOnce)
        .await;
    assert!(receiver.is_done("bad").await);
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_or_blocks_sends_those_after_it_back_to_tasks() {
    for does in [Does::WaitsForTheGate, Does::BlocksItsThreadFor(LONG)] {
        let receiver = Receiver::new(MemoryStore::new());
        // On a busy machine the last one before it may have been kept waiting.
        for number in 0.. {
            receiver.get_going().await;
            let id = format!("odd-{number}");
            let began_there = tokio::select! {
                began_there = receiver.was_handled_in_its_request(&id, does) => began_there,
                () = receiver.open_the_gate_for_who_waits() => unreachable!("it has no end"),
            };
            if began_there {
                break;
            }
            assert!(number < 10, "{does:?}");
        }
        let next = receiver.was_handled_in_its_request("next", Does::AnswersAtOnce);
        assert!(!next.await, "{does:?}");
    }
}

/// What a handler does is not known from deliveries that no handler ran for.
#[tokio::test(start_paused = true)]
async fn copies_that_are_answered_at_once_tell_nothing_of_the_handler() {
    let receiver = Receiver::new(MemoryStore::new());
    let first = receiver.was_handled_in_its_request("first", Does::AnswersAtOnce);
    assert!(!first.await);
    for _ in 0..MANY {
        let copy = receiver.deliver("first", Does::AnswersAtOnce).await;
        assert_eq!(copy, (StatusCode::OK, Some(Reason::AlreadyDone)));
    }
    let next = receiver.was_handled_in_its_request("next", Does::AnswersAtOnce);
    assert!(!next.await);
}

/// A clock that panics when it is told to, and the store with it.
#[derive(Debug)]
struct Brittle(Arc<AtomicBool>);

impl Clock for Brittle {
    fn now(&self) -> UnixTime {
        assert!(!self.0.load(Ordering::SeqCst), "the clock is broken");
        UnixTime::from_secs(1_777_899_600)
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_in_a_request_costs_no_more_than_its_answer() {
    let broken = Arc::new(AtomicBool::new(false));
    let receiver = Receiver::new(MemoryStore::with_clock(Brittle(Arc::clone(&broken))));
    receiver.get_going().await;
    broken.store(true, Ordering::SeqCst);
    let answer = receiver.deliver("unlucky", Does::AnswersAtOnce).await;
    assert_eq!(
        answer,
        (StatusCode::SERVICE_UNAVAILABLE, Some(Reason::TaskEnded))
    );
    assert_eq!(receiver.drain.running(), 0);
    broken.store(false, Ordering::SeqCst);
    receiver
        .was_handled_in_its_request("unlucky", Does::AnswersAtOnce)
        .await;
}

/// While nothing is held nobody looks after holds: whoever is to look after this one must not stand
/// behind the thread that it blocks.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_that_blocks_its_thread_keeps_its_lease_wherever_it_began() {
    let lease = Duration::from_secs(2);
    let blocked = async |lull: Duration| {
        let receiver = Receiver::with_lease(MemoryStore::new(), lease);
        receiver.get_going().await;
        tokio::time::sleep(lull).await;
        let request =
            tokio::spawn(receiver.deliver("odd", Does::BlocksItsThreadFor(lease * 7 / 4)));
        tokio::time::sleep(lease * 3 / 2).await;
        let copy = receiver.deliver("odd", Does::AnswersAtOnce).await;
        let first = request.await.unwrap();
        (first, copy)
    };
    let at_once = blocked(Duration::ZERO);
    // Long enough for those who looked after holds to have seen that there are none.
    let later = blocked(lease / 2);
    let expected = (
        (StatusCode::OK, None),
        (StatusCode::OK, Some(Reason::AlreadyDone)),
    );
    let outcomes = tokio::join!(at_once, later);
    assert_eq!(outcomes, (expected, expected));
}
