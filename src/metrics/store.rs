use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use metrics::Histogram;
use tokio::time::Instant;

use super::names::STORE_SECONDS;
use super::slots::Slots;
use crate::event::{EventKey, Name};
use crate::store::{
    Claim, ClaimOutcome, Complete, Counts, Held, RecordView, Release, Renew, SharedStore, Store,
    StoreError, StoreErrorKind, StoreIdentity,
};

/// A store whose calls are measured by operation and outcome.
///
/// ```
/// use tower_webhook::metrics::Metered;
/// use tower_webhook::{MemoryStore, Webhook, provider};
///
/// let keys = provider::stripe::keys(["whsec_test_9f8e7d6c5b4a"])?;
/// let store = Metered::new(MemoryStore::new());
/// let stripe = Webhook::new(provider::stripe(keys)).store(store).build()?;
/// # drop(stripe);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
///
/// With the feature `inbox`, it can also measure an inbox.
#[derive(Clone)]
pub struct Metered<S> {
    pub(super) inner: S,
    calls: Arc<Calls>,
}

type Calls = Slots<(&'static str, &'static str), Histogram>;

/// Every operation with every outcome that is likely.
const MOST_CALLS: usize = 64;

impl<S> Metered<S> {
    /// Measures this store or inbox.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            calls: Arc::new(Slots::new(MOST_CALLS)),
        }
    }

    /// Wraps another handle to the same store with the same metrics.
    pub(super) fn around<T>(&self, inner: T) -> Metered<T> {
        Metered {
            inner,
            calls: Arc::clone(&self.calls),
        }
    }

    pub(super) async fn measure<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let asked = Instant::now();
        let answer = call.await;
        let outcome = answer
            .as_ref()
            .err()
            .map_or("ok", |error| word(error.kind()));
        let series = (operation, outcome);
        let make = || (series, STORE_SECONDS.histogram(&[operation, outcome]));
        let took = asked.elapsed();
        self.calls
            .with(|it| *it == series, make, |it| it.record(took));
        answer
    }
}

/// The outcome of a call that failed, as a label.
fn word(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::Unavailable => "unavailable",
        StoreErrorKind::TimedOut => "timed_out",
        StoreErrorKind::Full => "full",
        StoreErrorKind::Refused => "refused",
        StoreErrorKind::Corrupt => "corrupt",
        StoreErrorKind::Randomness => "randomness",
    }
}

impl<S: Store> Store for Metered<S> {
    fn identity(&self) -> Option<StoreIdentity> {
        self.inner.identity()
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        self.measure("claim", self.inner.claim(claim)).await
    }

    async fn complete(&self, complete: &Complete) -> Result<Held, StoreError> {
        self.measure("complete", self.inner.complete(complete))
            .await
    }

    async fn release(&self, release: &Release) -> Result<Held, StoreError> {
        self.measure("release", self.inner.release(release)).await
    }

    async fn renew(&self, renewals: &[Renew]) -> Result<Vec<Held>, StoreError> {
        self.measure("renew", self.inner.renew(renewals)).await
    }

    fn for_renewals(&self) -> Option<SharedStore> {
        let store = self.inner.for_renewals()?;
        Some(SharedStore::new(self.around(store)))
    }

    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    fn transactions(&self) -> Option<crate::store::Transactions> {
        self.inner.transactions()
    }

    fn for_items(&self) -> Option<SharedStore> {
        let store = self.inner.for_items()?;
        Some(SharedStore::new(self.around(store)))
    }

    async fn wait(&self, key: &EventKey, limit: Duration) {
        self.inner.wait(key, limit).await;
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<RecordView>, StoreError> {
        self.measure("lookup", self.inner.lookup(key)).await
    }

    async fn lookup_many(&self, keys: &[EventKey]) -> Result<Vec<Option<RecordView>>, StoreError> {
        self.measure("lookup_many", self.inner.lookup_many(keys))
            .await
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.measure("forget", self.inner.forget(key)).await
    }

    async fn forget_done(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.measure("forget", self.inner.forget_done(key)).await
    }

    async fn unfinished(&self, of: &Name, limit: usize) -> Result<Vec<RecordView>, StoreError> {
        self.measure("unfinished", self.inner.unfinished(of, limit))
            .await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.measure("counts", self.inner.counts()).await
    }
}

impl<S: fmt::Debug> fmt::Debug for Metered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Metered").field(&self.inner).finish()
    }
}
