//! One handle for every kind of inbox.

use std::any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::event::{EventKey, Name};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use crate::store::Transactions;
use crate::store::{Held, StoreError, StoreIdentity};

use super::Inbox;
use super::command::{
    Accept, Accepted, Begin, Begun, Discard, Extend, Finish, Moved, Redrive, Take, Taken,
};
use super::rate::{Rate, RateOf, RateView};
use super::route::Route;
use super::view::{EntryCounts, EntryView, HeldOrderKey, List};

/// An inbox with its type erased; clones share it.
///
/// ```
/// use tower_webhook::inbox::{MemoryInbox, SharedInbox};
///
/// let inbox = SharedInbox::new(MemoryInbox::new());
/// let same = inbox.clone();
/// # drop(same);
/// ```
#[derive(Clone)]
pub struct SharedInbox(Arc<dyn Boxed>);

impl SharedInbox {
    /// A shared handle to this inbox.
    pub fn new(inbox: impl Inbox) -> Self {
        // A handle to a handle would add a step to each call.
        let any: &dyn any::Any = &inbox;
        match any.downcast_ref::<Self>() {
            Some(shared) => shared.clone(),
            None => Self(Arc::new(inbox)),
        }
    }

    /// The inbox's own identity, or else that of this handle and its clones.
    pub(crate) fn own_identity(&self) -> StoreIdentity {
        let own = || StoreIdentity::of_allocation("shared inbox", Arc::as_ptr(&self.0));
        self.0.identity().unwrap_or_else(own)
    }
}

impl fmt::Debug for SharedInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedInbox({})", self.0.kind())
    }
}

impl Inbox for SharedInbox {
    fn identity(&self) -> Option<StoreIdentity> {
        Some(self.own_identity())
    }

    fn for_renewals(&self) -> Option<SharedInbox> {
        self.0.for_renewals()
    }

    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    fn transactions(&self) -> Option<Transactions> {
        self.0.transactions()
    }

    async fn wait(&self, limit: Duration) {
        self.0.wait(limit).await;
    }

    async fn accept(&self, accept: &Accept) -> Result<Accepted, StoreError> {
        self.0.accept(accept).await
    }

    async fn take(&self, take: &Take) -> Result<Vec<Taken>, StoreError> {
        self.0.take(take).await
    }

    async fn begin(&self, begin: &Begin) -> Result<Begun, StoreError> {
        self.0.begin(begin).await
    }

    async fn extend(&self, extensions: &[Extend]) -> Result<Vec<Held>, StoreError> {
        self.0.extend(extensions).await
    }

    async fn finish(&self, finish: &Finish) -> Result<Held, StoreError> {
        self.0.finish(finish).await
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<EntryView>, StoreError> {
        self.0.lookup(key).await
    }

    async fn lookup_many(&self, keys: &[EventKey]) -> Result<Vec<Option<EntryView>>, StoreError> {
        self.0.lookup_many(keys).await
    }

    async fn list(&self, list: &List) -> Result<Vec<EntryView>, StoreError> {
        self.0.list(list).await
    }

    async fn redrive(&self, redrive: &Redrive) -> Result<Moved, StoreError> {
        self.0.redrive(redrive).await
    }

    async fn discard(&self, discard: &Discard) -> Result<Moved, StoreError> {
        self.0.discard(discard).await
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.0.forget(key).await
    }

    async fn forget_ended(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.0.forget_ended(key).await
    }

    async fn counts(&self) -> Result<EntryCounts, StoreError> {
        self.0.counts().await
    }

    async fn set_paused(&self, provider: &Name, paused: bool) -> Result<bool, StoreError> {
        self.0.set_paused(provider, paused).await
    }

    async fn paused(&self) -> Result<Vec<Name>, StoreError> {
        self.0.paused().await
    }

    async fn set_rate(
        &self,
        provider: &Name,
        of: RateOf,
        rate: Option<Rate>,
    ) -> Result<bool, StoreError> {
        self.0.set_rate(provider, of, rate).await
    }

    async fn rates(&self) -> Result<Vec<RateView>, StoreError> {
        self.0.rates().await
    }

    async fn held_order_keys(
        &self,
        route: &Route,
        limit: usize,
    ) -> Result<Option<Vec<HeldOrderKey>>, StoreError> {
        self.0.held_order_keys(route, limit).await
    }
}

/// [`Inbox`] with its futures boxed, so that it is dyn-compatible.
trait Boxed: Send + Sync {
    fn kind(&self) -> &'static str;
    fn identity(&self) -> Option<StoreIdentity>;
    fn for_renewals(&self) -> Option<SharedInbox>;
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    fn transactions(&self) -> Option<Transactions>;
    fn wait(&self, limit: Duration) -> BoxFuture<'_, ()>;
    fn accept<'a>(&'a self, accept: &'a Accept) -> BoxFuture<'a, Result<Accepted, StoreError>>;
    fn take<'a>(&'a self, take: &'a Take) -> BoxFuture<'a, Result<Vec<Taken>, StoreError>>;
    fn begin<'a>(&'a self, begin: &'a Begin) -> BoxFuture<'a, Result<Begun, StoreError>>;
    fn extend<'a>(
        &'a self,
        extensions: &'a [Extend],
    ) -> BoxFuture<'a, Result<Vec<Held>, StoreError>>;
    fn finish<'a>(&'a self, finish: &'a Finish) -> BoxFuture<'a, Result<Held, StoreError>>;
    fn lookup<'a>(
        &'a self,
        key: &'a EventKey,
    ) -> BoxFuture<'a, Result<Option<EntryView>, StoreError>>;
    fn lookup_many<'a>(
        &'a self,
        keys: &'a [EventKey],
    ) -> BoxFuture<'a, Result<Vec<Option<EntryView>>, StoreError>>;
    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Vec<EntryView>, StoreError>>;
    fn redrive<'a>(&'a self, redrive: &'a Redrive) -> BoxFuture<'a, Result<Moved, StoreError>>;
    fn discard<'a>(&'a self, discard: &'a Discard) -> BoxFuture<'a, Result<Moved, StoreError>>;
    fn forget<'a>(&'a self, key: &'a EventKey) -> BoxFuture<'a, Result<bool, StoreError>>;
    fn forget_ended<'a>(&'a self, key: &'a EventKey) -> BoxFuture<'a, Result<bool, StoreError>>;
    fn counts(&self) -> BoxFuture<'_, Result<EntryCounts, StoreError>>;
    fn set_paused<'a>(
        &'a self,
        provider: &'a Name,
        paused: bool,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;
    fn paused(&self) -> BoxFuture<'_, Result<Vec<Name>, StoreError>>;
    fn set_rate<'a>(
        &'a self,
        provider: &'a Name,
        of: RateOf,
        rate: Option<Rate>,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;
    fn rates(&self) -> BoxFuture<'_, Result<Vec<RateView>, StoreError>>;
    fn held_order_keys<'a>(
        &'a self,
        route: &'a Route,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<HeldOrderKey>>, StoreError>>;
}

