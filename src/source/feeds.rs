//! The feeds of an allowlist, and the last content of each.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::feed::{AddressFeed, FeedContent, FeedError, FeedErrorKind};
use super::networks::Networks;
use crate::clock::UnixTime;

/// The changes found by reading a feed, for the log.
///
/// An [`Allowlist`](super::Allowlist) accepts a feed that has shrunk, as the sender may have moved.
/// Half a list can also be the publisher's mistake, so somebody should check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedChange {
    networks: usize,
    added: usize,
    removed: usize,
    before: usize,
    passed_over: usize,
    good_until: UnixTime,
}

impl FeedChange {
    /// Whether the feed's networks differ from before.
    pub fn is_change(&self) -> bool {
        self.added > 0 || self.removed > 0
    }

    /// The number of its networks; those that overlap or adjoin count as one.
    pub fn networks(&self) -> usize {
        self.networks
    }

    /// How many of them were not fully included before.
    pub fn added(&self) -> usize {
        self.added
    }

    /// How many of the earlier ones are no longer fully included.
    pub fn removed(&self) -> usize {
        self.removed
    }

    /// Whether more than half of the earlier content is gone.
    pub fn has_shrunk(&self) -> bool {
        self.removed.saturating_mul(2) > self.before
    }

    /// The number of entries that are not a network, or cannot be a sender's.
    pub fn passed_over(&self) -> usize {
        self.passed_over
    }

    /// When the content expires unless the feed is read again first.
    pub fn good_until(&self) -> UnixTime {
        self.good_until
    }
}

/// The feeds of one list. A feed that was never read is empty and expired in 1970.
#[derive(Default)]
pub(super) struct Feeds(Vec<Known>);

struct Known {
    feed: AddressFeed,
    networks: Networks,
    learned_at: UnixTime,
    good_until: UnixTime,
}

impl Known {
    /// Whether half of the time is over for which its content stands, or it was never read.
    fn is_stale(&self, now: UnixTime) -> bool {
        let stands = self.good_until.saturating_since(self.learned_at);
        now.saturating_since(self.learned_at) >= stands / 2
    }
}

impl Feeds {
    /// A feed that is already present stays as it is.
    pub(super) fn add(&mut self, feed: AddressFeed) {
        if self.0.iter().all(|known| known.feed != feed) {
            self.0.push(Known {
                feed,
                networks: Networks::default(),
                learned_at: UnixTime::EPOCH,
                good_until: UnixTime::EPOCH,
            });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &AddressFeed> {
        self.0.iter().map(|known| &known.feed)
    }

    pub(super) fn contains(&self, address: IpAddr, now: UnixTime) -> bool {
        (self.0.iter()).any(|known| now < known.good_until && known.networks.contains(address))
    }

    pub(super) fn any_ended(&self, now: UnixTime) -> bool {
        self.0.iter().any(|known| known.good_until <= now)
    }

    pub(super) fn all_ended(&self, now: UnixTime) -> bool {
        self.0.iter().all(|known| known.good_until <= now)
    }

    /// When the one of the stale feeds was read that was read longest ago: in 1970 where it never was.
    pub(super) fn oldest_stale(&self, now: UnixTime) -> Option<UnixTime> {
        let stale = self.0.iter().filter(|known| known.is_stale(now));
        stale.map(|known| known.learned_at).min()
    }

    pub(super) fn learn(
        &mut self,
        feed: &AddressFeed,
        content: FeedContent,
        now: UnixTime,
        grace: Duration,
    ) -> Result<FeedChange, FeedError> {
        let known = (self.0.iter_mut())
            .find(|known| known.feed == *feed)
            .ok_or_else(|| FeedError::of(feed, FeedErrorKind::Unknown))?;
        let (networks, passed_over) = content.into_parts();
        let new =
            Networks::new(networks).map_err(|_| FeedError::of(feed, FeedErrorKind::TooWide))?;
        let missing = |these: &Networks, those: &Networks| {
            these
                .iter()
                .filter(|network| !those.covers(network))
                .count()
        };
        let change = FeedChange {
            networks: new.iter().count(),
            added: missing(&new, &known.networks),
            removed: missing(&known.networks, &new),
            before: known.networks.iter().count(),
            passed_over,
            good_until: now.saturating_add(grace),
        };
        known.networks = new;
        known.learned_at = now;
        known.good_until = change.good_until;
        Ok(change)
    }
}

impl fmt::Debug for Feeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let feeds = self.0.iter().map(|known| {
            let Known {
                feed,
                networks,
                learned_at: _,
                good_until: _,
            } = known;
            (feed.url(), networks)
        });
        f.debug_map().entries(feeds).finish()
    }
}
