//! The records that commands are on their way to: a later command on a record waits for the earlier one.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::sql::{Place, Placed};

use super::error::{Cause, Fault};
use super::job::Write;

/// What all workers of a store are at.
#[derive(Default)]
pub(super) struct Flights(Mutex<State>);

#[derive(Default)]
struct State {
    /// Which worker has a command on its way to the record.
    workers: HashMap<Place, usize>,
    /// What waits for one of them, in the order in which it came.
    waiting: Vec<Write>,
    /// Workers that had no answer in time: nobody waits for these.
    overdue: HashSet<usize>,
}

impl Flights {
    /// Takes a job on, unless another worker is at one of its records: then the job waits for that worker,
    /// or is answered at once where that one is overdue.
    pub(super) fn begin(&self, worker: usize, job: Write) -> Option<Write> {
        let mut state = self.state();
        if state.is_blocked(worker, &job, |other| state.overdue.contains(&other)) {
            drop(state);
            job.refuse(&overdue());
            return None;
        }
        if state.is_blocked(worker, &job, |_| true) {
            state.waiting.push(job);
            return None;
        }
        state.enter(worker, &job);
        Some(job)
    }

    /// Ends what a worker was at, and gives it what has waited for that and can begin now.
    pub(super) fn end(&self, worker: usize, orders: &[Placed]) -> Vec<Write> {
        let mut state = self.state();
        for Placed { place, .. } in orders {
            state.workers.remove(place);
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

    /// Says that a worker has had no answer in time. What waits for it is answered.
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
            job.refuse(&overdue());
        }
    }

    /// Says that it has its answer, or has given up.
    pub(super) fn is_back(&self, worker: usize) {
        self.state().overdue.remove(&worker);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing can fail half-way while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether another worker of which this is so is at one of the records.
    fn is_blocked(&self, worker: usize, job: &Write, so: impl Fn(usize) -> bool) -> bool {
        let at = |Placed { place, .. }: &Placed| self.workers.get(place);
        let mut others = job.orders.iter().filter_map(at);
        others.any(|other| *other != worker && so(*other))
    }

    fn enter(&mut self, worker: usize, job: &Write) {
        for Placed { place, .. } in &job.orders {
            self.workers.insert(place.clone(), worker);
        }
    }
}

/// What a call is told that would wait for one without an answer.
pub(super) fn overdue() -> Fault {
    Fault::new(Cause::Away, "Postgres has not answered an earlier call")
}
