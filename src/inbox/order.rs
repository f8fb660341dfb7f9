//! What an inbox keeps of what events are about.

use crate::clock::UnixTime;
use crate::event::{EventKey, Version};

use super::entry::Entry;
use super::rate::{Limit, Rate};

/// What an inbox keeps of one order key of one route; it begins empty. `Id` is what the inbox tells entries
/// apart by.
///
/// ```
/// use tower_webhook::UnixTime;
/// use tower_webhook::event::Version;
/// use tower_webhook::inbox::{Entry, Moved, OrderChange, OrderState, Redrive};
///
/// let now = UnixTime::now();
/// // The entry 7 is taken, and completed with version 3.
/// let mut order = OrderState::default().after(7, OrderChange::Hold, now);
/// assert!(order.lets(&7) && !order.lets(&8));
/// let (version, kept_until) = (Some(Version::new(3)), now.saturating_add(std::time::Duration::from_secs(60)));
/// order = order.after(7, OrderChange::Complete { version, kept_until }, now);
/// assert!(order.lets(&8));
/// assert_eq!(order.applied(now), version);
///
/// /// What an inbox asks before it redrives one that is dead.
/// fn may_be_redriven(redrive: &Redrive, entry: &Entry, order: &OrderState<i64>, now: UnixTime) -> bool {
///     entry.is_open() && redrive.against_order(entry, order, now) != Some(Moved::Stale)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderState<Id = EventKey> {
    /// The entry that a worker has, or has had and will have again: no other one of the key is taken.
    pub holder: Option<Id>,
    /// The newest version that was completed, and until when that is known.
    pub applied: Option<(Version, UnixTime)>,
    /// What is kept of the [rate](super::RateOf::EachOrderKey) of the key, if it is limited; see [`Limit`].
    pub used_until: Option<UnixTime>,
}

/// What a command on an entry comes to for its order key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderChange {
    /// No other entry of the key is taken from now on.
    Hold,
    /// If this entry was the holder there is none any more.
    Free,
    /// The same, and it was completed.
    Complete {
        /// How new it is.
        version: Option<Version>,
        /// Until when that is known.
        kept_until: UnixTime,
    },
}

impl<Id> Default for OrderState<Id> {
    fn default() -> Self {
        Self {
            holder: None,
            applied: None,
            used_until: None,
        }
    }
}

impl<Id: PartialEq> OrderState<Id> {
    /// The newest version that was completed, as far as that is still known.
    pub fn applied(&self, now: UnixTime) -> Option<Version> {
        let (version, _) = self.applied.filter(|(_, until)| *until > now)?;
        Some(version)
    }

    /// Whether this entry may be taken: no other one holds the key.
    pub fn lets(&self, id: &Id) -> bool {
        self.holder.as_ref().is_none_or(|holder| holder == id)
    }

    /// From when on it need not be kept; `None` while an event holds the key.
    pub fn kept_until(&self) -> Option<UnixTime> {
        let applied = self.applied.map(|(_, until)| until);
        let until = applied.max(self.used_until).unwrap_or(UnixTime::EPOCH);
        self.holder.is_none().then_some(until)
    }

    /// The rate of the key, if there is one, and what was used of it.
    pub fn limit(&self, rate: Option<Rate>) -> Option<Limit> {
        Some(Limit::new(
            rate?,
            self.used_until.unwrap_or(UnixTime::EPOCH),
        ))
    }

    /// The same after a command on this entry.
    #[must_use]
    pub fn after(mut self, id: Id, change: OrderChange, now: UnixTime) -> Self {
        if change == OrderChange::Hold {
            self.holder = Some(id);
            return self;
        }
        self.holder = self.holder.filter(|holder| *holder != id);
        if let OrderChange::Complete {
            version: Some(version),
            kept_until,
        } = change
        {
            let known = self.applied(now);
            let until = self
                .applied
                .map_or(kept_until, |(_, until)| until.max(kept_until));
            self.applied = Some((known.map_or(version, |known| known.max(version)), until));
        }
        self
    }
}

impl Entry {
    /// Whether it is older than what was completed, and nobody wants it run all the same.
    pub(super) fn is_overtaken<Id: PartialEq>(
        &self,
        order: &OrderState<Id>,
        now: UnixTime,
    ) -> bool {
        let ours = self.order.as_ref().filter(|ours| !ours.forced);
        let version = ours.and_then(|ours| ours.version);
        let applied = order.applied(now);
        version
            .zip(applied)
            .is_some_and(|(ours, applied)| ours < applied)
    }

    /// What its end comes to for its order key.
    pub(crate) fn frees(&self) -> Option<OrderChange> {
        self.order.as_ref().map(|_| OrderChange::Free)
    }

    /// What its death comes to for its order key.
    pub(crate) fn frees_when_dead(&self) -> Option<OrderChange> {
        let order = self.order.as_ref().filter(|order| !order.dead_hold_back);
        order.map(|_| OrderChange::Free)
    }
}

/// Tells the operator of an event that was skipped.
pub(crate) fn tell_stale(event: &EventKey) {
    tracing::info!(
        target: "tower_webhook",
        key = %event.escaped(),
        "a queued event is stale: a newer one of its order key was completed"
    );
}
