//! Renewals of many events that one receiver holds: few calls, and no lease lost over another's.

mod failures;
mod runtimes;
mod ticks;

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::layer::{DedupeLayer, EndpointConfig, Proof};
use tower_webhook::store::{
    Claim, ClaimOutcome, Complete, Counts, Held, RecordView, Release, Renew, Store, StoreError,
    StoreErrorKind,
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

    async fn forget_done(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.inner.forget_done(key).await
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
