//! The rows that commands in flight concern: a later command on a row waits for the earlier one.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::sql::Place;

use super::commands::Commands;
use super::error::{Cause, Fault};
use super::job::Write;

/// The commands in flight of all workers of a database.
pub(super) struct Flights<C: Commands>(Mutex<State<C>>);

struct State<C: Commands> {
    /// The worker that has a command in flight to the row.
    holders: HashMap<Place, Holder>,
    /// Commands that wait for a row, in the order in which they arrived.
    waiting: Vec<Write<C>>,
    /// Workers that had no answer in time: no command waits for these.
    overdue: HashSet<usize>,
}

#[derive(Clone, Copy)]
struct Holder {
    worker: usize,
    /// Whether its command waits for a lock while the worker does other work: later commands of the same
    /// worker then wait for it too.
    is_aside: bool,
}

impl<C: Commands> Flights<C> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            holders: HashMap::new(),
            waiting: Vec::new(),
            overdue: HashSet::new(),
        }))
    }

    /// Takes a job on, unless another job on its row is in flight: then this one waits, or is refused at
    /// once if the other worker is overdue.
    pub(super) fn begin(&self, worker: usize, job: Write<C>) -> Option<Write<C>> {
        let mut state = self.state();
        if state.is_blocked(worker, &job, |other| state.overdue.contains(&other)) {
            drop(state);
            job.answer(Err(overdue().into()));
            return None;
        }
        if state.is_blocked(worker, &job, |_| true) {
            state.waiting.push(job);
            return None;
        }
        state.enter(worker, &job);
        Some(job)
    }

    /// Notes that their worker does other work while it waits for the locks of these rows.
    pub(super) fn set_aside<'a>(&self, places: impl Iterator<Item = &'a Place>) {
        let mut state = self.state();
        for place in places {
            if let Some(holder) = state.holders.get_mut(place) {
                holder.is_aside = true;
            }
        }
    }

    /// Ends a worker's commands on these rows, and returns the waiting jobs that can now begin.
    pub(super) fn end<'a>(
        &self,
        worker: usize,
        places: impl IntoIterator<Item = &'a Place>,
    ) -> Vec<Write<C>> {
        let mut state = self.state();
        for place in places {
            state.holders.remove(place);
        }
        let mut ready = Vec::new();
        for job in std::mem::take(&mut state.waiting) {
            if state.is_blocked(worker, &job, |_| true) {
                state.waiting.push(job);
            } else if job.is_wanted() {
                state.enter(worker, &job);
                ready.push(job);
            }
        }
        ready
    }

    /// Notes that a worker has had no answer in time, and refuses the jobs that wait for it.
    pub(super) fn is_overdue(&self, worker: usize) {
        let mut state = self.state();
        state.overdue.insert(worker);
        let mut refused = Vec::new();
        for job in std::mem::take(&mut state.waiting) {
            if state.is_blocked(usize::MAX, &job, |other| other == worker) {
                refused.push(job);
            } else {
                state.waiting.push(job);
            }
        }
        drop(state);
        for job in refused {
            job.answer(Err(overdue().into()));
        }
    }

    /// Notes that the worker has its answer, or has given up.
    pub(super) fn is_back(&self, worker: usize) {
        self.state().overdue.remove(&worker);
    }

    fn state(&self) -> MutexGuard<'_, State<C>> {
        // No code that holds the lock can fail half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Commands> State<C> {
    /// Whether this worker must wait for another command on the row, whose worker satisfies `so`.
    fn is_blocked(&self, worker: usize, job: &Write<C>, so: impl Fn(usize) -> bool) -> bool {
        let holder = job.place().and_then(|place| self.holders.get(place));
        holder.is_some_and(|it| (it.is_aside || it.worker != worker) && so(it.worker))
    }

    fn enter(&mut self, worker: usize, job: &Write<C>) {
        let holder = Holder {
            worker,
            is_aside: false,
        };
        if let Some(place) = job.place() {
            self.holders.insert(place.clone(), holder);
        }
    }
}

/// The fault for a call that would wait for one without an answer.
pub(super) fn overdue() -> Fault {
    Fault::new(Cause::Away, "Postgres has not answered an earlier call")
}
