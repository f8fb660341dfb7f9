//! When commands that gather go.
//!
//! A transaction costs more than a command in it. So while commands of the kind that gathers are under way, those
//! that come wait, and go together in the next transaction: when that one has ended, when they are enough, or
//! when the first of them has waited for some milliseconds, whatever comes first. What comes while nothing is
//! under way goes at once. Commands of other kinds wait for none of this.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// So many go, whatever is under way.
const ENOUGH: usize = 48;
/// So long the first of them waits at most.
const LONGEST: Duration = Duration::from_millis(5);

/// The commands of a database that gather, whichever worker takes them.
pub(super) struct Gathering<T> {
    line: Mutex<Line<T>>,
    called: Notify,
}

impl<T> Gathering<T> {
    pub(super) fn new() -> Self {
        Self {
            line: Mutex::new(Line::new()),
            called: Notify::new(),
        }
    }

    pub(super) fn wait(&self, command: T, now: Instant) {
        self.line().wait(command, now);
    }

    /// The same for one that was on its way: whoever is free takes it.
    pub(super) fn hand_over(&self, command: T, now: Instant) {
        self.line().wait(command, now);
        self.called.notify_one();
    }

    /// The next command, if those that wait are to go.
    pub(super) fn next(&self, now: Instant) -> Option<T> {
        self.line().next(now)
    }

    /// All that wait, whether they are to go or not.
    pub(super) fn take_all(&self) -> VecDeque<T> {
        std::mem::take(&mut self.line().waiting)
    }

    /// Until those that wait now may be to go.
    pub(super) async fn call(&self) {
        let latest = self.line().latest();
        let called = self.called.notified();
        match latest {
            Some(latest) => drop(timeout_at(latest, called).await),
            None => called.await,
        }
    }

    /// A batch is under way until this is dropped.
    pub(super) fn begin(&self) -> UnderWay<'_, T> {
        let mut line = self.line();
        line.under_way = line.under_way.saturating_add(1);
        // For some there was no place in it.
        if line.are_going() {
            self.called.notify_one();
        }
        UnderWay(self)
    }

    fn line(&self) -> MutexGuard<'_, Line<T>> {
        // Nothing can fail half-way while it is held.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A batch that is under way.
pub(super) struct UnderWay<'a, T>(&'a Gathering<T>);

impl<T> Drop for UnderWay<'_, T> {
    fn drop(&mut self) {
        let mut line = self.0.line();
        line.under_way = line.under_way.saturating_sub(1);
        if !line.waiting.is_empty() {
            self.0.called.notify_one();
        }
    }
}

/// Who waits, since when, and for how many batches.
struct Line<T> {
    waiting: VecDeque<T>,
    /// When the first of those came that wait; `None` where they are going.
    since: Option<Instant>,
    under_way: usize,
}

impl<T> Line<T> {
    fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            since: None,
            under_way: 0,
        }
    }

    fn wait(&mut self, command: T, now: Instant) {
        if self.waiting.is_empty() {
            self.since = Some(now);
        }
        self.waiting.push_back(command);
    }

    /// Once they go, all of them do.
    fn next(&mut self, now: Instant) -> Option<T> {
        let is_time = self.under_way == 0
            || self.waiting.len() >= ENOUGH
            || self.are_going()
            || self.latest().is_some_and(|latest| now >= latest);
        if !is_time {
            return None;
        }
        self.since = None;
        self.waiting.pop_front()
    }

    /// Whether it was time for them already.
    fn are_going(&self) -> bool {
        self.since.is_none() && !self.waiting.is_empty()
    }

    fn latest(&self) -> Option<Instant> {
        let since = self.since.filter(|_| !self.waiting.is_empty());
        since.map(|since| since + LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(line: &mut Line<usize>, now: Instant) -> Vec<usize> {
        std::iter::from_fn(|| line.next(now)).collect()
    }

    #[test]
    fn what_comes_while_others_are_under_way_waits_until_they_have_ended() {
        let (mut line, now) = (Line::new(), Instant::now());
        line.wait(1, now);
        assert_eq!(all(&mut line, now), [1], "nothing is under way");
        line.under_way = 1;
        line.wait(2, now);
        line.wait(3, now);
        assert_eq!(all(&mut line, now), [0; 0]);
        line.under_way = 0;
        assert_eq!(all(&mut line, now), [2, 3]);
    }

    #[test]
    fn nobody_waits_for_long_or_where_there_are_enough() {
        let (mut line, now) = (Line::new(), Instant::now());
        line.under_way = 1;
        line.wait(0, now);
        let late = now + Duration::from_millis(4);
        line.wait(1, late);
        assert_eq!(all(&mut line, late), [0; 0]);
        let latest = now + Duration::from_millis(5);
        assert_eq!(line.latest(), Some(latest));
        assert_eq!(all(&mut line, latest), [0, 1]);
        assert_eq!(line.latest(), None);
        (0..47).for_each(|number| line.wait(number, latest));
        assert_eq!(all(&mut line, latest), [0; 0]);
        line.wait(47, latest);
        assert_eq!(all(&mut line, latest), (0..48).collect::<Vec<_>>());
        line.wait(48, latest);
        assert_eq!(all(&mut line, latest), [0; 0], "it waits anew");
    }
}