impl<I: Inbox> Boxed for I {
    fn kind(&self) -> &'static str {
        any::type_name::<I>()
    }

    fn identity(&self) -> Option<StoreIdentity> {
        Inbox::identity(self)
    }

    fn for_renewals(&self) -> Option<SharedInbox> {
        Inbox::for_renewals(self)
    }

    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    fn transactions(&self) -> Option<Transactions> {
        Inbox::transactions(self)
    }

    fn wait(&self, limit: Duration) -> BoxFuture<'_, ()> {
        Box::pin(Inbox::wait(self, limit))
    }

    fn accept<'a>(&'a self, accept: &'a Accept) -> BoxFuture<'a, Result<Accepted, StoreError>> {
        Box::pin(Inbox::accept(self, accept))
    }

    fn take<'a>(&'a self, take: &'a Take) -> BoxFuture<'a, Result<Vec<Taken>, StoreError>> {
        Box::pin(Inbox::take(self, take))
    }

    fn begin<'a>(&'a self, begin: &'a Begin) -> BoxFuture<'a, Result<Begun, StoreError>> {
        Box::pin(Inbox::begin(self, begin))
    }

    fn extend<'a>(
        &'a self,
        extensions: &'a [Extend],
    ) -> BoxFuture<'a, Result<Vec<Held>, StoreError>> {
        Box::pin(Inbox::extend(self, extensions))
    }

    fn finish<'a>(&'a self, finish: &'a Finish) -> BoxFuture<'a, Result<Held, StoreError>> {
        Box::pin(Inbox::finish(self, finish))
    }

    fn lookup<'a>(
        &'a self,
        key: &'a EventKey,
    ) -> BoxFuture<'a, Result<Option<EntryView>, StoreError>> {
        Box::pin(Inbox::lookup(self, key))
    }

    fn lookup_many<'a>(
        &'a self,
        keys: &'a [EventKey],
    ) -> BoxFuture<'a, Result<Vec<Option<EntryView>>, StoreError>> {
        Box::pin(Inbox::lookup_many(self, keys))
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Vec<EntryView>, StoreError>> {
        Box::pin(Inbox::list(self, list))
    }

    fn redrive<'a>(&'a self, redrive: &'a Redrive) -> BoxFuture<'a, Result<Moved, StoreError>> {
        Box::pin(Inbox::redrive(self, redrive))
    }

    fn discard<'a>(&'a self, discard: &'a Discard) -> BoxFuture<'a, Result<Moved, StoreError>> {
        Box::pin(Inbox::discard(self, discard))
    }

    fn forget<'a>(&'a self, key: &'a EventKey) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(Inbox::forget(self, key))
    }

    fn forget_ended<'a>(&'a self, key: &'a EventKey) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(Inbox::forget_ended(self, key))
    }

    fn counts(&self) -> BoxFuture<'_, Result<EntryCounts, StoreError>> {
        Box::pin(Inbox::counts(self))
    }

    fn set_paused<'a>(
        &'a self,
        provider: &'a Name,
        paused: bool,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(Inbox::set_paused(self, provider, paused))
    }

    fn paused(&self) -> BoxFuture<'_, Result<Vec<Name>, StoreError>> {
        Box::pin(Inbox::paused(self))
    }

    fn set_rate<'a>(
        &'a self,
        provider: &'a Name,
        of: RateOf,
        rate: Option<Rate>,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(Inbox::set_rate(self, provider, of, rate))
    }

    fn rates(&self) -> BoxFuture<'_, Result<Vec<RateView>, StoreError>> {
        Box::pin(Inbox::rates(self))
    }

    fn held_order_keys<'a>(
        &'a self,
        route: &'a Route,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<HeldOrderKey>>, StoreError>> {
        Box::pin(Inbox::held_order_keys(self, route, limit))
    }
}
