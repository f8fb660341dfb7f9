mod fault;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use self::fault::{Effect, Plan};
pub use self::fault::{Fault, Operation};
use crate::event::{EventKey, Name};
use crate::store::{
    Claim, ClaimOutcome, Complete, Counts, Held, RecordView, Release, Renew, SharedStore, Store,
    StoreError, StoreErrorKind, StoreIdentity,
};

/// A store that fails, stalls, loses replies or forgets on command, and otherwise is the store
/// inside it.
///
/// Clones are the same store: one goes to the webhook, the other stays with the test. No fault
/// affects [`Store::wait`], as it grants nothing and cannot fail. Nor does what is written with the effect of a
/// handler in a `Tx`: that is the database's own.
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::store::{Claim, ClaimOutcome, MemoryStore, Store, StoreErrorKind, Token};
/// use tower_webhook::testing::{Fault, FaultyStore, Operation};
/// use tower_webhook::{EventKey, Fingerprint, Name};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = FaultyStore::new(MemoryStore::new());
/// let claim = Claim::new(
///     EventKey::new(Name::new("acme")?, ["evt_1"])?,
///     Token::random()?,
///     Fingerprint::of(b"paid"),
///     Duration::from_secs(15),
///     Duration::from_secs(3_600),
/// );
///
/// // The first claim takes effect, but its reply is lost.
/// store.inject(Fault::lose_reply().on(Operation::Claim).times(1));
/// let lost = store.claim(&claim).await.unwrap_err();
/// assert_eq!(lost.kind(), StoreErrorKind::TimedOut);
///
/// // Sent again, it finds its own claim.
/// assert!(matches!(store.claim(&claim).await?, ClaimOutcome::Claimed(grant) if grant.attempt == 1));
/// assert_eq!(store.calls(Operation::Claim), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FaultyStore {
    shared: Arc<Shared>,
    way: Way,
}

struct Shared {
    inner: RwLock<Inner>,
    plan: Mutex<Plan>,
}

/// The store inside, and its handles for renewals and for items, where they were asked for and it has them.
struct Inner {
    store: SharedStore,
    renewals: Option<SharedStore>,
    items: Option<SharedStore>,
}

/// By which of these a store is asked.
#[derive(Debug, Clone, Copy)]
enum Way {
    Store,
    Renewals,
    Items,
}

impl FaultyStore {
    /// Wraps this store, without a fault so far.
    pub fn new(store: impl Store) -> Self {
        let shared = Arc::new(Shared {
            inner: RwLock::new(Inner::of(SharedStore::new(store))),
            plan: Mutex::default(),
        });
        Self {
            shared,
            way: Way::Store,
        }
    }

    /// Injects this fault from now on. If several faults fit a call, the one injected first
    /// applies.
    pub fn inject(&self, fault: Fault) {
        self.plan().faults.push(fault);
    }

    /// Removes all faults.
    pub fn heal(&self) {
        self.plan().faults.clear();
    }

    /// Replaces the store inside. An empty replacement is a store that has lost everything. Transactions that a webhook was built with stay those of the store before.
    pub fn replace(&self, store: impl Store) {
        let mut inner = (self.shared.inner.write()).unwrap_or_else(PoisonError::into_inner);
        let new = Inner::of(SharedStore::new(store));
        let renewals = inner.renewals.is_some().then(|| new.store.for_renewals());
        let items = inner.items.is_some().then(|| new.store.for_items());
        *inner = Inner {
            renewals: renewals.flatten(),
            items: items.flatten(),
            ..new
        };
    }

    /// The number of calls of this operation, whatever their result.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.plan().calls.get(&operation).copied().unwrap_or(0)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.shared
            .plan
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn inner(&self) -> SharedStore {
        let inner = (self.shared.inner.read()).unwrap_or_else(PoisonError::into_inner);
        let handle = match self.way {
            Way::Store => None,
            Way::Renewals => inner.renewals.as_ref(),
            Way::Items => inner.items.as_ref(),
        };
        handle.unwrap_or(&inner.store).clone()
    }

    /// The same with the same faults, by this way.
    fn by(&self, way: Way) -> SharedStore {
        let shared = Arc::clone(&self.shared);
        SharedStore::new(Self { shared, way })
    }

