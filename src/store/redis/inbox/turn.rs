use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::rates::Rates;

/// For so long a partition that did not answer is not asked for what is due, and a worker that has enough to do
/// doubts no holds of order keys.
const RESTS: Duration = Duration::from_secs(5);

/// What takes have found out.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Until when partitions are left alone.
    resting: BTreeMap<u32, Instant>,
    /// When holds of order keys were doubted last.
    doubted: Option<Instant>,
    /// The rates as they were seen last.
    pub(super) rates: Option<Rates>,
}

impl Turn {
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

    pub(super) fn note(&mut self, partition: u32, has_answered: bool) {
        if has_answered {
            self.resting.remove(&partition);
        } else {
            self.resting.insert(partition, Instant::now() + RESTS);
        }
    }
}
