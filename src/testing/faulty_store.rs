use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use crate::event::{EventKey, Name};
use crate::store::{
    Claim, ClaimOutcome, Complete, Counts, Held, RecordView, Release, Renew, SharedStore, Store,
    StoreError, StoreErrorKind, StoreIdentity,
};

/// A store that fails, stalls, loses replies or forgets, on command; else it is the one inside.
///
/// Clones are the same store: one goes to the webhook, the other stays with the test.
/// [`Store::wait`] meets no fault, as it grants nothing and cannot fail.
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
pub struct FaultyStore(Arc<Shared>);

struct Shared {
    inner: RwLock<SharedStore>,
    plan: Mutex<Plan>,
}

#[derive(Default)]
struct Plan {
    faults: Vec<Fault>,
    calls: BTreeMap<Operation, u64>,
}

/// What is asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// [`Store::claim`].
    Claim,
    /// [`Store::complete`].
    Complete,
    /// [`Store::release`].
    Release,
    /// [`Store::renew`].
    Renew,
    /// [`Store::lookup`].
    Lookup,
    /// [`Store::forget`].
    Forget,
    /// [`Store::unfinished`].
    Unfinished,
    /// [`Store::counts`].
    Counts,
}

/// Something that goes wrong in a [`FaultyStore`]: with every operation and for ever, unless it is
/// said [on](Fault::on) which and how many [times](Fault::times).
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::MemoryStore;
/// use tower_webhook::store::{Store, StoreErrorKind};
/// use tower_webhook::testing::{Fault, FaultyStore, Operation};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let store = FaultyStore::new(MemoryStore::new());
/// store.inject(Fault::fail(StoreErrorKind::Unavailable).on(Operation::Claim).after(2).times(1));
/// store.inject(Fault::stall(Duration::from_secs(2)).on(Operation::Complete));
/// store.inject(Fault::lose_reply().on(Operation::Counts));
/// store.inject(Fault::forget().on(Operation::Release));
///
/// let lost = store.counts().await.unwrap_err();
/// assert_eq!(lost.kind(), StoreErrorKind::TimedOut);
/// store.heal();
/// assert!(store.counts().await.is_ok());
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct Fault {
    effect: Effect,
    on: Option<Operation>,
    skip: u64,
    left: u64,
}

#[derive(Debug, Clone, Copy)]
enum Effect {
    Fail(StoreErrorKind),
    Stall(Duration),
    LoseReply,
    Forget,
}

impl Fault {
    /// The operation fails and nothing was changed.
    pub fn fail(kind: StoreErrorKind) -> Self {
        Self::new(Effect::Fail(kind))
    }

    /// The operation takes effect only after this time, and only if the caller still waits for it.
    pub fn stall(time: Duration) -> Self {
        Self::new(Effect::Stall(time))
    }

    /// The operation takes effect and the caller is told [`StoreErrorKind::TimedOut`].
    pub fn lose_reply() -> Self {
        Self::new(Effect::LoseReply)
    }

    /// The records that the operation is about are lost before it takes effect.
    pub fn forget() -> Self {
        Self::new(Effect::Forget)
    }

    fn new(effect: Effect) -> Self {
        Self {
            effect,
            on: None,
            skip: 0,
            left: u64::MAX,
        }
    }

    /// With this operation only.
    pub fn on(mut self, operation: Operation) -> Self {
        self.on = Some(operation);
        self
    }

    /// Only so many times.
    pub fn times(mut self, times: u64) -> Self {
        self.left = times;
        self
    }

    /// Only once so many have passed unharmed.
    pub fn after(mut self, calls: u64) -> Self {
        self.skip = calls;
        self
    }

    /// Whether it befalls this call, which is counted.
    fn strikes(&mut self, operation: Operation) -> bool {
        if self.left == 0 || self.on.is_some_and(|on| on != operation) {
            return false;
        }
        if self.skip > 0 {
            self.skip = self.skip.saturating_sub(1);
            return false;
        }
        self.left = self.left.saturating_sub(1);
        true
    }
}

impl Plan {
    /// Counts a call, and says what befalls it: the fault that was injected first and fits.
    fn next(&mut self, operation: Operation) -> Option<Effect> {
        let calls = self.calls.entry(operation).or_default();
        *calls = calls.saturating_add(1);
        let struck = self
            .faults
            .iter_mut()
            .find_map(|fault| fault.strikes(operation).then_some(fault.effect));
        self.faults.retain(|fault| fault.left > 0);
        struck
    }
}

impl FaultyStore {
    /// This store, without a fault so far.
    pub fn new(store: impl Store) -> Self {
        Self(Arc::new(Shared {
            inner: RwLock::new(SharedStore::new(store)),
            plan: Mutex::default(),
        }))
    }

    /// Lets this go wrong from now on. Of several faults that fit a call, it meets the one that was
    /// injected first.
    pub fn inject(&self, fault: Fault) {
        self.plan().faults.push(fault);
    }

    /// Everything works again.
    pub fn heal(&self) {
        self.plan().faults.clear();
    }

    /// Puts another store in the place of the one inside: an empty one is a store that has lost
    /// everything.
    pub fn replace(&self, store: impl Store) {
        let mut inner = (self.0.inner.write()).unwrap_or_else(PoisonError::into_inner);
        *inner = SharedStore::new(store);
    }

    /// How often this was asked, whatever became of it.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.plan().calls.get(&operation).copied().unwrap_or(0)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inner(&self) -> SharedStore {
        let inner = (self.0.inner.read()).unwrap_or_else(PoisonError::into_inner);
        inner.clone()
    }

    /// Does `work` on `store`, as far as the fault that befalls it lets it.
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

impl Store for FaultyStore {
    fn identity(&self) -> Option<StoreIdentity> {
        self.inner().identity()
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
