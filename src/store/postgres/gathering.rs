//! Decides when commands that gather are sent.
//!
//! A transaction costs more than a command in it. So while commands that gather are under way, new ones wait and
//! share the next transaction. It starts when the current one has ended, when enough commands wait, or when the
//! first of them has waited for some milliseconds, whichever is first. A command that arrives while nothing is
//! under way goes at once. Commands of other kinds never wait.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// This many go, even if others are under way.
const ENOUGH: usize = 48;
/// How long the first of them waits at most.
const LONGEST: Duration = Duration::from_millis(5);

/// The gathering commands of a database, whichever worker takes them.
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

    /// Queues a command that was already on its way: any free worker takes it.
    pub(super) fn hand_over(&self, command: T, now: Instant) {
        self.line().wait(command, now);
        self.called.notify_one();
    }

    /// The next command, if it is time for the waiting ones to go.
    pub(super) fn next(&self, now: Instant) -> Option<T> {
        self.line().next(now)
    }

    /// All waiting commands, whether it is time for them or not.
    pub(super) fn take_all(&self) -> VecDeque<T> {
        std::mem::take(&mut self.line().waiting)
    }

    /// Waits until it may be time for the waiting commands to go.
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
        // There was no place in it for some commands.
        if line.are_going() {
            self.called.notify_one();
        }
        UnderWay(self)
    }

    fn line(&self) -> MutexGuard<'_, Line<T>> {
        // No code that holds the lock can fail half-way.
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

/// The waiting commands, since when they wait, and how many batches are under way.
struct Line<T> {
    waiting: VecDeque<T>,
    /// When the first of the waiting commands arrived; `None` while they are going.
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

    /// Once they start to go, all of them do.
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

    /// Whether they have already started to go.
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
