use std::collections::VecDeque;

use subtle::ConstantTimeEq;

use super::error::Stale;
use crate::clock::Skew;
use crate::encoding::MAC_LEN;

/// After this many different deliveries with similar errors, the local clock is suspected, until a
/// delivery is in time.
const SUSPICIOUS: usize = 3;
/// This many are remembered, to distinguish a new one from a replay.
const KEPT: usize = 8;

/// The authentic but stale deliveries since the last one that was in time.
///
/// If a receiver's clock is wrong, every delivery is off by about the same amount. A stranger with
/// a captured delivery can send it again any number of times. The signed content identifies it, so
/// it counts once and does not interrupt a run.
/// counts once, and breaks no run either.
#[derive(Debug, Default)]
pub(crate) struct StaleRun {
    kept: VecDeque<Kept>,
    suspected: bool,
}

struct Kept {
    skew: Skew,
    content: [u8; MAC_LEN],
}

impl std::fmt::Debug for Kept {
    /// Without the MAC, which is a signature.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.skew.fmt(f)
    }
}

impl StaleRun {
    /// Adds a stale delivery, and returns whether the clock is suspected.
    pub(crate) fn stale(&mut self, stale: &Stale) -> bool {
        let known = (self.kept.iter()).any(|kept| kept.content.ct_eq(&stale.content).into());
        if !known {
            if self.kept.len() >= KEPT {
                self.kept.pop_front();
            }
            self.kept.push_back(Kept {
                skew: stale.skew,
                content: stale.content,
            });
            let alike = (self.kept.iter().rev())
                .take_while(|kept| are_alike(kept.skew, stale.skew, stale.tolerance.as_secs()))
                .count();
            self.suspected |= alike >= SUSPICIOUS;
        }
        self.suspected
    }

    /// The error of the last delivery in seconds while the clock is suspected, positive if it was old.
    pub(crate) fn suspected_skew(&self) -> Option<i64> {
        let last = self.kept.back().filter(|_| self.suspected)?;
        let signed = |secs: u64| i64::try_from(secs).unwrap_or(i64::MAX);
        Some(match last.skew {
            Skew::Old(secs) => signed(secs),
            Skew::Ahead(secs) => signed(secs).saturating_neg(),
        })
    }

    /// A delivery was in time: the clock is right.
    pub(crate) fn in_time(&mut self) {
        *self = Self::default();
    }
}

/// Whether both are off in the same direction, by amounts that differ by at most the duration of a
/// delivery: one wrong clock explains both.
fn are_alike(a: Skew, b: Skew, tolerance: u64) -> bool {
    match (a, b) {
        (Skew::Old(a), Skew::Old(b)) | (Skew::Ahead(a), Skew::Ahead(b)) => {
            a.abs_diff(b) <= tolerance
        }
        (Skew::Old(_), Skew::Ahead(_)) | (Skew::Ahead(_), Skew::Old(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Tolerance;
    use crate::secret::Matching;

    fn stale(content: u8, skew: Skew) -> Stale {
        let mut keys = Matching::default();
        keys.add(&"1".into());
        Stale {
            skew,
            keys: keys.into_ids().unwrap(),
            content: [content; MAC_LEN],
            tolerance: Tolerance::DEFAULT,
        }
    }

    /// For each of these deliveries, whether the clock is suspected.
    fn suspected(deliveries: &[(u8, Skew)]) -> Vec<bool> {
        let mut run = StaleRun::default();
        (deliveries.iter())
            .map(|(content, skew)| run.stale(&stale(*content, *skew)))
            .collect()
    }

    use Skew::{Ahead, Old};

    #[test]
    fn the_third_different_one_that_is_off_alike_is_suspicious() {
        let told = [(1, Old(360)), (2, Old(362)), (3, Old(361)), (4, Old(365))];
        assert_eq!(suspected(&told), [false, false, true, true]);
        let told = [(1, Ahead(7_200)), (2, Ahead(7_200)), (3, Ahead(7_201))];
        assert_eq!(suspected(&told), [false, false, true]);
        // A delivery may take as long as the tolerance, but no longer.
        let told = [(1, Old(1_000)), (2, Old(1_300)), (3, Old(1_300))];
        assert_eq!(suspected(&told), [false, false, true]);
        let told = [(1, Old(999)), (2, Old(1_300)), (3, Old(1_300))];
        assert_eq!(suspected(&told), [false; 3]);
    }

    #[test]
    fn one_that_is_sent_again_neither_counts_nor_breaks_the_run() {
        assert_eq!(suspected(&[(1, Old(360)); 20]), [false; 20]);
        let mut replayed = vec![(9, Old(90_000))];
        for content in 1..=3 {
            replayed.extend([(content, Ahead(360)), (9, Old(90_001))]);
        }
        let told = [false, false, false, false, false, true, true];
        assert_eq!(suspected(&replayed), told);
    }

    #[test]
    fn those_that_are_off_differently_are_no_clock() {
        let mixed = [
            (1, Old(360)),
            (2, Ahead(360)),
            (3, Old(360)),
            (4, Ahead(360)),
        ];
        assert_eq!(suspected(&mixed), [false; 4]);
        // A sender kept these for hours and sends them now.
        let late = [
            (1, Old(9_000)),
            (2, Old(6_000)),
            (3, Old(3_000)),
            (4, Old(400)),
        ];
        assert_eq!(suspected(&late), [false; 4]);
    }

    #[test]
    fn one_in_time_clears_the_suspicion() {
        let mut run = StaleRun::default();
        for content in 1..=3 {
            run.stale(&stale(content, Old(360)));
        }
        assert!(
            run.stale(&stale(1, Old(400))),
            "until it is shown otherwise"
        );
        run.in_time();
        assert!(!run.stale(&stale(4, Old(360))) && !run.stale(&stale(1, Old(360))));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut run = StaleRun::default();
        for content in 0..=255 {
            run.stale(&stale(content, Old(360)));
        }
        assert_eq!(run.kept.len(), KEPT);
    }
}
