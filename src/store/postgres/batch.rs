//! Commands that go together, and who waits for their answers.

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::store::error::StoreError;
use crate::store::sql::{Answer, Placed};

use super::error::Fault;
use super::job::{Answers, Write};

/// The commands of several callers.
pub(super) struct Batch {
    orders: Vec<Placed>,
    answers: Vec<Option<Result<Answer, StoreError>>>,
    callers: Vec<Caller>,
}

struct Caller {
    orders: std::ops::Range<usize>,
    give_up: Instant,
    /// Until it has its answers.
    reply: Option<oneshot::Sender<Answers>>,
}

impl Batch {
    pub(super) fn of(jobs: Vec<Write>) -> Self {
        let (mut orders, mut callers) = (Vec::new(), Vec::new());
        for job in jobs {
            let begin = orders.len();
            orders.extend(job.orders);
            callers.push(Caller {
                orders: begin..orders.len(),
                give_up: job.give_up,
                reply: Some(job.reply),
            });
        }
        Self {
            answers: orders.iter().map(|_| None).collect(),
            orders,
            callers,
        }
    }

    pub(super) fn orders(&self) -> &[Placed] {
        &self.orders
    }

    /// When the last of them gives up.
    pub(super) fn give_up(&self) -> Instant {
        let last = self.callers.iter().map(|caller| caller.give_up).max();
        last.unwrap_or_else(Instant::now)
    }

    /// Whether anybody still waits.
    pub(super) fn is_wanted(&self) -> bool {
        let mut replies = self.callers.iter().filter_map(|it| it.reply.as_ref());
        replies.any(|reply| !reply.is_closed())
    }

    /// Commands without an answer.
    pub(super) fn open(&self) -> Vec<(usize, Placed)> {
        let open = self.orders.iter().zip(&self.answers).enumerate();
        open.filter(|(_, (_, answer))| answer.is_none())
            .map(|(position, (order, _))| (position, order.clone()))
            .collect()
    }

    pub(super) fn set(&mut self, position: usize, answer: Result<Answer, StoreError>) {
        if let Some(slot) = self.answers.get_mut(position) {
            *slot = Some(answer);
        }
    }

    pub(super) fn set_all(&mut self, answers: Answers) {
        self.answers = answers.into_iter().map(Some).collect();
    }

    /// The same answer for all that have none.
    pub(super) fn fail(&mut self, fault: &Fault) {
        for answer in &mut self.answers {
            answer.get_or_insert_with(|| Err(fault.clone().into()));
        }
    }

    /// Answers those of whose commands each has an answer.
    pub(super) fn reply(&mut self) {
        for caller in &mut self.callers {
            let own = self.answers.get_mut(caller.orders.clone());
            let own = own.unwrap_or_default();
            if own.iter().all(Option::is_some)
                && let Some(reply) = caller.reply.take()
            {
                // Who gave up sends it again, or does not care.
                let _ = reply.send(own.iter_mut().filter_map(Option::take).collect());
            }
        }
    }
}
