//! Commands whose row is locked by another transaction.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::batch::Batch;
use super::commands::Commands;
use super::error::Fault;

/// How often they are retried.
const EVERY: Duration = Duration::from_millis(40);

/// Commands that wait for a lock, in batches of one row each. Each was tried and found its row
/// locked.
///
/// They are retried between other work: a command that waits for a lock holds up no others.
pub(super) struct Aside<C: Commands> {
    batches: VecDeque<(Batch<C>, Fault)>,
    try_at: Option<Instant>,
}

impl<C: Commands> Aside<C> {
    pub(super) fn new() -> Self {
        Self {
            batches: VecDeque::new(),
            try_at: None,
        }
    }

    pub(super) fn push(&mut self, batch: Batch<C>, fault: Fault) {
        self.batches.push_back((batch, fault));
        self.try_at.get_or_insert_with(|| Instant::now() + EVERY);
    }

    /// When to retry them, if there are any.
    pub(super) fn try_at(&self) -> Option<Instant> {
        self.try_at
    }

    /// Begins a retry.
    pub(super) fn begin(&mut self) {
        self.try_at = None;
    }

    /// The batch whose last try is the longest ago.
    pub(super) fn next(&mut self) -> Option<(Batch<C>, Fault)> {
        self.batches.pop_front()
    }

    /// Ends the retry: one row is still locked, and the others may be.
    pub(super) fn end(&mut self) {
        self.try_at = (!self.batches.is_empty()).then(|| Instant::now() + EVERY);
    }

    /// Takes out the batches that nobody waits for any more, or not beyond this time.
    pub(super) fn over(&mut self, until: Instant) -> Vec<(Batch<C>, Fault)> {
        let (over, left) = std::mem::take(&mut self.batches)
            .into_iter()
            .partition(|(batch, _)| !batch.is_wanted() || batch.give_up() <= until);
        self.batches = left;
        let over: VecDeque<_> = over;
        over.into()
    }
}
