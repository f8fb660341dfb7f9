//! The state that an inbox stores for order keys.

use crate::clock::UnixTime;
use crate::event::{EventKey, Version};

use super::entry::Entry;
use super::rate::{Limit, Rate};

/// The state of one order key of one route; it starts empty. `Id` is how the inbox identifies entries.
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
/// /// The check before an inbox redrives a dead entry.
/// fn may_be_redriven(redrive: &Redrive, entry: &Entry, order: &OrderState<i64>, now: UnixTime) -> bool {
///     entry.is_open() && redrive.against_order(entry, order, now) != Some(Moved::Stale)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderState<Id = EventKey> {
    /// The entry that a worker has, or has had and will have again: no other entry of the key is
    /// taken.
    pub holder: Option<Id>,
    /// The newest completed version, and until when it is known.
    pub applied: Option<(Version, UnixTime)>,
    /// The usage of the key's [rate](super::RateOf::EachOrderKey), if it is limited; see [`Limit`].
    pub used_until: Option<UnixTime>,
}

/// The effect of a command on the order key of its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderChange {
    /// From now on, no other entry of the key is taken.
    Hold,
    /// If this entry was the holder, there is none any more.
    Free,
    /// The same, and the entry was completed.
    Complete {
        /// Its version.
        version: Option<Version>,
        /// Until when the version is known.
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
    /// The newest completed version, if it is still known.
    pub fn applied(&self, now: UnixTime) -> Option<Version> {
        let (version, _) = self.applied.filter(|(_, until)| *until > now)?;
        Some(version)
    }

    /// Whether this entry may be taken: no other entry holds the key.
    pub fn lets(&self, id: &Id) -> bool {
        self.holder.as_ref().is_none_or(|holder| holder == id)
    }

    /// From when on it may be forgotten; `None` while an event holds the key.
    pub fn kept_until(&self) -> Option<UnixTime> {
        let applied = self.applied.map(|(_, until)| until);
        let until = applied.max(self.used_until).unwrap_or(UnixTime::EPOCH);
        self.holder.is_none().then_some(until)
    }

    /// The rate of the key with its usage, if there is one.
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
    /// Whether it is older than the completed version, and is not forced to run.
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

    /// The effect of its end on its order key.
    pub(crate) fn frees(&self) -> Option<OrderChange> {
        self.order.as_ref().map(|_| OrderChange::Free)
    }

    /// The effect of its death on its order key.
    pub(crate) fn frees_when_dead(&self) -> Option<OrderChange> {
        let order = self.order.as_ref().filter(|order| !order.dead_hold_back);
        order.map(|_| OrderChange::Free)
    }
}

/// Logs that an event was skipped.
pub(crate) fn tell_stale(event: &EventKey) {
    tracing::info!(
        target: "tower_webhook",
        key = %event.escaped(),
        "a queued event is stale: a newer one of its order key was completed"
    );
}
