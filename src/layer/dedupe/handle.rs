//! From a proved delivery to its answer, which comes from the work that is done on it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};
use tower_service::Service;
use tracing::Instrument;

use super::core::{Core, Known};
use super::delivery::Delivery;
use super::facts::{Facts, LAST_STEPS};
use super::run::run;
use super::ticket::{Answer, Ticket};
use crate::layer::coding::check_encoding;
use crate::layer::proofs::Proofs;
use crate::layer::receive::{Limits, keep, receive};
use crate::layer::refusal::Refusal;
use crate::rejection::Reason;

/// How long a request looks past its deadline for a task that is about to answer.
const PATIENCE: Duration = Duration::from_millis(250);

impl Core {
    /// Checks that the gates have proved the origin, sees to it that the body is there, and names
    /// the event in it.
    pub(crate) async fn admit<B>(
        &self,
        parts: &Parts,
        body: &mut B,
        proofs: &mut Proofs,
    ) -> Result<Known, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let arrival = proofs.arrival(&self.reception);
        proofs.check_provider()?;
        self.check_proofs(proofs)?;
        if self.drain.has_begun() {
            return Err(Reason::Draining.into());
        }
        if proofs.body.is_none() {
            check_encoding(&parts.headers)?;
            let limits = Limits::of(&self.reception, &arrival);
            let (bytes, held) = receive(Pin::new(body), limits, |_| ()).await?;
            proofs.body = Some(keep(bytes, held));
        }
        self.identify(parts, proofs, arrival.received_at)
    }

    /// Starts the work of claiming the event and handling it.
    pub(crate) fn handle<S, B, RB>(
        self: &Arc<Self>,
        known: Known,
        mut proofs: Proofs,
        parts: Box<Parts>,
        inner: S,
    ) -> Waiting<RB, S::Error>
    where
        S: Service<Request<B>, Response = Response<RB>> + Send + 'static,
        S::Future: Send,
        S::Error: Send,
        B: From<Bytes> + Send + 'static,
        RB: Body<Data = Bytes> + Send + 'static,
    {
        let wants_headers = self.reception.interest().headers;
        let headers = wants_headers.then(|| parts.headers.clone());
        let body = match self.reception.interest().body {
            true => proofs.body.clone(),
            false => proofs.body.take(),
        };
        let facts = Arc::new(Facts::new(Arc::clone(self), known, proofs, headers));
        let (answer, answered) = oneshot::channel();
        // What looks after the hold must run where the task does that holds it.
        let runtime = Handle::current();
        let place = self.nursery.reserve(&runtime);
        let ticket = Ticket::new(Arc::clone(&facts), body, place, answer);
        // Always in a task of its own: what a handler sees of its surroundings, such as task-locals,
        // must not hang on how fast those before it were. Behind a pointer, for a task is moved about
        // before it runs.
        let work: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(run(ticket, inner, parts));
        runtime.spawn(work.in_current_span());
        Waiting { facts, answered }
    }
}

/// Refuses a delivery that a layer around this one handles already: this one would wait for that to
/// end, and that for this one.
pub(crate) fn check_outermost(parts: &Parts) -> Result<(), Refusal> {
    match parts.extensions.get::<Delivery>() {
        Some(_) => Err(Refusal::nested()),
        None => Ok(()),
    }
}

/// A request that waits for the answer to its delivery.
pub(crate) struct Waiting<RB, E> {
    facts: Arc<Facts>,
    answered: oneshot::Receiver<Answer<RB, E>>,
}

impl<RB, E> Waiting<RB, E> {
    /// The answer to the delivery, or what a sender is told whose event is handled still.
    pub(crate) async fn answer(mut self) -> Answer<RB, E> {
        let facts = Arc::clone(&self.facts);
        if let Some(answer) = asked_twice(&mut self.answered).await {
            return answer.unwrap_or_else(|_| ended(&facts));
        }
        let mut until = facts.arrival.deadline;
        loop {
            if let Ok(answer) = timeout_at(until, &mut self.answered).await {
                return answer.unwrap_or_else(|_| ended(&facts));
            }
            if let Some(reason) = overdue(&facts)
                && let Some(response) = facts.answer_early(reason, true)
            {
                return Ok(response);
            }
            until = Instant::now() + LAST_STEPS;
        }
    }
}

/// What is done at once is there when it is asked for again, behind its task's turn: it needs no timer.
async fn asked_twice<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    let mut asked = false;
    poll_fn(|cx| match Pin::new(&mut future).poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if std::mem::replace(&mut asked, true) => Poll::Ready(None),
        Poll::Pending => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

impl<RB, E> Drop for Waiting<RB, E> {
    /// Where the sender has hung up, the observer is told all the same that time is up. Until then
    /// nothing of the delivery is kept for that.
    fn drop(&mut self) {
        if self.facts.is_answered() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut until = self.facts.arrival.deadline;
        let facts = Arc::downgrade(&self.facts);
        let watch = async move {
            loop {
                sleep_until(until).await;
                // Where nobody has it any more, its work is over, and has said so.
                let Some(facts) = facts.upgrade().filter(|facts| !facts.is_answered()) else {
                    return;
                };
                if let Some(reason) = overdue(&facts) {
                    let _ = facts.answer_early::<()>(reason, false);
                    return;
                }
                until = Instant::now() + LAST_STEPS;
            }
        };
        runtime.spawn(watch.in_current_span());
    }
}

/// What a sender is told of work that has ended without an answer.
fn ended<RB, E>(facts: &Facts) -> Answer<RB, E> {
    facts.settle();
    Ok(facts.core.reception.rejection(Reason::TaskEnded))
}

/// Why a delivery has no answer when time is up. Every step of its task but the handler ends by the
/// deadline, each in its own way, and gets a moment to do so; unless it blocks its thread.
fn overdue(facts: &Facts) -> Option<Reason> {
    if facts.handling.load(Ordering::Acquire) {
        return Some(Reason::HandlerSlow);
    }
    (Instant::now() > facts.answer_by() + PATIENCE).then_some(Reason::InProgress)
}
