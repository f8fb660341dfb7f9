//! Routes with so many held-back entries that no scan goes through all of them.

use std::collections::HashMap;
#[cfg(test)]
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::event::Name;
use crate::inbox::Route;

/// The namespace and route, and whether it is for entries whose workers died repeatedly.
pub(in crate::store) type LookAt = (Name, Route, bool);

/// An entry's position in the order in which entries are due: its time and its number.
pub(in crate::store) type Turn = (i64, i64);

/// Before and after all of them.
pub(in crate::store) const FIRST: Turn = (i64::MIN, i64::MIN);
pub(in crate::store) const LAST: Turn = (i64::MAX, i64::MAX);

/// A scan that takes longer goes through too many entries.
const SLOW: Duration = Duration::from_millis(50);
/// How many entries one scan of such a route goes through.
const WINDOW: u32 = 4_000;

/// Where a scan starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Part {
    /// At the first due entry.
    Front,
    /// Only on crowded routes: where the last scan ended.
    Behind,
}

/// Routes on which a scan was slow, because a held order key has many waiting entries.
///
/// Each scan of such a route is bounded. One starts at the front, where the next entry of that key comes first. If it
/// finds nothing, another one continues from where the last one ended, so that the other entries get their turn too.
pub(in crate::store) struct Crowds {
    /// How far the scans after the front have come.
    come_to: Mutex<HashMap<LookAt, Turn>>,
    slow: Duration,
    window: u32,
}

/// Whether every scan counts as slow.
#[cfg(test)]
pub(in crate::store) static NARROW: AtomicBool = AtomicBool::new(false);

impl Default for Crowds {
    fn default() -> Self {
        #[cfg(test)]
        if NARROW.load(Ordering::Relaxed) {
            return Self::of(Duration::ZERO, 50);
        }
        Self::of(SLOW, WINDOW)
    }
}

impl Crowds {
    /// Routes count as crowded if a scan takes this long; a scan then goes through this many entries.
    pub(in crate::store) fn of(slow: Duration, window: u32) -> Self {
        Self {
            come_to: Mutex::default(),
            slow,
            window,
        }
    }

    pub(in crate::store) fn window(&self) -> i64 {
        self.window.into()
    }

    /// After which entry a scan starts, and whether the route is crowded; `None` if there is no such scan.
    pub(in crate::store) fn begin(&self, part: Part, at: &LookAt) -> Option<(Turn, bool)> {
        let come_to = self.all().get(at).copied();
        match part {
            Part::Front => Some((FIRST, come_to.is_some())),
            Part::Behind => come_to.map(|come_to| (come_to, true)),
        }
    }

    /// Notes the duration of an unbounded scan, and whether it found as many entries as requested.
    pub(in crate::store) fn took(&self, at: &LookAt, long: Duration, found_all: bool) {
        if long >= self.slow && !found_all {
            self.all().entry(at.clone()).or_insert(FIRST);
        }
    }

    /// Notes how far a scan came, and whether it found as many entries as requested. Returns whether another scan
    /// continues after it.
    pub(in crate::store) fn looked(
        &self,
        part: Part,
        at: &LookAt,
        until: Turn,
        found_all: bool,
    ) -> bool {
        let mut all = self.all();
        let is_over = until == LAST;
        if part == Part::Front && (found_all || is_over) {
            // Few entries are due, or the first ones are free.
            all.remove(at);
        } else if let Some(come_to) = all.get_mut(at).filter(|_| !found_all) {
            *come_to = match is_over {
                true => FIRST,
                false => until.max(*come_to),
            };
            return !is_over;
        }
        false
    }

    fn all(&self) -> MutexGuard<'_, HashMap<LookAt, Turn>> {
        // No code that holds the lock can fail half-way.
        self.come_to.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_look_makes_a_crowd_until_one_at_the_front_finds_enough() {
        let crowds = Crowds::of(Duration::from_millis(50), 10);
        let at = (
            Name::new("default").unwrap(),
            Route::parse("acme").unwrap(),
            false,
        );
        let front = || crowds.begin(Part::Front, &at).unwrap();
        let behind = || crowds.begin(Part::Behind, &at);
        crowds.took(&at, Duration::from_millis(49), false);
        crowds.took(&at, Duration::from_millis(50), true);
        assert_eq!((front(), behind()), ((FIRST, false), None));
        crowds.took(&at, Duration::from_millis(50), false);
        assert_eq!((front(), behind()), ((FIRST, true), Some((FIRST, true))));
        // A scan at the front, and then one after it.
        assert!(crowds.looked(Part::Front, &at, (7, 10), false));
        assert!(crowds.looked(Part::Behind, &at, (7, 20), false));
        assert!(crowds.looked(Part::Front, &at, (7, 10), false));
        assert_eq!(behind(), Some(((7, 20), true)));
        // The next scan finds the entries that it leaves.
        assert!(!crowds.looked(Part::Behind, &at, (7, 30), true));
        assert_eq!(behind(), Some(((7, 20), true)));
        // There is nothing after it.
        assert!(!crowds.looked(Part::Behind, &at, LAST, false));
        assert_eq!((front(), behind()), ((FIRST, true), Some((FIRST, true))));
        assert!(!crowds.looked(Part::Front, &at, (7, 10), true));
        assert_eq!((front(), behind()), ((FIRST, false), None));
    }
}
