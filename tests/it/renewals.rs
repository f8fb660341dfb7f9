//! Renewals of many events that one receiver holds: few calls, and no lease lost over another's.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::time::{Instant, sleep, sleep_until};
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::layer::{DedupeLayer, EndpointConfig, Proof};
use tower_webhook::store::{
    Claim, ClaimOutcome, Complete, Counts, Held, RecordState, RecordView, Release, Renew, Store,
    StoreError, StoreErrorKind,
};
use tower_webhook::{
    DedupeConfig, Delivery, EventKey, MemoryStore, Name, RetriedStatuses, RetrySchedule,
    SenderContract,
};

const SECOND: Duration = Duration::from_secs(1);
const LEASE: Duration = Duration::from_secs(15);
/// The timer counts whole milliseconds, and so does a pause between two of them.
const GRAIN: Duration = Duration::from_millis(3);

/// What becomes of a call that the bad key is part of.
#[derive(Debug, Clone, Copy)]
enum Bad {
    Fails,
    Hangs,
    /// Every other key is answered for, in front.
    IsLeftOut,
}

/// When a renewal was asked for, and of which keys.
type Call = (Instant, Vec<String>);

/// A store that notes its renewals.
#[derive(Clone)]
struct Noting {
    inner: MemoryStore,
    bad: Option<(&'static str, Bad)>,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Noting {
    fn new(bad: Option<(&'static str, Bad)>) -> Self {
        Self {
            inner: MemoryStore::new(),
            bad,
            calls: Arc::default(),
        }
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// The times at which this key was asked about.
    fn times(&self, key: &str) -> Vec<Instant> {
        let calls = self.calls().into_iter();
        calls
            .filter(|(_, keys)| keys.iter().any(|one| one == key))
            .map(|(at, _)| at)
            .collect()
    }

    async fn done(&self) -> u64 {
        self.inner.counts().await.unwrap().done
    }
}

impl Store for Noting {
    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        self.inner.claim(claim).await
    }

    async fn complete(&self, complete: &Complete) -> Result<Held, StoreError> {
        self.inner.complete(complete).await
    }

    async fn release(&self, release: &Release) -> Result<Held, StoreError> {
        self.inner.release(release).await
    }

    async fn renew(&self, renewals: &[Renew]) -> Result<Vec<Held>, StoreError> {
        let keys: Vec<_> = renewals.iter().map(|one| one.key.encoded()).collect();
        let struck = (self.bad).filter(|(bad, _)| keys.iter().any(|key| key == bad));
        self.calls.lock().unwrap().push((Instant::now(), keys));
        match struck {
            None => self.inner.renew(renewals).await,
            Some((_, Bad::Fails)) => Err(StoreError::new(StoreErrorKind::Unavailable)),
            Some((_, Bad::Hangs)) => pending().await,
            Some((_, Bad::IsLeftOut)) => {
                let mut held = self.inner.renew(renewals).await?;
                held.pop();
                Ok(held)
            }
        }
    }

    async fn wait(&self, key: &EventKey, limit: Duration) {
        self.inner.wait(key, limit).await;
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<RecordView>, StoreError> {
        self.inner.lookup(key).await
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.inner.forget(key).await
    }

    async fn unfinished(
        &self,
        provider: &Name,
        limit: usize,
    ) -> Result<Vec<RecordView>, StoreError> {
        self.inner.unfinished(provider, limit).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.inner.counts().await
    }
}

/// A receiver whose handlers take as many milliseconds as the body says, and fail at once when
/// their lease is lost.
#[derive(Clone)]
struct Receiver {
    layer: DedupeLayer,
    lost: Arc<Mutex<Vec<(Instant, String)>>>,
}

impl Receiver {
    fn new(store: &(impl Store + Clone), lease: Duration) -> Self {
        let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
        let endpoint = EndpointConfig::new(Name::new("acme").unwrap(), contract);
        let rule = EventRule::members([Shape::new("event", ["/id"]).unwrap()]).unwrap();
        let builder = DedupeLayer::builder(&endpoint, rule, [Proof::SecretPath]);
        let layer = builder
            .config(
                DedupeConfig::new()
                    .lease(lease)
                    .renewal_ceiling(Duration::from_secs(3_600)),
            )
            .with_insecure_unauthenticated()
            .build(store.clone())
            .unwrap();
        Self {
            layer,
            lost: Arc::default(),
        }
    }

    /// Takes an event, whose handler then takes this long.
    fn take(&self, id: &str, work: Duration) {
        let lost = Arc::clone(&self.lost);
        let handler = move |request: Request<Full<Bytes>>| {
            let (lost, delivery) = (Arc::clone(&lost), request.extensions().get::<Delivery>());
            let delivery = delivery.unwrap().clone();
            async move {
                let status = tokio::select! {
                    () = sleep(work) => StatusCode::NO_CONTENT,
                    () = delivery.lease().lost() => {
                        let key = delivery.key().encoded();
                        lost.lock().unwrap().push((Instant::now(), key));
                        StatusCode::INTERNAL_SERVER_ERROR
                    }
                };
                let mut response = Response::new(Full::<Bytes>::default());
                *response.status_mut() = status;
                Ok::<_, Infallible>(response)
            }
        };
        let service = ServiceBuilder::new().layer(self.layer.clone());
        let mut service = service.service_fn(handler);
        let request = Request::post("/hooks");
        let request = request.body(Full::from(format!(r#"{{"id":"{id}"}}"#)));
        tokio::spawn(async move {
            let ready = ServiceExt::<Request<Full<Bytes>>>::ready(&mut service);
            drop(ready.await.unwrap().call(request.unwrap()).await);
        });
    }

    fn lost(&self) -> Vec<(Instant, String)> {
        self.lost.lock().unwrap().clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_events_that_came_one_by_one_are_renewed_in_a_call_per_tick() {
    let (store, began) = (Noting::new(None), Instant::now());
    let receiver = Receiver::new(&store, LEASE);
    for number in 0..100 {
        receiver.take(&number.to_string(), 60 * SECOND);
        sleep(Duration::from_millis(137)).await;
    }
    sleep_until(began + 90 * SECOND).await;
    assert_eq!((store.done().await, receiver.lost()), (100, Vec::new()));
    // A tick is a fifteenth of the lease, and all is over after 75 s. Each on its own would have
    // been 1,100.
    let calls = store.calls();
    assert!(calls.len() <= 75, "{}", calls.len());
    for number in 0..100 {
        let mut last = began + Duration::from_millis(137) * number;
        let ends = last + 60 * SECOND;
        let times = store.times(&format!("acme:{number}"));
        for at in times {
            assert!(at - last <= LEASE / 3 + GRAIN, "{number}: {:?}", at - last);
            assert!(at - last >= LEASE / 5, "{number}: {:?}", at - last);
            last = at;
        }
        assert!(ends - last <= LEASE / 3 + GRAIN, "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_events_at_once_are_renewed_by_four_calls_a_third_of_the_lease() {
    let (store, began) = (Noting::new(None), Instant::now());
    let receiver = Receiver::new(&store, LEASE);
    for number in 0..1_000 {
        receiver.take(&number.to_string(), 58 * SECOND);
    }
    sleep_until(began + 70 * SECOND).await;
    assert_eq!((store.done().await, receiver.lost()), (1_000, Vec::new()));
    let sizes: Vec<_> = store.calls().iter().map(|(_, keys)| keys.len()).collect();
    assert_eq!(sizes, [256, 256, 256, 232].repeat(11));
}

#[tokio::test(start_paused = true)]
async fn a_lone_event_is_renewed_at_each_third_of_its_lease() {
    let store = Noting::new(None);
    let receiver = Receiver::new(&store, LEASE);
    // The second comes when nobody has been held for a while.
    for (id, key) in [("1", "acme:1"), ("2", "acme:2")] {
        sleep(Duration::from_millis(31_415)).await;
        let began = Instant::now();
        receiver.take(id, 32 * SECOND);
        sleep(33 * SECOND).await;
        let times = store.times(key);
        assert_eq!(times.len(), 6, "{times:?}");
        for (number, at) in (1..).zip(times) {
            let after = at - began;
            let third = LEASE / 3 * number;
            assert!(
                after >= third - GRAIN && after <= third + GRAIN,
                "{after:?}"
            );
        }
    }
    assert_eq!((store.calls().len(), store.done().await), (12, 2));
}

#[tokio::test(start_paused = true)]
async fn one_key_that_cannot_be_renewed_costs_no_other_its_lease() {
    for bad in [Bad::Fails, Bad::Hangs] {
        for lease in [SECOND, LEASE] {
            let (store, began) = (Noting::new(Some(("acme:7", bad))), Instant::now());
            let receiver = Receiver::new(&store, lease);
            for number in 0..300 {
                receiver.take(&number.to_string(), lease * 5);
            }
            sleep_until(began + lease * 7).await;
            let lost = receiver.lost();
            let [(at, key)] = &lost[..] else {
                panic!("{bad:?}, {lease:?}: {lost:?}");
            };
            assert_eq!((key.as_str(), store.done().await), ("acme:7", 299));
            let held = *at - began;
            assert!(held >= lease && held <= lease + GRAIN, "{held:?}");
            // In its batch once, and then alone.
            let of_bad = store.calls().into_iter();
            let of_bad: Vec<_> = of_bad
                .filter(|(_, keys)| keys.iter().any(|key| key == "acme:7"))
                .map(|(_, keys)| keys.len())
                .collect();
            assert_eq!(of_bad[0], 256);
            assert!(of_bad.len() > 1 && of_bad[1..].iter().all(|size| *size == 1));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_all_are_renewed_together_again() {
    let (store, began) = (Noting::new(Some(("acme:7", Bad::Fails))), Instant::now());
    let receiver = Receiver::new(&store, LEASE);
    for number in 0..10 {
        receiver.take(&number.to_string(), 60 * SECOND);
    }
    sleep_until(began + 70 * SECOND).await;
    let late = store.calls().into_iter();
    let late: Vec<_> = late
        .filter(|(at, _)| *at > began + LEASE)
        .map(|(_, keys)| keys.len())
        .collect();
    assert!(
        late.len() >= 8 && late.iter().all(|size| *size == 9),
        "{late:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_ends_before_it_is_due_is_not_renewed() {
    let (store, began) = (Noting::new(None), Instant::now());
    let receiver = Receiver::new(&store, LEASE);
    // Just before the moment, when their renewals are gathered already.
    for number in 0..10 {
        let work = if number % 2 == 0 { 4_990 } else { 7_000 };
        receiver.take(&number.to_string(), Duration::from_millis(work));
    }
    sleep_until(began + 20 * SECOND).await;
    let calls = store.calls();
    let [(_, keys)] = &calls[..] else {
        panic!("{calls:?}");
    };
    let mut keys = keys.clone();
    keys.sort();
    assert_eq!(keys, [1, 3, 5, 7, 9].map(|number| format!("acme:{number}")));
    // All of them: nothing is sent.
    for number in 10..20 {
        receiver.take(&number.to_string(), Duration::from_millis(4_990));
    }
    sleep(20 * SECOND).await;
    assert_eq!((store.calls().len(), store.done().await), (1, 20));
}

#[tokio::test(start_paused = true)]
async fn keys_that_a_store_does_not_answer_for_are_lost_and_no_others() {
    let (store, began) = (
        Noting::new(Some(("acme:0", Bad::IsLeftOut))),
        Instant::now(),
    );
    let receiver = Receiver::new(&store, LEASE);
    for number in 0..3 {
        receiver.take(&number.to_string(), 7 * SECOND);
    }
    sleep_until(began + 20 * SECOND).await;
    let last = store.calls()[0].1[2].clone();
    let lost: Vec<_> = receiver.lost().into_iter().map(|(_, key)| key).collect();
    assert_eq!((lost, store.done().await), (vec![last], 2));
}

/// In real time: two runtimes have no clock in common that could be paused.
#[test]
fn a_hold_is_renewed_whatever_becomes_of_other_runtimes() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().unwrap()
    };
    // One ends, one is not driven any more.
    let (first, second) = (runtime(), runtime());
    let still = tokio::runtime::Builder::new_current_thread();
    let still = { still }.enable_all().build().unwrap();
    let store = Noting::new(None);
    let receiver = Receiver::new(&store, SECOND);
    let take = async |id: &str, work: Duration, claimed: u64| {
        receiver.take(id, work);
        while store.inner.counts().await.unwrap().claimed < claimed {
            sleep(Duration::from_millis(1)).await;
        }
    };
    still.block_on(take("0", 60 * SECOND, 1));
    first.block_on(take("1", 60 * SECOND, 2));
    second.block_on(take("2", 3 * SECOND, 3));
    first.shutdown_background();
    second.block_on(async {
        while store.done().await == 0 {
            sleep(Duration::from_millis(10)).await;
        }
    });
    // One of three seconds is renewed at each third of its second.
    let renewals = store.times("acme:2").len();
    assert!(renewals >= 3, "{renewals}");
    assert_eq!(receiver.lost(), Vec::new());
}

/// The store can be asked from anywhere, so it is asked from where nobody blocks.
#[test]
fn a_handler_that_blocks_the_only_thread_is_renewed_all_the_same() {
    let memory = MemoryStore::new();
    let receiver = Receiver::new(&memory, SECOND);
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let service = ServiceBuilder::new().layer(receiver.layer);
    let service = service.service_fn(move |request: Request<Full<Bytes>>| {
        let wait = Arc::clone(&wait);
        async move {
            wait.lock().unwrap().recv().unwrap();
            let delivery = request.extensions().get::<Delivery>().unwrap();
            assert!(!delivery.lease().is_lost());
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }
    });
    let blocked = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        let request = Request::post("/hooks").body(Full::from(r#"{"id":"1"}"#));
        let answer = runtime.block_on(service.oneshot(request.unwrap()));
        answer.unwrap().status()
    });

    let key = EventKey::new(Name::new("acme").unwrap(), ["1"]).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(async {
        let lease_ends = async || match memory.lookup(&key).await.unwrap()?.state {
            RecordState::Claimed { lease_ends } => Some(lease_ends),
            other => panic!("{other:?}"),
        };
        let first = loop {
            if let Some(end) = lease_ends().await {
                break end;
            }
            sleep(Duration::from_millis(1)).await;
        };
        // Past the first lease by another one.
        while lease_ends().await.unwrap().saturating_since(first) < 2 * SECOND {
            sleep(Duration::from_millis(10)).await;
        }
    });
    go_on.send(()).unwrap();
    assert_eq!(blocked.join().unwrap(), StatusCode::OK);
}

/// A request that meets a runtime which is ending has an end as well.
#[test]
fn a_delivery_in_a_runtime_that_has_ended_does_not_hang() {
    let store = Noting::new(None);
    let receiver = Receiver::new(&store, SECOND);
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    let service = ServiceBuilder::new().layer(receiver.layer.clone());
    let service = service.service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let request = Request::post("/hooks").body(Full::from(r#"{"id":"1"}"#));
    let (told, answered) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let answer = handle.block_on(service.oneshot(request.unwrap()));
        told.send(answer.unwrap().status())
    });
    // Not `Timeout`: nobody waits for ever. Not `Disconnected`: nor does it panic.
    let answer = answered.recv_timeout(10 * SECOND);
    assert_eq!(answer, Ok(StatusCode::SERVICE_UNAVAILABLE));
}
