//! Who tells the observer first, where the end of a handler and the end of the time to answer come at
//! once; and that a lease is not lost whose event is recorded.
//!
//! Each test holds one side in the observer until the other has had its turn.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::support::faults::{Fault, FaultyStore, Op};
use crate::support::observer::Recorder;
use crate::support::stage::Stage;
use crate::support::still::StillTime;
use crate::support::wait::{done_with, record, within};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tower::{ServiceBuilder, ServiceExt};
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::layer::{DedupeLayer, EndpointConfig, Proof, Verdict};
use tower_webhook::store::{RecordState, Store};
use tower_webhook::{
    DedupeConfig, Delivery, EventKey, Lease, MemoryStore, Name, Observation, Observer, Reason,
    RetriedStatuses, RetrySchedule, SenderContract,
};

const SECOND: Duration = Duration::from_secs(1);
/// How long the other side has: it needs next to nothing, unless it waits as it should.
const TURN: Duration = Duration::from_millis(500);

/// At the first observation with this verdict it lets the other side go on, and stands until that has
/// done what it must not, or has had its turn.
struct Standing<G, D> {
    at: Verdict,
    go_on: G,
    has_done: D,
    stood: AtomicBool,
    seen: Recorder,
}

impl<G: Fn(), D: Fn() -> bool> Standing<G, D> {
    fn new(at: Verdict, seen: &Recorder, go_on: G, has_done: D) -> Self {
        Self {
            at,
            go_on,
            has_done,
            stood: AtomicBool::new(false),
            seen: seen.clone(),
        }
    }
}

