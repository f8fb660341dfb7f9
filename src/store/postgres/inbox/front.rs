//! Where scans for due entries start.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::store::sql::inbox::LookAt;

/// How much later a due entry may become visible, in microseconds: its transaction takes a while.
const SPARE: i64 = 10_000_000;
/// Scans from the beginning take at most one part in this many of the time, and run at most once a second.
const FULL_PART: u32 = 100;
const FULL_EVERY: Duration = Duration::from_secs(1);

/// Where scans for due entries start, by route.
///
/// While a transaction is open for minutes, Postgres keeps old versions of entries, and each scan from the
/// beginning goes through all of them. So a scan starts at the first entry that the last one saw. Entries
/// that a transaction makes visible long after their time are found by an occasional scan from the
/// beginning.
#[derive(Default)]
pub(super) struct Front(Mutex<HashMap<LookAt, State>>);

struct State {
    from: i64,
    full_at: Instant,
}

impl Front {
    /// Where to start now, at this time of the rows. The second value says whether that is the beginning.
    pub(super) fn from(&self, at: &LookAt, time: i64, now: Instant) -> (i64, bool) {
        let state = self.state();
        match state.get(at) {
            // A clock that is set back makes new entries due earlier.
            Some(state) if now < state.full_at => {
                (state.from.min(time.saturating_sub(SPARE)), false)
            }
            _ => (i64::MIN, true),
        }
    }

    /// Notes how long a scan from the beginning took.
    pub(super) fn looked(&self, at: &LookAt, began: Instant, now: Instant) {
        let took = now.saturating_duration_since(began);
        let full_at = now + took.saturating_mul(FULL_PART).max(FULL_EVERY);
        let mut state = self.state();
        let own = state.entry(at.clone()).or_insert(State {
            from: i64::MIN,
            full_at,
        });
        own.full_at = full_at;
    }

    /// Notes the first entry found, at this time of the rows: there is none before it.
    pub(super) fn seen(&self, at: &LookAt, first: Option<i64>, time: i64) {
        let spare = time.saturating_sub(SPARE);
        if let Some(state) = self.state().get_mut(at) {
            state.from = state
                .from
                .max(first.map_or(spare, |first| first.min(spare)));
        }
    }

    /// The moment before which no entry is due.
    #[cfg(test)]
    pub(super) fn known(&self, at: &LookAt) -> Option<i64> {
        self.state().get(at).map(|state| state.from)
    }

    fn state(&self) -> MutexGuard<'_, HashMap<LookAt, State>> {
        // No code that holds the lock can fail half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Name;
    use crate::inbox::Route;

    #[test]
    fn a_look_begins_at_the_first_that_was_there_and_now_and_then_at_the_beginning() {
        let front = Front::default();
        let name = Name::new("default").unwrap();
        let at = (name, Route::parse("acme").unwrap(), false);
        let (begun, time) = (Instant::now(), 1_000_000_000);
        let millis = |count| begun + Duration::from_millis(count);
        assert_eq!(front.from(&at, time, begun), (i64::MIN, true));
        front.looked(&at, begun, millis(20));
        front.seen(&at, Some(9_000), time);
        assert_eq!(front.from(&at, time, millis(30)), (9_000, false));
        // There are none: entries that become visible later were due only a short while ago.
        front.seen(&at, None, time);
        assert_eq!(front.from(&at, time, millis(40)), (990_000_000, false));
        assert_eq!(
            front.from(&at, 20_000_000, millis(50)),
            (10_000_000, false),
            "the clock was set back"
        );
        // A hundred times as long as the scan took.
        assert_eq!(front.from(&at, time, millis(2_020)), (i64::MIN, true));
    }
}
