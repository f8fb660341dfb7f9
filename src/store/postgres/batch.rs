//! Commands that go together, and the callers that wait for their answers.

use std::collections::HashMap;

use tokio::time::Instant;

use crate::store::sql::Place;

use super::commands::{Answer, Answers, Commands};
use super::error::Fault;
use super::job::Write;

/// A command and its answer.
pub(super) type Answered<C> = (Write<C>, Answer<C>);

/// Commands that are carried out in one transaction.
pub(super) struct Batch<C: Commands> {
    jobs: Vec<Write<C>>,
    /// Whether they may have been carried out already.
    pub(super) unsure: bool,
}

impl<C: Commands> Batch<C> {
    pub(super) fn new(jobs: Vec<Write<C>>) -> Self {
        Self {
            jobs,
            unsure: false,
        }
    }

    /// The same commands in batches of one row each.
    pub(super) fn by_place(self) -> Vec<Self> {
        let Self { jobs, unsure } = self;
        let mut batches: Vec<Self> = Vec::new();
        let mut numbers = HashMap::new();
        for job in jobs {
            let next = batches.len();
            let number = match job.place() {
                Some(place) => *numbers.entry(place.clone()).or_insert(next),
                None => next,
            };
            match batches.get_mut(number) {
                Some(batch) => batch.jobs.push(job),
                None => batches.push(Self {
                    jobs: vec![job],
                    unsure,
                }),
            }
        }
        batches
    }

    /// The same commands in batches of one command each.
    pub(super) fn one_by_one(self) -> impl Iterator<Item = Self> {
        let Self { jobs, unsure } = self;
        jobs.into_iter().map(move |job| Self {
            jobs: vec![job],
            unsure,
        })
    }

    pub(super) fn into_jobs(self) -> Vec<Write<C>> {
        self.jobs
    }

    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(super) fn orders(&self) -> Vec<&C::Order> {
        self.jobs.iter().map(|job| &job.order).collect()
    }

    /// Whether other commands of their kind wait for them.
    pub(super) fn gathers(&self) -> bool {
        self.jobs.iter().any(|job| C::gathers(&job.order))
    }

    /// When the last of their callers gives up.
    pub(super) fn give_up(&self) -> Instant {
        let last = self.jobs.iter().map(|job| job.give_up).max();
        last.unwrap_or_else(Instant::now)
    }

    /// Whether any caller still waits.
    pub(super) fn is_wanted(&self) -> bool {
        self.jobs.iter().any(Write::is_wanted)
    }

    /// Whether repeating the batch cannot reveal the result of the first try.
    pub(super) fn is_over(&self) -> bool {
        let may_be_repeated = |job: &Write<C>| C::may_be_repeated(&job.order);
        self.unsure && !self.jobs.iter().all(may_be_repeated)
    }

    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.jobs.iter().filter_map(Write::place)
    }

    /// Each command with its answer.
    pub(super) fn answered(self, answers: Answers<C>) -> Vec<Answered<C>> {
        self.jobs.into_iter().zip(answers).collect()
    }

    /// Each command with the same error.
    pub(super) fn failed(self, fault: &Fault) -> Vec<Answered<C>> {
        let jobs = self.jobs.into_iter();
        jobs.map(|job| (job, Err(fault.clone().into()))).collect()
    }
}
