//! The share of failures over a sliding window of time, counted without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The number of slots in a window.
const SLOTS: usize = 12;
const SLOTS_U64: u64 = 12;
/// A slot is one number with three parts: the round of the window it was counted in, the total, and
/// how many of those failed.
const TAG_BITS: u32 = 16;
const COUNT_BITS: u32 = 24;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
const TAG_MASK: u64 = (1 << TAG_BITS) - 1;

#[derive(Debug)]
pub(crate) struct FailureWindow {
    /// The length of a slot in milliseconds.
    slot: u64,
    slots: [AtomicU64; SLOTS],
}

/// The counts of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counted {
    pub(crate) failed: u64,
    pub(crate) total: u64,
}

impl FailureWindow {
    pub(crate) fn new(window: Duration) -> Self {
        let millis = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        Self {
            slot: (millis / SLOTS_U64).max(1),
            slots: Default::default(),
        }
    }

    /// Counts one delivery at this time, in milliseconds from any start.
    pub(crate) fn count(&self, at: u64, has_failed: bool) {
        let number = at / self.slot;
        let Some(slot) = usize::try_from(number % SLOTS_U64)
            .ok()
            .and_then(|index| self.slots.get(index))
        else {
            return;
        };
        let tag = (number / SLOTS_U64) & TAG_MASK;
        let more = |old: u64| {
            let Counted { failed, total } = match tag_of(old) == tag {
                true => counted(old),
                // The slot is of an earlier round.
                false => Counted::default(),
            };
            // A full slot stays as it is: its share is known well enough.
            if total >= COUNT_MASK {
                return None;
            }
            let failed = failed + u64::from(has_failed);
            Some(tag << (2 * COUNT_BITS) | failed << COUNT_BITS | (total + 1))
        };
        let _ = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// The counts of the window that ends now.
    pub(crate) fn so_far(&self, now: u64) -> Counted {
        let newest = now / self.slot;
        let mut all = Counted::default();
        for (index, slot) in (0_u64..).zip(&self.slots) {
            // The newest slot number that maps to this index.
            let behind = (newest % SLOTS_U64 + SLOTS_U64 - index) % SLOTS_U64;
            let Some(number) = newest.checked_sub(behind) else {
                continue;
            };
            let value = slot.load(Ordering::Relaxed);
            if tag_of(value) == (number / SLOTS_U64) & TAG_MASK {
                let Counted { failed, total } = counted(value);
                all.failed += failed;
                all.total += total;
            }
        }
        all
    }
}

fn tag_of(slot: u64) -> u64 {
    slot >> (2 * COUNT_BITS)
}

fn counted(slot: u64) -> Counted {
    Counted {
        failed: (slot >> COUNT_BITS) & COUNT_MASK,
        total: slot & COUNT_MASK,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: u64 = 60_000;

    #[test]
    fn what_is_older_than_the_window_no_longer_counts() {
        let window = FailureWindow::new(Duration::from_secs(3_600));
        for minute in 0..60 {
            window.count(minute * MINUTE, minute < 30);
        }
        let so_far = |minute: u64| {
            let Counted { failed, total } = window.so_far(minute * MINUTE);
            (failed, total)
        };
        assert_eq!(so_far(59), (30, 60));
        assert_eq!(so_far(89), (0, 30));
        assert_eq!(so_far(119), (0, 0));
        assert_eq!(so_far(10_000), (0, 0));
    }

    #[test]
    fn many_threads_lose_none() {
        let window = FailureWindow::new(Duration::from_secs(60));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|n| window.count(n, n % 4 == 0)));
            }
        });
        let Counted { failed, total } = window.so_far(10_000);
        assert_eq!((failed, total), (10_000, 40_000));
    }

    proptest! {
        /// Compares with a list of all that was counted: the window begins within one slot of where
        /// it should.
        #[test]
        fn it_counts_what_a_list_would(
            mut at in prop::collection::vec((0_u64..7_200_000, any::<bool>()), 0..200),
            later in 0_u64..3_600_000,
        ) {
            at.sort_unstable();
            let window = FailureWindow::new(Duration::from_secs(1_200));
            at.iter().for_each(|(at, failed)| window.count(*at, *failed));
            let now = at.last().map_or(0, |last| last.0) + later;
            let slot = 100_000;
            let begins = (now / slot + 1).saturating_sub(12) * slot;
            let expected = at.iter().filter(|(at, _)| *at >= begins);
            let number = |count: usize| u64::try_from(count).unwrap();
            let failed = number(expected.clone().filter(|(_, failed)| *failed).count());
            let expected = Counted { failed, total: number(expected.count()) };
            prop_assert_eq!(window.so_far(now), expected);
        }
    }
}
