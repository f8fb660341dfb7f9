//! Where a delivery is worked on: in a task of its own, always, however quick those before it were.

use std::convert::Infallible;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
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
use tower_webhook::layer::{DedupeLayer, EndpointConfig};
use tower_webhook::store::RecordState;
use tower_webhook::{
    Clock, DedupeConfig, Drain, EventKey, MemoryStore, Name, Reason, Rejection, RetriedStatuses,
    RetrySchedule, SenderContract, Store, UnixTime,
};

/// More than any layer wants to see done at once before it relies on it.
const MANY: u32 = 200;

tokio::task_local! {
    /// What a middleware would set around the request.
    static REQUEST: u32;
}

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
    ran_in: Arc<Mutex<Option<(Id, bool)>>>,
}

type Answer = Result<Response<Full<Bytes>>, Infallible>;

impl Receiver {
    fn new(store: MemoryStore) -> Self {
        Self::with_lease(store, Duration::from_secs(15))
    }

    fn with_lease(store: MemoryStore, lease: Duration) -> Self {
        let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
        let endpoint = EndpointConfig::new(Name::new("acme").unwrap(), contract);
        let rule = EventRule::members([Shape::new("event", ["/id"]).unwrap()]).unwrap();
        let drain = Drain::new();
        let layer = DedupeLayer::builder(&endpoint, rule, [])
            .with_insecure_unauthenticated()
            .config(DedupeConfig::new().lease(lease).drain(drain.clone()));
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
                let sees_the_request = REQUEST.try_with(|_| ()).is_ok();
                *ran_in.lock().unwrap() = Some((tokio::task::id(), sees_the_request));
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

    /// Delivers an event in a task that stands for its connection, with a task-local set; whether its
    /// handler saw that task, or what is set there.
    async fn sees_its_request(&self, id: &str, does: Does) -> bool {
        let connection = tokio::spawn(REQUEST.scope(1, self.deliver(id, does)));
        let request = connection.id();
        assert_eq!(connection.await.unwrap(), (StatusCode::OK, None), "{id}");
        let (task, sees_the_request) = self.ran_in.lock().unwrap().take().unwrap();
        task == request || sees_the_request
    }

    /// Has many events handled at once.
    async fn get_going(&self) {
        for number in 0..MANY {
            let id = format!("quick-{number}");
            self.sees_its_request(&id, Does::AnswersAtOnce).await;
        }
    }

    async fn is_done(&self, id: &str) -> bool {
        matches!(self.state(id).await, Some(RecordState::Done { .. }))
    }

    async fn state(&self, id: &str) -> Option<RecordState> {
        let key = EventKey::new(Name::new("acme").unwrap(), [id]).unwrap();
        let record = self.store.lookup(&key).await.unwrap();
        record.map(|record| record.state)
    }
}

/// What a handler sees of the tasks around it must not hang on how quick those before it were.
#[tokio::test(start_paused = true)]
async fn a_handler_never_sees_the_task_of_its_request() {
    let receiver = Receiver::new(MemoryStore::new());
    for number in 0..MANY {
        let id = format!("quick-{number}");
        let sees = receiver.sees_its_request(&id, Does::AnswersAtOnce).await;
        assert!(!sees, "{id}");
    }
    let blocks = Does::BlocksItsThreadFor(Duration::from_millis(100));
    assert!(!receiver.sees_its_request("odd", blocks).await);
    assert!(!receiver.sees_its_request("next", Does::AnswersAtOnce).await);
    assert!(receiver.is_done("next").await);
    assert_eq!(receiver.drain.running(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_hangs_up_after_many_quick_ones_cancels_nothing() {
    let receiver = Receiver::new(MemoryStore::new());
    receiver.get_going().await;
    {
        let mut request = Box::pin(receiver.deliver("slow", Does::WaitsForTheGate));
        let mut context = Context::from_waker(Waker::noop());
        assert!(request.as_mut().poll(&mut context).is_pending());
    }
    while !matches!(
        receiver.state("slow").await,
        Some(RecordState::Claimed { .. })
    ) {
        tokio::task::yield_now().await;
    }
    assert_eq!(receiver.drain.running(), 1);
    receiver.gate.notify_one();
    assert_eq!(receiver.drain.wait(Duration::from_secs(30)).await, 0);
    assert!(receiver.is_done("slow").await);
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_too_long_after_many_quick_ones_is_answered_in_time_and_recorded() {
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
async fn a_handler_that_panics_after_many_quick_ones_gives_the_event_back() {
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
    receiver.sees_its_request("bad", Does::AnswersAtOnce).await;
    assert!(receiver.is_done("bad").await);
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
async fn a_store_that_panics_costs_no_more_than_its_answer() {
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
        .sees_its_request("unlucky", Does::AnswersAtOnce)
        .await;
}

/// While nothing is held nobody looks after holds: whoever is to look after this one must not stand
/// behind the thread that it blocks.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_that_blocks_its_thread_keeps_its_lease() {
    let lease = Duration::from_secs(2);
    let blocked = async |lull: Duration| {
        let receiver = Receiver::with_lease(MemoryStore::new(), lease);
        receiver.get_going().await;
        tokio::time::sleep(lull).await;
        let request =
            tokio::spawn(receiver.deliver("odd", Does::BlocksItsThreadFor(lease * 7 / 4)));
        tokio::time::sleep(lease * 3 / 2).await;
        let duplicate = receiver.deliver("odd", Does::AnswersAtOnce).await;
        let first = request.await.unwrap();
        (first, duplicate)
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