    /// Runs `work` on `store`, as far as the fault that affects it allows.
    async fn meet<T>(
        &self,
        operation: Operation,
        keys: impl Iterator<Item = &EventKey> + Send,
        store: &SharedStore,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let effect = self.plan().next(operation);
        match effect {
            None => work.await,
            Some(Effect::Fail(kind)) => Err(StoreError::new(kind)),
            Some(Effect::Stall(time)) => {
                tokio::time::sleep(time).await;
                work.await
            }
            Some(Effect::LoseReply) => {
                let _ = work.await;
                Err(StoreError::new(StoreErrorKind::TimedOut))
            }
            Some(Effect::Forget) => {
                for key in keys {
                    store.forget(key).await?;
                }
                work.await
            }
        }
    }
}

impl Inner {
    fn of(store: SharedStore) -> Self {
        Self {
            store,
            renewals: None,
            items: None,
        }
    }
}

impl Store for FaultyStore {
    fn identity(&self) -> Option<StoreIdentity> {
        self.inner().identity()
    }

    fn for_renewals(&self) -> Option<SharedStore> {
        let mut inner = (self.shared.inner.write()).unwrap_or_else(PoisonError::into_inner);
        let handle = inner.store.for_renewals()?;
        inner.renewals = Some(handle);
        drop(inner);
        Some(self.by(Way::Renewals))
    }

    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    fn transactions(&self) -> Option<crate::store::Transactions> {
        self.inner().transactions()
    }

    fn for_items(&self) -> Option<SharedStore> {
        let mut inner = (self.shared.inner.write()).unwrap_or_else(PoisonError::into_inner);
        let handle = inner.store.for_items()?;
        inner.items = Some(handle);
        drop(inner);
        Some(self.by(Way::Items))
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        let (store, keys) = (self.inner(), [&claim.key].into_iter());
        self.meet(Operation::Claim, keys, &store, store.claim(claim))
            .await
    }

    async fn complete(&self, complete: &Complete) -> Result<Held, StoreError> {
        let (store, keys) = (self.inner(), [&complete.key].into_iter());
        self.meet(Operation::Complete, keys, &store, store.complete(complete))
            .await
    }

    async fn release(&self, release: &Release) -> Result<Held, StoreError> {
        let (store, keys) = (self.inner(), [&release.key].into_iter());
        self.meet(Operation::Release, keys, &store, store.release(release))
            .await
    }

    async fn renew(&self, renewals: &[Renew]) -> Result<Vec<Held>, StoreError> {
        let (store, keys) = (self.inner(), renewals.iter().map(|renew| &renew.key));
        self.meet(Operation::Renew, keys, &store, store.renew(renewals))
            .await
    }

    async fn wait(&self, key: &EventKey, limit: Duration) {
        self.inner().wait(key, limit).await;
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<RecordView>, StoreError> {
        let (store, keys) = (self.inner(), [key].into_iter());
        self.meet(Operation::Lookup, keys, &store, store.lookup(key))
            .await
    }

    async fn lookup_many(&self, keys: &[EventKey]) -> Result<Vec<Option<RecordView>>, StoreError> {
        let store = self.inner();
        let work = store.lookup_many(keys);
        self.meet(Operation::Lookup, keys.iter(), &store, work)
            .await
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        let (store, keys) = (self.inner(), [key].into_iter());
        self.meet(Operation::Forget, keys, &store, store.forget(key))
            .await
    }

    async fn forget_done(&self, key: &EventKey) -> Result<bool, StoreError> {
        let (store, keys) = (self.inner(), [key].into_iter());
        self.meet(Operation::Forget, keys, &store, store.forget_done(key))
            .await
    }

    async fn unfinished(
        &self,
        provider: &Name,
        limit: usize,
    ) -> Result<Vec<RecordView>, StoreError> {
        let store = self.inner();
        let work = store.unfinished(provider, limit);
        self.meet(Operation::Unfinished, std::iter::empty(), &store, work)
            .await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        let store = self.inner();
        let work = store.counts();
        self.meet(Operation::Counts, std::iter::empty(), &store, work)
            .await
    }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { faults, calls } = &*self.plan();
        f.debug_struct("FaultyStore")
            .field("inner", &self.inner())
            .field("faults", faults)
            .field("calls", calls)
            .finish()
    }
}

#[cfg(test)]
mod tests;
