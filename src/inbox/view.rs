//! An operator's view of an inbox.

use bytes::Bytes;

use crate::clock::UnixTime;
use crate::event::{EventKey, Name, OrderKey};

use super::entry::{Entry, EntryStatus};
use super::route::Route;

/// An entry as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryView {
    /// The event.
    pub key: EventKey,
    /// The route that it belongs to.
    pub route: Route,
    /// How far it has got, in one word.
    pub status: EntryStatus,
    /// Its whole record, with its failed attempts.
    pub entry: Entry,
    /// The proved body, if a single entry was looked up and its body is still needed.
    pub body: Option<Bytes>,
}

impl EntryView {
    /// The view of an entry at this time, without its body.
    pub fn new(key: EventKey, route: Route, entry: Entry, now: UnixTime) -> Self {
        Self {
            key,
            route,
            status: entry.status(now),
            entry,
            body: None,
        }
    }

    /// The same view, with the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Option<Bytes>>) -> Self {
        self.body = body.into();
        self
    }
}

/// Selects the entries that an operator wants to see.
///
/// ```
/// use tower_webhook::Name;
/// use tower_webhook::inbox::{EntryStatus, List};
///
/// let dead = List::of(EntryStatus::Dead).provider(Name::new("stripe")?).limit(20);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct List {
    /// The status to list.
    pub status: EntryStatus,
    /// The provider to list; `None` for all.
    pub provider: Option<Name>,
    /// Starts after this entry of an earlier list, whatever has become of it.
    pub after: Option<EventKey>,
    /// The largest number to return.
    pub limit: usize,
}

impl List {
    /// Up to a hundred entries with this status.
    pub fn of(status: EntryStatus) -> Self {
        Self {
            status,
            provider: None,
            after: None,
            limit: 100,
        }
    }

    /// Lists entries of this provider only.
    #[must_use]
    pub fn provider(mut self, provider: Name) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Lists entries after the last one of the earlier list.
    #[must_use]
    pub fn after(mut self, key: EventKey) -> Self {
        self.after = Some(key);
        self
    }

    /// How many rows one statement scans, up to `most`: of dead entries, nearly all match.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn rows_at_once(&self, most: i64) -> i64 {
        let limit = i64::try_from(self.limit).unwrap_or(most);
        match self.status {
            EntryStatus::Dead => limit.clamp(1, most),
            _ => most,
        }
    }

    /// The largest number to return.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

/// An order key that an event holds: no other event of it is taken.
///
/// ```
/// use tower_webhook::event::OrderKey;
/// use tower_webhook::inbox::HeldOrderKey;
/// use tower_webhook::{EventKey, Name};
///
/// let holder = EventKey::new(Name::new("acme")?, ["evt_1"])?;
/// let held = HeldOrderKey::new(OrderKey::new(["1042"]).ok_or("no parts")?, holder);
/// assert_eq!(held.key.as_str(), "1042");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldOrderKey {
    /// The key that is held.
    pub key: OrderKey,
    /// The event that holds it.
    pub holder: EventKey,
}

impl HeldOrderKey {
    /// This key, held by this event.
    pub fn new(key: OrderKey, holder: EventKey) -> Self {
        Self { key, holder }
    }
}

/// How many entries there are with each status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryCounts {
    /// Accepted, without an attempt so far.
    pub queued: u64,
    /// Failed, to be attempted again.
    pub waiting: u64,
    /// A worker has them.
    pub running: u64,
    /// A worker had them, and its lease is over.
    pub lapsed: u64,
    /// Handled.
    pub done: u64,
    /// In the dead letters.
    pub dead: u64,
    /// Never to be run.
    pub discarded: u64,
    /// Skipped: a newer event of their order key was completed before.
    pub stale: u64,
    /// Found untrue, and not run.
    pub mismatched: u64,
}

impl EntryCounts {
    /// The number of each status.
    ///
    /// ```
    /// use tower_webhook::inbox::{EntryCounts, EntryStatus};
    ///
    /// let mut counts = EntryCounts::default();
    /// counts.add(EntryStatus::Dead, 2);
    /// assert!(counts.by_status().contains(&(EntryStatus::Dead, 2)));
    /// ```
    pub fn by_status(&self) -> [(EntryStatus, u64); 9] {
        let Self {
            queued,
            waiting,
            running,
            lapsed,
            done,
            dead,
            discarded,
            stale,
            mismatched,
        } = *self;
        [
            (EntryStatus::Queued, queued),
            (EntryStatus::Waiting, waiting),
            (EntryStatus::Running, running),
            (EntryStatus::Lapsed, lapsed),
            (EntryStatus::Done, done),
            (EntryStatus::Dead, dead),
            (EntryStatus::Discarded, discarded),
            (EntryStatus::Stale, stale),
            (EntryStatus::Mismatched, mismatched),
        ]
    }

    /// The sums of both counts.
    #[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
    pub(crate) fn and(mut self, those: Self) -> Self {
        for (status, more) in those.by_status() {
            self.add(status, more);
        }
        self
    }

    /// Adds `more` entries with this status.
    pub fn add(&mut self, status: EntryStatus, more: u64) {
        let count = match status {
            EntryStatus::Queued => &mut self.queued,
            EntryStatus::Waiting => &mut self.waiting,
            EntryStatus::Running => &mut self.running,
            EntryStatus::Lapsed => &mut self.lapsed,
            EntryStatus::Done => &mut self.done,
            EntryStatus::Dead => &mut self.dead,
            EntryStatus::Discarded => &mut self.discarded,
            EntryStatus::Stale => &mut self.stale,
            EntryStatus::Mismatched => &mut self.mismatched,
        };
        *count = count.saturating_add(more);
    }
}
