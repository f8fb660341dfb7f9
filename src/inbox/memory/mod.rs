//! An inbox in the memory of this process.

mod content;
mod orders;
mod space;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::clock::{Clock, UnixTime};
use crate::event::{EventKey, Name};
use crate::store::{Held, StoreClock, StoreError, StoreIdentity};

use super::Inbox;
use super::command::{
    Accept, Accepted, Begin, Begun, Discard, Extend, Finish, Moved, Redrive, Take, Taken,
};
use super::rate::{Rate, RateOf, RateView};
use super::route::Route;
use super::rules::EntryCommand;
use super::shared::SharedInbox;
use super::view::{EntryCounts, EntryView, HeldOrderKey, List};

use self::space::Space;

/// An [`Inbox`] in the memory of this process: **for tests**, and for events that may be lost.
///
/// Accepted events are gone when the process ends, although their senders were told that they are
/// held. The number of entries that are not handled yet is limited.
///
/// It has its own time: the system's clock when it was made, plus the time that has
/// passed. Waiting needs a tokio runtime with its timer. Clones share their entries.
///
/// ```
/// use tower_webhook::inbox::MemoryInbox;
///
/// let inbox = MemoryInbox::new();
/// # drop(inbox);
/// ```
#[derive(Clone)]
pub struct MemoryInbox(Arc<Shared>);

struct Shared {
    space: Mutex<Space>,
    clock: StoreClock,
    news: Notify,
}

const DEFAULT_CAPACITY: usize = 100_000;

impl MemoryInbox {
    /// An inbox for 100,000 entries that are not handled yet.
    pub fn new() -> Self {
        Self::build(DEFAULT_CAPACITY, StoreClock::steady())
    }

    /// An inbox for this many entries that are not handled yet.
    pub fn with_capacity(entries: usize) -> Self {
        Self::build(entries, StoreClock::steady())
    }

    /// An inbox with this clock, for tests.
    pub fn with_clock(clock: impl Clock) -> Self {
        Self::build(DEFAULT_CAPACITY, StoreClock::Given(Arc::new(clock)))
    }

    fn build(capacity: usize, clock: StoreClock) -> Self {
        Self(Arc::new(Shared {
            space: Mutex::new(Space::new(capacity)),
            clock,
            news: Notify::new(),
        }))
    }

    fn space(&self) -> (MutexGuard<'_, Space>, UnixTime) {
        let space = self.0.space.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, so that time advances from one command to the next.
        let now = self.0.clock.now();
        (space, now)
    }

    fn run<C: EntryCommand>(&self, command: &C) -> C::Outcome {
        let (mut space, now) = self.space();
        space.run(command, now)
    }

    fn tell(&self) {
        self.0.news.notify_waiters();
        // For a caller that is about to wait.
        self.0.news.notify_one();
    }
}

impl Default for MemoryInbox {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (space, _) = self.space();
        f.debug_struct("MemoryInbox")
            .field("entries", &space.len())
            .field("clock", &self.0.clock)
            .finish()
    }
}

impl Inbox for MemoryInbox {
    fn identity(&self) -> Option<StoreIdentity> {
        let at = Arc::as_ptr(&self.0);
        Some(StoreIdentity::of_allocation("memory inbox", at))
    }

    async fn accept(&self, accept: &Accept) -> Result<Accepted, StoreError> {
        let accepted = {
            let (mut space, now) = self.space();
            space.accept(accept, now)?
        };
        self.tell();
        Ok(accepted)
    }

    async fn take(&self, take: &Take) -> Result<Vec<Taken>, StoreError> {
        let (mut space, now) = self.space();
        Ok(space.take(take, now))
    }

    async fn begin(&self, begin: &Begin) -> Result<Begun, StoreError> {
        Ok(self.run(begin))
    }

    async fn extend(&self, extensions: &[Extend]) -> Result<Vec<Held>, StoreError> {
        Ok(extensions.iter().map(|extend| self.run(extend)).collect())
    }

    async fn finish(&self, finish: &Finish) -> Result<Held, StoreError> {
        let held = self.run(finish);
        self.tell();
        Ok(held)
    }

    async fn wait(&self, limit: Duration) {
        let news = self.0.news.notified();
        let next = {
            let (space, now) = self.space();
            space.next_due().map(|due| due.saturating_since(now))
        };
        // An entry that is due may be paused, or of a route that nobody requests: it is checked now
        // and then.
        let nap = next.filter(|it| !it.is_zero());
        let nap = nap.map_or(limit, |nap| self.0.clock.nap(nap).min(limit));
        let _ = timeout(nap, news).await;
    }

    fn for_renewals(&self) -> Option<SharedInbox> {
        Some(SharedInbox::new(self.clone()))
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<EntryView>, StoreError> {
        let (space, now) = self.space();
        Ok(space.view(key, now))
    }

    async fn list(&self, list: &List) -> Result<Vec<EntryView>, StoreError> {
        let (space, now) = self.space();
        Ok(space.list(list, now))
    }

    async fn redrive(&self, redrive: &Redrive) -> Result<Moved, StoreError> {
        let moved = {
            let (mut space, now) = self.space();
            space.redrive(redrive, now)
        };
        self.tell();
        Ok(moved)
    }

    async fn discard(&self, discard: &Discard) -> Result<Moved, StoreError> {
        let moved = self.run(discard);
        // Another event may have been waiting for it.
        self.tell();
        Ok(moved)
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        let (mut space, now) = self.space();
        Ok(space.forget(key, now))
    }

    async fn forget_ended(&self, key: &EventKey) -> Result<bool, StoreError> {
        let (mut space, now) = self.space();
        Ok(space.has_ended(key, now) && space.forget(key, now))
    }

    async fn counts(&self) -> Result<EntryCounts, StoreError> {
        let (space, now) = self.space();
        Ok(space.counts(now))
    }

    async fn set_paused(&self, provider: &Name, paused: bool) -> Result<bool, StoreError> {
        let changed = {
            let (mut space, _) = self.space();
            space.set_paused(provider, paused)
        };
        self.tell();
        Ok(changed)
    }

    async fn paused(&self) -> Result<Vec<Name>, StoreError> {
        let (space, _) = self.space();
        Ok(space.paused())
    }

    async fn set_rate(
        &self,
        provider: &Name,
        of: RateOf,
        rate: Option<Rate>,
    ) -> Result<bool, StoreError> {
        let changed = {
            let (mut space, _) = self.space();
            space.set_rate(provider, of, rate)
        };
        self.tell();
        Ok(changed)
    }

    async fn rates(&self) -> Result<Vec<RateView>, StoreError> {
        let (space, _) = self.space();
        Ok(space.rates())
    }

    async fn held_order_keys(
        &self,
        route: &Route,
        limit: usize,
    ) -> Result<Option<Vec<HeldOrderKey>>, StoreError> {
        let (space, _) = self.space();
        Ok(Some(space.held(route, limit)))
    }
}
