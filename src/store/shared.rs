//! One handle for every kind of store.

use std::any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::event::{EventKey, Name};

use super::Store;
use super::command::{Claim, ClaimOutcome, Complete, Counts, Held, RecordView, Release, Renew};
use super::error::StoreError;
use super::identity::StoreIdentity;

/// A store whose kind is not part of its type; clones share it.
///
/// ```
/// use tower_webhook::{MemoryStore, SharedStore};
///
/// let store = SharedStore::new(MemoryStore::new());
/// let same = store.clone();
/// # drop(same);
/// ```
#[derive(Clone)]
pub struct SharedStore(Arc<dyn Boxed>);

impl SharedStore {
    /// A handle to this store.
    pub fn new(store: impl Store) -> Self {
        // A handle to a handle would add an indirection to each call.
        let any: &dyn any::Any = &store;
        match any.downcast_ref::<Self>() {
            Some(shared) => shared.clone(),
            None => Self(Arc::new(store)),
        }
    }
}

impl SharedStore {
    /// The store's own identity; if it has none, that of this handle and its clones.
    pub(crate) fn own_identity(&self) -> StoreIdentity {
        let own = || StoreIdentity::of_allocation("shared", Arc::as_ptr(&self.0));
        self.0.identity().unwrap_or_else(own)
    }
}

impl fmt::Debug for SharedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedStore({})", self.0.kind())
    }
}

impl Store for SharedStore {
    fn identity(&self) -> Option<StoreIdentity> {
        Some(self.own_identity())
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        self.0.claim(claim).await
    }

    async fn complete(&self, complete: &Complete) -> Result<Held, StoreError> {
        self.0.complete(complete).await
    }

    async fn release(&self, release: &Release) -> Result<Held, StoreError> {
        self.0.release(release).await
    }

    async fn renew(&self, renewals: &[Renew]) -> Result<Vec<Held>, StoreError> {
        self.0.renew(renewals).await
    }

    fn for_renewals(&self) -> Option<SharedStore> {
        self.0.for_renewals()
    }

    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    fn transactions(&self) -> Option<super::Transactions> {
        self.0.transactions()
    }

    fn for_items(&self) -> Option<SharedStore> {
        self.0.for_items()
    }

    async fn wait(&self, key: &EventKey, limit: Duration) {
        self.0.wait(key, limit).await;
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<RecordView>, StoreError> {
        self.0.lookup(key).await
    }

    async fn lookup_many(&self, keys: &[EventKey]) -> Result<Vec<Option<RecordView>>, StoreError> {
        self.0.lookup_many(keys).await
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.0.forget(key).await
    }

    async fn forget_done(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.0.forget_done(key).await
    }

    async fn unfinished(
        &self,
        provider: &Name,
        limit: usize,
    ) -> Result<Vec<RecordView>, StoreError> {
        self.0.unfinished(provider, limit).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.0.counts().await
    }
}

/// [`Store`] with its futures boxed, so that it can be used as a trait object.
trait Boxed: Send + Sync {
    fn kind(&self) -> &'static str;
    fn identity(&self) -> Option<StoreIdentity>;
    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<ClaimOutcome, StoreError>>;
    fn complete<'a>(&'a self, complete: &'a Complete) -> BoxFuture<'a, Result<Held, StoreError>>;
    fn release<'a>(&'a self, release: &'a Release) -> BoxFuture<'a, Result<Held, StoreError>>;
    fn renew<'a>(&'a self, renewals: &'a [Renew]) -> BoxFuture<'a, Result<Vec<Held>, StoreError>>;
    fn for_renewals(&self) -> Option<SharedStore>;
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    fn transactions(&self) -> Option<super::Transactions>;
    fn for_items(&self) -> Option<SharedStore>;
    fn wait<'a>(&'a self, key: &'a EventKey, limit: Duration) -> BoxFuture<'a, ()>;
    fn lookup<'a>(
        &'a self,
        key: &'a EventKey,
    ) -> BoxFuture<'a, Result<Option<RecordView>, StoreError>>;
    fn lookup_many<'a>(
        &'a self,
        keys: &'a [EventKey],
    ) -> BoxFuture<'a, Result<Vec<Option<RecordView>>, StoreError>>;
    fn forget<'a>(&'a self, key: &'a EventKey) -> BoxFuture<'a, Result<bool, StoreError>>;
    fn forget_done<'a>(&'a self, key: &'a EventKey) -> BoxFuture<'a, Result<bool, StoreError>>;
    fn unfinished<'a>(
        &'a self,
        provider: &'a Name,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<RecordView>, StoreError>>;
    fn counts(&self) -> BoxFuture<'_, Result<Counts, StoreError>>;
}

impl<S: Store> Boxed for S {
    fn kind(&self) -> &'static str {
        any::type_name::<S>()
    }

    fn identity(&self) -> Option<StoreIdentity> {
        Store::identity(self)
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<ClaimOutcome, StoreError>> {
        Box::pin(Store::claim(self, claim))
    }

    fn complete<'a>(&'a self, complete: &'a Complete) -> BoxFuture<'a, Result<Held, StoreError>> {
        Box::pin(Store::complete(self, complete))
    }

    fn release<'a>(&'a self, release: &'a Release) -> BoxFuture<'a, Result<Held, StoreError>> {
        Box::pin(Store::release(self, release))
    }

    fn renew<'a>(&'a self, renewals: &'a [Renew]) -> BoxFuture<'a, Result<Vec<Held>, StoreError>> {
        Box::pin(Store::renew(self, renewals))
    }

    fn for_renewals(&self) -> Option<SharedStore> {
        Store::for_renewals(self)
    }

    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    fn transactions(&self) -> Option<super::Transactions> {
        Store::transactions(self)
    }

    fn for_items(&self) -> Option<SharedStore> {
        Store::for_items(self)
    }

    fn wait<'a>(&'a self, key: &'a EventKey, limit: Duration) -> BoxFuture<'a, ()> {
        Box::pin(Store::wait(self, key, limit))
    }

    fn lookup<'a>(
        &'a self,
        key: &'a EventKey,
    ) -> BoxFuture<'a, Result<Option<RecordView>, StoreError>> {
        Box::pin(Store::lookup(self, key))
    }

    fn lookup_many<'a>(
        &'a self,
        keys: &'a [EventKey],
    ) -> BoxFuture<'a, Result<Vec<Option<RecordView>>, StoreError>> {
        Box::pin(Store::lookup_many(self, keys))
    }

    fn forget<'a>(&'a self, key: &'a EventKey) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(Store::forget(self, key))
    }

    fn forget_done<'a>(&'a self, key: &'a EventKey) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(Store::forget_done(self, key))
    }

    fn unfinished<'a>(
        &'a self,
        provider: &'a Name,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<RecordView>, StoreError>> {
        Box::pin(Store::unfinished(self, provider, limit))
    }

    fn counts(&self) -> BoxFuture<'_, Result<Counts, StoreError>> {
        Box::pin(Store::counts(self))
    }
}
