//! One event, from its proof to its record: confirm, claim, handle, finish.
//!
//! All waiting takes place in a separate task: a sender that hangs up ends its request, but a
//! claimed event must still be finished. Its claim is renewed elsewhere, so a handler that blocks
//! its thread does not delay renewal (see `apart`). Nor does it delay its sender's answer, if the
//! runtime has other threads.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::time::sleep_until;

use super::caller::Caller;
use super::caught::{Panicked, caught_once};
use super::context::RunContext;
use super::delivery::Delivery;
use super::delivery_task::DeliveryTask;
use super::held_claim::HeldClaim;
use super::outcome::Outcome;
use super::span::{Operation, RunSpan};
use super::work::{Ended, Ran, Work};
use crate::authenticated::Authenticated;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::store::Held;

/// Runs an event in a separate task, and reports the outcome to `caller`. The environment that a
/// handler sees, such as task-locals, never depends on the speed of earlier steps.
pub(crate) fn spawn<W, C>(context: Arc<RunContext>, body: Option<Bytes>, work: W, caller: C)
where
    W: Work,
    C: Caller<W::Answer> + 'static,
{
    let runtime = Handle::current();
    let span = RunSpan::new(Operation::Process, &context);
    let ended = span.clone();
    let mut task = DeliveryTask::new(&runtime, context, body, caller);
    // Boxed, because a task is moved before it runs.
    let run: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
        let outcome = task.outcome(work).await;
        ended.end(&task.context, &outcome, "handled");
        task.caller.ended(outcome);
    });
    runtime.spawn(span.around(run));
}

