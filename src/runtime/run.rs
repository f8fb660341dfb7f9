//! One event, from its proof to its record: confirm, claim, handle, finish.
//!
//! Whatever it waits for, it waits in a task of its own: a sender that hangs up ends its request,
//! and what was claimed must be finished all the same. Its claim is renewed by others, so that it
//! is not late for a handler that blocks its thread (see `apart`); nor is its sender's answer, where the
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

/// Runs an event in a task of its own, and tells `caller` what becomes of it. What a handler sees
/// of its surroundings, such as task-locals, never hangs on how fast those before it were.
pub(crate) fn spawn<W, C>(context: Arc<RunContext>, body: Option<Bytes>, work: W, caller: C)
where
    W: Work,
    C: Caller<W::Answer> + 'static,
{
    let runtime = Handle::current();
    let span = RunSpan::new(Operation::Process, &context);
    let ended = span.clone();
    let mut task = DeliveryTask::new(&runtime, context, body, caller);
    // Behind a pointer, for a task is moved about before it runs.
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
                // Behind a pointer, as everything that most deliveries do without.
                if let Err(error) = Box::pin(self.confirm()).await {
                    return error.into();
                }
            }
            // Without a hold the store cannot be asked, and running unchecked was chosen; or it is
            // a question that is answered each time.
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
                // Behind a pointer, as everything that most deliveries do without.
                Poll::Pending => match Box::pin(self.until_ready(&mut work)).await {
                    Ok(over) => over,
                    Err(cause) => {
                        // With its place in a queue.
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
                    // From here on the body is the handler's: once it lets go of it, nobody keeps it.
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
            // Recorded, and only then told.
            let (context, is_answered) = (&self.context, self.caller.is_answered());
            // Asked for only where the store keeps it waiting.
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
                        // The effect took place, and the event is another receiver's now.
                        Held::Fenced => Outcome::LeaseLost,
                    };
                }
                Ok(Ended::Failed(cause, answer)) => (cause, Some(answer)),
                Err(Panicked) => (Reason::HandlerPanicked.into(), None),
            };
            // So that the sender's next attempt finds the event free.
            if let Some(hold) = hold {
                hold.release(answer_by).await;
            }
            let (cause, answer) = failed;
            Outcome::Failed(cause, answer)
        }
    }

    /// Waits for a limit inside. What could not begin by the deadline is given back where its sender
    /// comes again; where it does not, the sender is told that the event was taken, and the wait goes
    /// on for as long as the event is held.
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

/// What is told where somebody else may have the event before its handler has begun.
#[cold]
fn lease_is_lost() -> RejectionCause {
    RejectionCause::because(
        Reason::InProgress,
        "its lease was lost while it waited for a place: another receiver may have it",
    )
}
