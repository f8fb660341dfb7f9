//! Decides when to remove records whose retention is over, and where to scan for them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The largest batch; one per second, or one after each transaction while there are more.
const AT_ONCE: i64 = 500;
const EVERY: Duration = Duration::from_secs(1);
/// How much longer a record is stored than it counts, so that it counts again if the clock is set back.
pub(super) const SPARE: Duration = Duration::from_secs(300);
/// Scans from the beginning take at most one part in this many of the time.
const FULL_PART: u32 = 100;

/// When to scan, and from where.
///
/// While a transaction is open for hours, Postgres keeps removed rows, and each scan from the beginning goes
/// through all of them. So a scan starts where the last one ended. Rows that were skipped because another
/// transaction had locked them are found by an occasional scan from the beginning.
pub(super) struct Pruning(Mutex<State>);

struct State {
    at: Instant,
    from: i64,
    full_at: Instant,
    /// How many are removed at once: fewer if that took too long.
    most: i64,
}

/// A scan for some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    begun: Instant,
    /// The earliest end of a retention that it covers, in microseconds.
    pub(super) from: i64,
    /// The most records that it removes.
    pub(super) most: i64,
    is_full: bool,
}

impl Pruning {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(State {
            at: now,
            from: i64::MIN,
            full_at: now,
            most: AT_ONCE,
        }))
    }

    /// The scan to make now, if it is time for one.
    pub(super) fn due(&self, now: Instant) -> Option<Look> {
        let mut state = self.state();
        if now < state.at {
            return None;
        }
        state.at = now + EVERY;
        let is_full = now >= state.full_at;
        Some(Look {
            begun: now,
            from: if is_full { i64::MIN } else { state.from },
            most: state.most,
            is_full,
        })
    }

    /// Notes that a scan did not finish in time, and has removed nothing.
    pub(super) fn was_too_slow(&self, look: Look) {
        self.state().most = (look.most / 2).max(1);
    }

    /// Notes that a scan up to `to` has removed records whose retentions ended at `ends`.
    pub(super) fn done(&self, look: Look, now: Instant, ends: &[i64], to: i64) {
        let mut state = self.state();
        let is_all = i64::try_from(ends.len()).is_ok_and(|count| count < look.most);
        let last = ends.iter().copied().max().filter(|_| !is_all);
        state.from = state.from.max(last.unwrap_or(to));
        if look.is_full {
            let took = now.saturating_duration_since(look.begun);
            state.full_at = now + took.saturating_mul(FULL_PART);
        }
        if !is_all {
            state.at = look.begun;
            // By an eighth only: each batch that takes too long again costs a deadline.
            let more = look.most.saturating_add(look.most / 8).saturating_add(1);
            state.most = more.min(AT_ONCE);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock can fail half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_begins_where_the_last_one_ended_and_now_and_then_at_the_beginning() {
        let begun = Instant::now();
        let millis = |count| begun + Duration::from_millis(count);
        let pruning = Pruning::new(begun);
        let first = pruning.due(begun).unwrap();
        assert!(first.is_full);
        assert_eq!(pruning.due(millis(999)), None);
        // A full batch that took 50 ms: there are more.
        let mut ends = vec![900; 499];
        ends.push(1_000);
        pruning.done(first, millis(50), &ends, 9_000);
        let second = pruning.due(millis(60)).unwrap();
        assert_eq!((second.from, second.is_full), (1_000, false));
        pruning.done(second, millis(70), &[2_000], 9_000);
        assert_eq!(pruning.due(millis(1_000)), None);
        let third = pruning.due(millis(1_060)).unwrap();
        assert_eq!((third.from, third.is_full), (9_000, false));
        // A hundred times as long after the first.
        let full = pruning.due(millis(5_050)).unwrap();
        assert!(full.is_full && full.from < 0);
    }

    #[test]
    fn what_takes_too_long_is_done_in_smaller_parts() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let pruning = Pruning::new(begun);
        for (second, most) in [(0, 500), (1, 250), (2, 125), (3, 62)] {
            let look = pruning.due(at(second)).unwrap();
            assert_eq!(look.most, most);
            pruning.was_too_slow(look);
        }
        let look = pruning.due(at(4)).unwrap();
        assert_eq!(look.most, 31);
        pruning.done(look, at(4), &[1; 31], 9);
        let look = pruning.due(at(4)).unwrap();
        assert_eq!(look.most, 35, "there are more, and they go in time");
        // Fewer than the maximum: there are no more.
        pruning.done(look, at(4), &[1; 3], 9);
        assert_eq!(pruning.due(at(4)), None);
        assert_eq!(pruning.due(at(5)).unwrap().most, 35);
        pruning.was_too_slow(Look { most: 1, ..look });
        assert_eq!(pruning.due(at(6)).unwrap().most, 1);
    }
}