impl<C> DeliveryTask<C> {
    #[expect(
        clippy::manual_async_fn,
        reason = "an `async fn` would hold what it is given twice"
    )]
    fn outcome<W>(&mut self, work: W) -> impl Future<Output = Outcome<W::Answer>> + Send
    where
        W: Work,
        C: Caller<W::Answer>,
    {
        async move {
            if !self.context.state.settings.confirms.is_empty() && !self.context.is_confirmed() {
                // Boxed, because most deliveries do not need it.
                if let Err(error) = Box::pin(self.confirm()).await {
                    return error.into();
                }
            }
            // There is no hold if the store is out of reach and running unchecked is enabled, or if
            // it is a question that is answered each time.
            let hold = match self.claim().await {
                Ok(hold) => hold,
                Err(error) => return error.into(),
            };
            let hold = hold.as_deref();
            if let Err(cause) = self.may_begin() {
                return Box::pin(self.give_back(hold, cause)).await;
            }
            self.handle(hold, work).await
        }
    }

    async fn give_back<A>(&mut self, hold: Option<&HeldClaim>, cause: RejectionCause) -> Outcome<A>
    where
        C: Caller<A>,
    {
        if let Some(hold) = hold {
            let (context, is_answered) = (&self.context, self.caller.is_answered());
            let answer_by = || (!is_answered).then(|| context.answer_by());
            hold.release(answer_by).await;
        }
        Outcome::Refused(cause)
    }

    /// Waits until the handler can begin, runs it and records its outcome.
    #[expect(
        clippy::manual_async_fn,
        reason = "an `async fn` would hold what it is given twice"
    )]
    fn handle<W>(
        &mut self,
        hold: Option<&HeldClaim>,
        mut work: W,
    ) -> impl Future<Output = Outcome<W::Answer>> + Send
    where
        W: Work,
        C: Caller<W::Answer>,
    {
        async move {
            let over = match poll_fn(|cx| Poll::Ready(work.poll_ready(cx))).await {
                Poll::Ready(over) => over,
                // Boxed, because most deliveries do not need it.
                Poll::Pending => match Box::pin(self.until_ready(&mut work)).await {
                    Ok(over) => over,
                    Err(cause) => {
                        // Its place in a queue is dropped with it.
                        let _ = caught_once(|| drop(work));
                        return Box::pin(self.give_back(hold, cause)).await;
                    }
                },
            };
            let ended = match over {
                Some(over) => {
                    let _ = caught_once(|| drop(work));
                    *over
                }
                None => {
                    // From here on, the body belongs to the handler: once it drops it, nothing else
                    // holds it.
                    let mark = Authenticated::of(&self.context.auth, self.body.take());
                    let delivery = Delivery::new(Arc::clone(&self.context), mark);
                    if let Some(hold) = hold {
                        hold.begin_work();
                    }
                    self.context.handler_begins();
                    #[cfg(any(feature = "postgres", feature = "sqlite"))]
                    if self.context.state.transactions.is_some() {
                        let run = work.run(delivery);
                        let ended = Box::pin(self.context.transaction.limited(run)).await;
                        ended.unwrap_or(Err(Panicked))
                    } else {
                        work.run(delivery).await
                    }
                    #[cfg(not(any(feature = "postgres", feature = "sqlite")))]
                    work.run(delivery).await
                }
            };
            self.context.handler_ended();
            #[cfg(any(feature = "postgres", feature = "sqlite"))]
            if let Some(used) = self.context.transaction.close() {
                return Box::pin(self.end_transaction(hold, used, ended)).await;
            }
            // Recorded first, reported second.
            let (context, is_answered) = (&self.context, self.caller.is_answered());
            // Called only if the store is slow.
            let answer_by = || {
                context.allow_recording();
                (!is_answered).then(|| context.answer_by())
            };
            let failed = match ended {
                Ok(Ended::Done(response, answer) | Ended::GivenUp(response, answer)) => {
                    let Some(hold) = hold else {
                        return Outcome::Done(answer);
                    };
                    let caller = &mut self.caller;
                    let overdue = || caller.early(Reason::NotRecorded);
                    return match hold.complete(response, answer_by, overdue).await {
                        Held::Held => Outcome::Done(answer),
                        // The effect took place, but the event now belongs to another receiver.
                        Held::Fenced => Outcome::LeaseLost,
                    };
                }
                Ok(Ended::Failed(cause, answer)) => (cause, Some(answer)),
                Err(Panicked) => (Reason::HandlerPanicked.into(), None),
            };
            // The sender's next attempt must find the event free.
            if let Some(hold) = hold {
                hold.release(answer_by).await;
            }
            let (cause, answer) = failed;
            Outcome::Failed(cause, answer)
        }
    }

    /// Waits for an inner limit. An event that cannot begin by the deadline is given back if its
    /// sender retries. If it does not, the sender is told that the event was accepted, and the wait
    /// continues for as long as the event is held.
    async fn until_ready<W>(
        &mut self,
        work: &mut W,
    ) -> Result<Option<Box<Ran<W::Answer>>>, RejectionCause>
    where
        W: Work,
        C: Caller<W::Answer>,
    {
        let context = Arc::clone(&self.context);
        let settings = &context.state.settings;
        let _place = settings.waiting.enter().ok_or(Reason::BudgetUsedUp)?;
        let mut ready = poll_fn(|cx| work.poll_ready(cx));
        let in_time = tokio::select! {
            biased;
            over = &mut ready => Some(over),
            () = context.drain_begun() => return Err(Reason::Draining.into()),
            () = sleep_until(context.request_clock.deadline) => None,
        };
        let over = match in_time {
            Some(over) => over,
            None if settings.sender_retries => return Err(Reason::NotReady.into()),
            None => {
                self.caller.early(Reason::NotReady);
                tokio::select! {
                    biased;
                    over = &mut ready => over,
                    () = context.lease().lost() => return Err(lease_is_lost()),
                }
            }
        };
        if context.lease().is_lost() {
            return Err(lease_is_lost());
        }
        Ok(over)
    }
}

/// The refusal if another receiver may have the event before its handler has begun.
#[cold]
fn lease_is_lost() -> RejectionCause {
    RejectionCause::because(
        Reason::InProgress,
        "its lease was lost while it waited for a place: another receiver may have it",
    )
}
