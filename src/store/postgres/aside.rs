//! Commands whose row somebody has locked.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::batch::Batch;
use super::commands::Commands;
use super::error::Fault;

/// How often they are tried again.
const EVERY: Duration = Duration::from_millis(40);

/// Commands that wait for a lock, in batches of one row each. Each was tried and met it.
///
/// They are tried again between what else there is to do: who waits for a lock holds up nobody else.
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

    /// When it is time to try them again, if there are any.
    pub(super) fn try_at(&self) -> Option<Instant> {
        self.try_at
    }

    /// Begins to try them again.
    pub(super) fn begin(&mut self) {
        self.try_at = None;
    }

    /// The one whose last try is the longest ago.
    pub(super) fn next(&mut self) -> Option<(Batch<C>, Fault)> {
        self.batches.pop_front()
    }

    /// Ends it: one was locked still, and the others may be.
    pub(super) fn end(&mut self) {
        self.try_at = (!self.batches.is_empty()).then(|| Instant::now() + EVERY);
    }

    /// Takes those out for whom nobody waits any more, or not for longer than this.
    pub(super) fn over(&mut self, until: Instant) -> Vec<(Batch<C>, Fault)> {
        let (over, left) = std::mem::take(&mut self.batches)
            .into_iter()
            .partition(|(batch, _)| !batch.is_wanted() || batch.give_up() <= until);
        self.batches = left;
        let over: VecDeque<_> = over;
        over.into()
    }
}
