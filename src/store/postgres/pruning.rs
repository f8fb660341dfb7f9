//! When to remove records whose retention is over, and where to look for them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// They go in batches of this size at most, one a second, or one after each transaction while there are more.
const AT_ONCE: i64 = 500;
const EVERY: Duration = Duration::from_secs(1);
/// So much longer than it counts a record is there: a clock that is set back by less brings it back.
pub(super) const SPARE: Duration = Duration::from_secs(300);
/// Of so many parts of the time one at most goes into looks from the beginning.
const FULL_PART: u32 = 100;

/// When to look, and from where.
///
/// While a transaction of hours is open, Postgres keeps what was removed, and each look from the
/// beginning goes through all of it. So a look begins where the last one ended. What was passed over
/// because somebody was at it is found by a look from the beginning now and then.
pub(super) struct Pruning(Mutex<State>);

struct State {
    at: Instant,
    from: i64,
    full_at: Instant,
    /// So many go at once: fewer where they took too long.
    most: i64,
}

/// A look at some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    begun: Instant,
    /// The first end of a retention that it is for, in microseconds.
    pub(super) from: i64,
    /// It is for so many at most.
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

    /// What to do now, if it is time to look.
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

    /// A look was not over in time, and has removed nothing.
    pub(super) fn was_too_slow(&self, look: Look) {
        self.state().most = (look.most / 2).max(1);
    }

    /// A look up to there has removed records whose retention ended then.
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
            // By an eighth: each that takes too long again costs a deadline.
            let more = look.most.saturating_add(look.most / 8).saturating_add(1);
            state.most = more.min(AT_ONCE);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing can fail half-way while it is held.
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
        // A full batch, which took 50 ms: there are more.
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
        // Fewer than it is for: these say nothing of more.
        pruning.done(look, at(4), &[1; 3], 9);
        assert_eq!(pruning.due(at(4)), None);
        assert_eq!(pruning.due(at(5)).unwrap().most, 35);
        pruning.was_too_slow(Look { most: 1, ..look });
        assert_eq!(pruning.due(at(6)).unwrap().most, 1);
    }
}
