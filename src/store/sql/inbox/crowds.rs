//! Routes on which so much is held back that no look goes through all of it.

use std::collections::HashMap;
#[cfg(test)]
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::event::Name;
use crate::inbox::Route;

/// Whose entries, and whether those whose workers died again and again.
pub(in crate::store) type LookAt = (Name, Route, bool);

/// Where an entry stands in the order in which entries are due: its time, and its number.
pub(in crate::store) type Turn = (i64, i64);

/// Before and behind all of them.
pub(in crate::store) const FIRST: Turn = (i64::MIN, i64::MIN);
pub(in crate::store) const LAST: Turn = (i64::MAX, i64::MAX);

/// A look that takes longer goes through too much.
const SLOW: Duration = Duration::from_millis(50);
/// How many entries one look goes through on such a route.
const WINDOW: u32 = 4_000;

/// Where a look begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Part {
    /// At the first that is due.
    Front,
    /// On crowded routes alone, where the last one ended.
    Behind,
}

/// Routes on which a look was slow, for an order key that is held has many entries that wait.
///
/// Each look at such a route is bounded. One begins at the front, where the next entry of that key comes first. Where
/// it finds nothing, another one goes on behind, from where the last one ended, so that the others have their turn too.
pub(in crate::store) struct Crowds {
    /// How far the looks behind the front have come.
    come_to: Mutex<HashMap<LookAt, Turn>>,
    slow: Duration,
    window: u32,
}

/// Whether every look is taken for a slow one.
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
    /// Those on which a look takes so long, and how many entries it goes through then.
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

    /// Behind which entry a look begins, and whether the route is crowded; none where no such look is made.
    pub(in crate::store) fn begin(&self, part: Part, at: &LookAt) -> Option<(Turn, bool)> {
        let come_to = self.all().get(at).copied();
        match part {
            Part::Front => Some((FIRST, come_to.is_some())),
            Part::Behind => come_to.map(|come_to| (come_to, true)),
        }
    }

    /// A look that nothing bounded took so long, and found as many as were asked for or not.
    pub(in crate::store) fn took(&self, at: &LookAt, long: Duration, found_all: bool) {
        if long >= self.slow && !found_all {
            self.all().entry(at.clone()).or_insert(FIRST);
        }
    }

    /// A look went as far as to here, and found as many as were asked for or not. Says whether another one goes on
    /// behind it.
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
            // So few are due, or the first are free.
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
        // Nothing can fail half-way while it is held.
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
        // A look at the front, and then behind it.
        assert!(crowds.looked(Part::Front, &at, (7, 10), false));
        assert!(crowds.looked(Part::Behind, &at, (7, 20), false));
        assert!(crowds.looked(Part::Front, &at, (7, 10), false));
        assert_eq!(behind(), Some(((7, 20), true)));
        // What it leaves is found by the next one.
        assert!(!crowds.looked(Part::Behind, &at, (7, 30), true));
        assert_eq!(behind(), Some(((7, 20), true)));
        // Nothing is behind.
        assert!(!crowds.looked(Part::Behind, &at, LAST, false));
        assert_eq!((front(), behind()), ((FIRST, true), Some((FIRST, true))));
        assert!(!crowds.looked(Part::Front, &at, (7, 10), true));
        assert_eq!((front(), behind()), ((FIRST, false), None));
    }
}
