use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::inbox::Route;

use super::ahead::Looks;
use super::codec;
use super::order_kept::OrderHash;
use super::place::PartitionPlace;
use super::rates::Rates;

/// For so long a partition that did not answer is not asked for what is due, and a worker that has enough to do
/// doubts no holds of order keys.
const RESTS: Duration = Duration::from_secs(5);

/// So many more than are wanted are offered at most.
const MOST_SPARE: usize = 64;

/// Where a look at one kind of entries of one route in one partition has ended, with more behind it.
#[derive(Debug)]
pub(super) struct MoreBehind {
    pub(super) route: usize,
    pub(super) partition: PartitionPlace,
    pub(super) last: Vec<u8>,
}

impl MoreBehind {
    /// When what was seen last is due.
    pub(super) fn at(&self, routes: &[Route]) -> Option<u64> {
        let route = routes.get(self.route)?;
        Some(codec::decode_due(&self.last, route.as_str())?.at)
    }
}

/// What looks have left behind that passed over as many entries as they may.
#[derive(Debug, Default)]
pub(super) struct LeftBehind {
    pub(super) places: Vec<MoreBehind>,
    /// The order keys of what was passed over, no more than there are entries: whoever looks from there on does not see
    /// it, and runs none of them.
    pub(super) orders: HashSet<OrderHash>,
}

/// What takes have found out.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Until when partitions are left alone.
    resting: BTreeMap<u32, Instant>,
    /// When holds of order keys were doubted last.
    doubted: Option<Instant>,
    /// Where looks for entries of some routes have ended.
    pub(super) left_behind: HashMap<(bool, Box<[Route]>), LeftBehind>,
    /// Partitions whose index is of another type.
    broken: BTreeSet<u32>,
    /// Where the state of order keys stands that cannot be read.
    unreadable: BTreeSet<String>,
    /// The rates as they were seen last.
    pub(super) rates: Option<Rates>,
    /// What is left of what looks have found.
    pub(super) looks: Looks,
    /// How many more are offered than are wanted, since others are faster.
    pub(super) spare: usize,
}

impl Turn {
    /// Tells of each partition whose index is of another type, once until it is good again.
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

    /// Tells of each order key whose state cannot be read, once until that is good again.
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

    /// Whether holds of order keys are doubted in the midst of work: not each time.
    pub(super) fn doubts(&mut self) -> bool {
        let doubts = self.doubted.is_none_or(|last| last.elapsed() >= RESTS);
        if doubts {
            self.doubted = Some(Instant::now());
        }
        doubts
    }

    /// So many were taken by others since they were seen: of as many more one is offered the next time.
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
