use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::inbox::Route;

use super::ahead::Looks;
use super::codec;
use super::order_kept::OrderHash;
use super::place::PartitionPlace;
use super::rates::Rates;

/// How long a partition that did not answer is not scanned, and how long a busy worker waits before it verifies
/// holds of order keys again.
const RESTS: Duration = Duration::from_secs(5);

/// How many more entries than wanted are offered at most.
const MOST_SPARE: usize = 64;

/// Where a scan of one kind of entries of one route in one partition has ended, with more after it.
#[derive(Debug)]
pub(super) struct MoreBehind {
    pub(super) route: usize,
    pub(super) partition: PartitionPlace,
    pub(super) last: Vec<u8>,
}

impl MoreBehind {
    /// The due time of the last entry seen.
    pub(super) fn at(&self, routes: &[Route]) -> Option<u64> {
        let route = routes.get(self.route)?;
        Some(codec::decode_due(&self.last, route.as_str())?.at)
    }
}

/// Where scans have ended that passed over as many entries as they may.
#[derive(Debug, Default)]
pub(super) struct LeftBehind {
    pub(super) places: Vec<MoreBehind>,
    /// The order keys of entries that were passed over, at most as many as there are entries: a scan that continues
    /// from there does not see those entries, and runs none of these keys.
    pub(super) orders: HashSet<OrderHash>,
}

/// The knowledge from earlier takes.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Until when partitions are not queried.
    resting: BTreeMap<u32, Instant>,
    /// When holds of order keys were last verified.
    doubted: Option<Instant>,
    /// Where scans for entries of some routes have ended.
    pub(super) left_behind: HashMap<(bool, Box<[Route]>), LeftBehind>,
    /// Partitions whose index is of another type.
    broken: BTreeSet<u32>,
    /// Keys that hold an invalid state of an order key.
    unreadable: BTreeSet<String>,
    /// The rates that were last read.
    pub(super) rates: Option<Rates>,
    /// The remaining results of scans.
    pub(super) looks: Looks,
    /// How many more entries are offered than wanted, since others may take some first.
    pub(super) spare: usize,
}

impl Turn {
    /// Logs each partition whose index is of another type, once until it is repaired.
    pub(super) fn note_broken(&mut self, broken: BTreeSet<u32>) {
        for partition in broken.difference(&self.broken) {
            tracing::error!(
                partition,
                "an index of the inbox, or its set of paused providers, is of another type: the entries of its partition are \
                 not found"
            );
        }
        self.broken = broken;
    }

    /// Logs each order key whose state cannot be read, once until it is repaired.
    pub(super) fn note_unreadable(&mut self, unreadable: BTreeSet<String>) {
        for key in unreadable.difference(&self.unreadable) {
            tracing::error!(
                key,
                "what is kept of an order key is of another type: its entries wait until that is removed"
            );
        }
        self.unreadable = unreadable;
    }

    pub(super) fn may_ask(&self, partition: u32) -> bool {
        let until = self.resting.get(&partition);
        until.is_none_or(|until| *until <= Instant::now())
    }

    /// Whether a busy worker verifies holds of order keys now, which it does only sometimes.
    pub(super) fn doubts(&mut self) -> bool {
        let doubts = self.doubted.is_none_or(|last| last.elapsed() >= RESTS);
        if doubts {
            self.doubted = Some(Instant::now());
        }
        doubts
    }

    /// Notes how many others took since they were seen: the next take offers more accordingly.
    pub(super) fn note_missed(&mut self, missed: usize) {
        self.spare = match missed {
            0 => self.spare / 2,
            some => self
                .spare
                .saturating_add(some)
                .saturating_mul(2)
                .min(MOST_SPARE),
        };
    }

    pub(super) fn note(&mut self, partition: u32, has_answered: bool) {
        if has_answered {
            self.resting.remove(&partition);
        } else {
            self.resting.insert(partition, Instant::now() + RESTS);
        }
    }
}
