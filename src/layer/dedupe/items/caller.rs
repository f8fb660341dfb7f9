use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::UnboundedSender;

use super::tally::ItemEnd;
use crate::layer::dedupe::context::DeliveryContext;
use crate::layer::dedupe::responder::Answer;
use crate::observer::Verdict;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::runtime::{Caller, Outcome, Permanent};

/// An item that has ended, by its number.
pub(super) type EndedItem<RB, E> = (usize, ItemEnd<Answer<RB, E>>);

/// Reports the outcome of an item to its delivery and to the observer.
pub(super) struct ItemCaller<RB, E> {
    pub(super) context: Arc<DeliveryContext>,
    pub(super) index: usize,
    /// Whether the delivery was answered.
    pub(super) is_answered: Arc<AtomicBool>,
    /// `None` once it has reported.
    pub(super) tell: Option<UnboundedSender<EndedItem<RB, E>>>,
}

impl<RB, E> ItemCaller<RB, E> {
    pub(super) fn end(
        &mut self,
        verdict: Verdict,
        cause: Option<&RejectionCause>,
        end: ItemEnd<Answer<RB, E>>,
    ) {
        if let Some(tell) = self.tell.take() {
            self.context.observe(verdict, cause, None);
            let _ = tell.send((self.index, end));
        }
    }

    fn refused(&self, reason: Reason) -> Answer<RB, E> {
        let response = self.context.kept.core.endpoint.rejection(reason);
        Ok(Box::new(response))
    }
}

/// Whether an item that is refused for this reason counts as done because no retry can help.
pub(super) fn settles(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::NoEventKey
            | Reason::EventTooOld
            | Reason::Conflict
            | Reason::ConfirmMismatch
            | Reason::ConfirmUnknown
    )
}

impl<RB: Send, E: Send> Caller<Answer<RB, E>> for ItemCaller<RB, E> {
    fn is_answered(&self) -> bool {
        self.is_answered.load(Ordering::Acquire)
    }

    /// The delivery always waits for the outcome.
    async fn gone(&mut self) {
        pending::<()>().await;
    }

    /// The delivery is answered at its deadline, whatever this item is waiting for.
    fn early(&mut self, _: Reason) {}

    fn ended(&mut self, outcome: Outcome<Answer<RB, E>>) {
        match outcome {
            Outcome::Done(Ok(response))
                if Permanent::is_marked(&response) && !response.status().is_success() =>
            {
                self.end(Verdict::Handled, None, ItemEnd::Settled(Ok(response)));
            }
            Outcome::Done(_) => self.end(Verdict::Handled, None, ItemEnd::Done),
            Outcome::Duplicate(_) => {
                let cause = Reason::AlreadyDone.into();
                self.end(Verdict::Duplicate, Some(&cause), ItemEnd::Duplicate);
            }
            Outcome::Refused(cause) => {
                let end = match settles(cause.reason) {
                    true => ItemEnd::Settled(self.refused(cause.reason)),
                    false => ItemEnd::NotNow(cause.reason),
                };
                self.end(Verdict::Refused, Some(&cause), end);
            }
            Outcome::Failed(cause, answer) => {
                let is_answered = self.is_answered.load(Ordering::Acquire);
                let cause = self.context.kept.failed(cause, is_answered);
                let answer = answer.unwrap_or_else(|| self.refused(cause.reason));
                self.end(Verdict::Failed, Some(&cause), ItemEnd::Failed(answer));
            }
            Outcome::LeaseLost => {
                let cause = Reason::LeaseLost.into();
                self.end(
                    Verdict::Failed,
                    Some(&cause),
                    ItemEnd::NotNow(Reason::LeaseLost),
                );
            }
        }
    }
}

impl<RB, E> Drop for ItemCaller<RB, E> {
    /// Its task has ended without reporting.
    fn drop(&mut self) {
        let reason = Reason::TaskEnded;
        self.end(
            Verdict::Unfinished,
            Some(&reason.into()),
            ItemEnd::NotNow(reason),
        );
    }
}
