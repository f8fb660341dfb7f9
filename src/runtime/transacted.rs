//! The end of a run whose handler has begun a transaction.

use tokio::time::{Instant, timeout};

use super::caller::Caller;
use super::caught::Panicked;
use super::delivery_task::DeliveryTask;
use super::held_claim::HeldClaim;
use super::outcome::Outcome;
use super::transaction_slot::Used;
use super::within::{CALL_LIMIT, within};
use super::work::{Ended, Ran};
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::store::{Finished, Held};

impl Used {
    /// Undoes the handler's changes, at once or when its last part drops the transaction.
    async fn roll_back(self) {
        if let Self::Returned(transaction) = self {
            // If this times out, the database rolls it back once it notices.
            let _ = timeout(CALL_LIMIT, transaction.roll_back()).await;
        }
    }
}

impl<C> DeliveryTask<C> {
    /// Ends a run whose handler has begun a transaction: the effect and the record are committed
    /// together, or the effect is undone before the record says how the run has ended.
    pub(super) async fn end_transaction<A>(
        &mut self,
        hold: Option<&HeldClaim>,
        used: Used,
        ended: Ran<A>,
    ) -> Outcome<A>
    where
        C: Caller<A>,
    {
        let Some(hold) = hold else {
            // Without a claim, none is begun.
            used.roll_back().await;
            return Outcome::Failed(Reason::HandlerFailed.into(), None);
        };
        let (cause, answer) = match (ended, used) {
            (Ok(Ended::Done(response, answer)), Used::Returned(transaction)) => {
                let finishing = transaction.finish(hold.complete_command(response));
                match self.finished(finishing).await {
                    Finished::Ended(Held::Held) => {
                        hold.was_told();
                        return Outcome::Done(answer);
                    }
                    Finished::Ended(Held::Fenced) => {
                        hold.was_told();
                        return Outcome::LeaseLost;
                    }
                    // Its record decides, or the end of its lease.
                    Finished::Unknown => {
                        hold.lose("whether its transaction was committed cannot be found out");
                        hold.was_told();
                        return Outcome::Failed(Reason::NotRecorded.into(), None);
                    }
                    Finished::Broken(why) => (
                        RejectionCause::because(Reason::TransactionBroken, why),
                        None,
                    ),
                    Finished::Failed(error) => (error.into(), None),
                }
            }
            (Ok(Ended::Done(..)), Used::Kept) => (
                RejectionCause::because(
                    Reason::TransactionBroken,
                    "the handler has ended and something of it keeps its `Tx`: nothing was committed",
                ),
                None,
            ),
            (Ok(Ended::GivenUp(response, answer)), used) => {
                used.roll_back().await;
                let (context, is_answered) = (&self.context, self.caller.is_answered());
                let answer_by = || {
                    context.allow_recording();
                    (!is_answered).then(|| context.answer_by())
                };
                let caller = &mut self.caller;
                let overdue = || caller.early(Reason::NotRecorded);
                return match hold.complete(response, answer_by, overdue).await {
                    Held::Held => Outcome::Done(answer),
                    Held::Fenced => Outcome::LeaseLost,
                };
            }
            (Ok(Ended::Failed(cause, answer)), used) => {
                used.roll_back().await;
                (cause, Some(answer))
            }
            (Err(Panicked), used) if self.context.transaction.is_overdue() => {
                used.roll_back().await;
                let why = "its transaction was open for longer than the limit";
                (RejectionCause::because(Reason::HandlerFailed, why), None)
            }
            (Err(Panicked), used) => {
                used.roll_back().await;
                (Reason::HandlerPanicked.into(), None)
            }
        };
        let (context, is_answered) = (&self.context, self.caller.is_answered());
        let answer_by = || {
            context.allow_recording();
            (!is_answered).then(|| context.answer_by())
        };
        hold.release(answer_by).await;
        Outcome::Failed(cause, answer)
    }

    /// Waits for the database; the caller learns in time that the wait continues.
    async fn finished<A>(&mut self, finishing: impl Future<Output = Finished>) -> Finished
    where
        C: Caller<A>,
    {
        self.context.allow_recording();
        let answer_by = self.context.answer_by().max(Instant::now());
        let mut finishing = Box::pin(finishing);
        match within(|| answer_by, &mut finishing).await {
            Some(finished) => finished,
            None => {
                self.caller.early(Reason::NotRecorded);
                finishing.await
            }
        }
    }
}