impl<G, D> Observer for Standing<G, D>
where
    G: Fn() + Send + Sync + 'static,
    D: Fn() -> bool + Send + Sync + 'static,
{
    fn observe(&self, observation: &Observation<'_>) {
        if observation.verdict == self.at && !self.stood.swap(true, Ordering::SeqCst) {
            // From a thread of no runtime: what it wakes must not queue up behind this one.
            std::thread::scope(|scope| scope.spawn(&self.go_on).join().unwrap());
            let until = Instant::now() + TURN;
            while !(self.has_done)() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        self.seen.observe(observation);
    }
}

/// A layer for a sender that never retries: what is slow is answered with 202, what is not done with
/// 503.
fn layer(
    observer: impl Observer,
    store: impl Store,
    time_to_answer: Duration,
    lease: Duration,
) -> DedupeLayer {
    let contract =
        SenderContract::new(RetrySchedule::Never, RetriedStatuses::None).waits(time_to_answer);
    let endpoint = EndpointConfig::new(Name::new("acme").unwrap(), contract).observer(observer);
    let rule = EventRule::members([Shape::new("event", ["/id"]).unwrap()]).unwrap();
    DedupeLayer::builder(&endpoint, rule, [Proof::SecretPath])
        .config(
            DedupeConfig::new()
                .lease(lease)
                .renewal_ceiling(3_600 * SECOND),
        )
        .with_insecure_unauthenticated()
        .build(store)
        .unwrap()
}

/// Delivers an event to a handler, and tells how it was answered.
async fn deliver<F>(
    layer: DedupeLayer,
    handler: impl Fn(Delivery) -> F + Clone + Send + 'static,
) -> u16
where
    F: Future<Output = StatusCode> + Send + 'static,
{
    let service = ServiceBuilder::new().layer(layer);
    let service = service.service_fn(move |request: Request<Full<Bytes>>| {
        let delivery = request.extensions().get::<Delivery>().unwrap().clone();
        handler(delivery).map(|status| {
            let mut response = Response::new(Full::<Bytes>::default());
            *response.status_mut() = status;
            Ok::<_, Infallible>(response)
        })
    });
    let request = Request::post("/hooks").body(Full::from(r#"{"id":"1"}"#));
    let answer = service.oneshot(request.unwrap()).await.unwrap();
    answer.status().as_u16()
}

fn key() -> EventKey {
    EventKey::new(Name::new("acme").unwrap(), ["1"]).unwrap()
}

/// Everything that was observed, once there were two of them.
async fn both(seen: &Recorder) -> Vec<(Verdict, Option<Reason>, Option<u16>)> {
    seen.next().await;
    seen.next().await;
    let seen = seen.seen().into_iter();
    seen.map(|it| (it.verdict, it.reason, it.status)).collect()
}

/// The request runs on a thread of its own, the handler on that of the test.
#[tokio::test]
async fn a_handler_that_ends_while_its_sender_is_told_that_it_is_slow_is_observed_behind_that() {
    let time = StillTime::begin();
    let (store, stage, seen) = (MemoryStore::new(), Stage::new(), Recorder::new());
    let (go_on, other) = (stage.clone(), seen.clone());
    let observer = Standing::new(
        Verdict::Unfinished,
        &seen,
        move || go_on.let_go(1),
        move || !other.seen().is_empty(),
    );
    let layer = layer(observer, store.clone(), 5 * SECOND, 600 * SECOND);
    let (handle, handler) = (Handle::current(), stage.handler());
    let request =
        spawn_blocking(move || handle.block_on(deliver(layer, move |_: Delivery| handler())));
    stage.begun(1).await;
    time.pass(5 * SECOND).await;
    let slow = Some(Reason::HandlerSlow);
    assert_eq!(
        both(&seen).await,
        [
            (Verdict::Unfinished, slow, Some(202)),
            (Verdict::Handled, None, None)
        ]
    );
    assert_eq!(within("the answer", request).await.unwrap(), 202);
    let view = record(&store, &key()).await.unwrap();
    assert_eq!(done_with(&view), Some(204));
    assert_eq!(seen.take(), [], "observed once more");
}

/// One thread for all: when the deadline is noticed, the outcome is known, and it is the answer.
#[tokio::test]
async fn a_handler_that_ends_past_the_deadline_is_answered_by_its_outcome_where_nobody_was_told_before()
 {
    let _time = StillTime::begin();
    let (store, seen) = (MemoryStore::new(), Recorder::new());
    let layer = layer(seen.clone(), store.clone(), 5 * SECOND, 600 * SECOND);
    let answer = deliver(layer, async |_: Delivery| {
        // The time passes, and the thread is not given away.
        let _ = tokio::time::advance(5 * SECOND).now_or_never();
        StatusCode::NO_CONTENT
    });
    assert_eq!(within("the answer", answer).await, 204);
    let observed = seen.next().await;
    let observed = (observed.verdict, observed.reason, observed.status);
    assert_eq!(observed, (Verdict::Handled, None, Some(204)));
    let view = record(&store, &key()).await.unwrap();
    assert_eq!(done_with(&view), Some(204));
    assert_eq!(seen.take(), [], "observed once more");
}

/// Works until it was in time: on a busy machine a handler may begin, or end, too late for what is
/// tested.
async fn in_time<T>(limit: Duration, mut work: impl AsyncFnMut() -> (Duration, T)) -> T {
    for _ in 0..10 {
        let (taken, outcome) = work().await;
        if taken < limit {
            return outcome;
        }
    }
    panic!("not once in time");
}

/// A store that blocks its thread keeps the task from any answer in time: what it comes to later is
/// observed behind what its sender was told, and nobody's answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_task_comes_to_when_its_sender_is_answered_is_observed_behind_that() {
    let time_to_answer = 2 * SECOND;
    let work = async || {
        let (store, seen) = (FaultyStore::new(MemoryStore::new()), Recorder::new());
        store.next(Op::Complete, [Fault::Stands]);
        let (go_on, other) = (store.clone(), seen.clone());
        let observer = Standing::new(
            Verdict::Unfinished,
            &seen,
            move || go_on.open_the_gate(),
            move || !other.seen().is_empty(),
        );
        let layer = layer(observer, store.clone(), time_to_answer, 600 * SECOND);
        let begun = Instant::now();
        let request = tokio::spawn(deliver(layer, async |_: Delivery| StatusCode::NO_CONTENT));
        store.called(Op::Complete, 1).await;
        let taken = begun.elapsed();
        let told = both(&seen).await;
        let answer = within("the answer", request).await.unwrap();
        (taken, (told, answer, seen.take()))
    };
    let (told, answer, more) = in_time(time_to_answer * 3 / 4, work).await;
    let late = Some(Reason::InProgress);
    assert_eq!(
        told,
        [
            (Verdict::Unfinished, late, Some(503)),
            (Verdict::Handled, None, None)
        ]
    );
    assert_eq!(answer, 503);
    assert_eq!(more, [], "observed once more");
}

/// A renewal that is under way when the outcome is recorded finds that nobody holds the event.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_that_comes_behind_the_outcome_loses_no_lease() {
    let lease = 5 * SECOND;
    for (status, verdict) in [
        (StatusCode::NO_CONTENT, Verdict::Handled),
        (StatusCode::BAD_GATEWAY, Verdict::Failed),
    ] {
        let work = async || {
            let (store, seen) = (FaultyStore::new(MemoryStore::new()), Recorder::new());
            store.always(Op::Renew, Fault::Waits);
            let held: Arc<OnceLock<Lease>> = Arc::default();
            let (go_on, other) = (store.clone(), Arc::clone(&held));
            let is_lost = move || other.get().unwrap().is_lost();
            let observer = Standing::new(verdict, &seen, move || go_on.open_the_gate(), is_lost);
            let layer = layer(observer, store.clone(), 100 * SECOND, lease);
            let (renewed, kept) = (store.clone(), Arc::clone(&held));
            let begun = Instant::now();
            let request = tokio::spawn(deliver(layer, move |delivery: Delivery| {
                kept.set(delivery.lease().clone()).unwrap();
                let store = renewed.clone();
                async move {
                    store.called(Op::Renew, 1).await;
                    status
                }
            }));
            let observed = seen.next().await.verdict;
            let taken = begun.elapsed();
            within("the answer", request).await.unwrap();
            let state = record(&store.inner, &key()).await.unwrap().state;
            (taken, (observed, state, held.get().unwrap().is_lost()))
        };
        let (observed, state, is_lost) = in_time(lease, work).await;
        assert_eq!(observed, verdict);
        assert_eq!(state == RecordState::Released, verdict == Verdict::Failed);
        assert!(!is_lost, "{verdict:?}");
    }
}

/// The outcome is recorded, and the store's reply to that is lost: until it is sent again, renewals
/// find that nobody holds the event.
#[tokio::test]
async fn a_renewal_that_comes_before_the_reply_to_the_outcome_loses_no_lease() {
    let time = StillTime::begin();
    for (op, status, verdict) in [
        (Op::Complete, StatusCode::NO_CONTENT, Verdict::Handled),
        (Op::Release, StatusCode::BAD_GATEWAY, Verdict::Failed),
    ] {
        let (store, seen) = (FaultyStore::new(MemoryStore::new()), Recorder::new());
        store.next(op, [Fault::HangsAfter]);
        let held: Arc<OnceLock<Lease>> = Arc::default();
        let layer = layer(seen.clone(), store.clone(), 100 * SECOND, 2 * SECOND);
        let kept = Arc::clone(&held);
        let request = tokio::spawn(deliver(layer, move |delivery: Delivery| {
            kept.set(delivery.lease().clone()).unwrap();
            async move { status }
        }));
        store.called(op, 1).await;
        while seen.seen().is_empty() {
            time.pass(SECOND / 10).await;
        }
        within("the answer", request).await.unwrap();
        assert_eq!(seen.next().await.verdict, verdict);
        assert!(store.calls(Op::Renew) > 0, "{op:?}: it was not renewed");
        assert!(!held.get().unwrap().is_lost(), "{op:?}");
    }
}
