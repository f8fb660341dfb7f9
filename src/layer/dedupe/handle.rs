//! From a proved delivery to its answer, which comes from the task that handles it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
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
use super::facts::Facts;
use super::run::run;
use super::ticket::{Answer, Ticket};
use crate::layer::proofs::Proofs;
use crate::layer::receive::{Limits, check_encoding, receive};
use crate::layer::refusal::Refusal;
use crate::rejection::Reason;

/// How often a request looks past its deadline for a task that is about to answer, and how long.
const LAST_STEPS: Duration = Duration::from_millis(10);
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
            proofs.body = Some(receive(Pin::new(body), limits, |_| ()).await?);
        }
        self.identify(parts, proofs, arrival.received_at)
    }

    /// Starts the task that claims the event and handles it.
    pub(crate) fn handle<S, B, RB>(
        self: &Arc<Self>,
        known: Known,
        proofs: Proofs,
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
        let facts = Arc::new(Facts::new(Arc::clone(self), known, proofs, headers));
        let (answer, answered) = oneshot::channel();
        // What looks after the hold must run where the task does that holds it.
        let runtime = Handle::current();
        let place = self.nursery.reserve(&runtime);
        let ticket = Ticket::new(Arc::clone(&facts), place, answer);
        let work = run(ticket, inner, parts);
        self.drain.spawn(work.in_current_span(), &runtime);
        Waiting { facts, answered }
    }
}

/// A request whose delivery is handled in a task of its own.
pub(crate) struct Waiting<RB, E> {
    facts: Arc<Facts>,
    answered: oneshot::Receiver<Answer<RB, E>>,
}

impl<RB, E> Waiting<RB, E> {
    /// The answer of the task, or what a sender is told whose event is handled still.
    pub(crate) async fn answer(mut self) -> Answer<RB, E> {
        let facts = Arc::clone(&self.facts);
        let mut until = facts.arrival.deadline;
        loop {
            match timeout_at(until, &mut self.answered).await {
                Ok(Ok(answer)) => return answer,
                Ok(Err(_)) => {
                    facts.settle();
                    return Ok(facts.core.reception.rejection(Reason::TaskEnded));
                }
                Err(_) => {}
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

impl<RB, E> Drop for Waiting<RB, E> {
    /// Where the sender has hung up, the observer is told all the same that time is up.
    fn drop(&mut self) {
        if self.facts.is_answered() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let facts = Arc::clone(&self.facts);
        let watch = async move {
            let mut until = facts.arrival.deadline;
            loop {
                sleep_until(until).await;
                if facts.is_answered() {
                    return;
                }
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

/// Why a delivery has no answer when time is up. Every step of its task but the handler ends by the
/// deadline, each in its own way, and gets a moment to do so; unless it blocks its thread.
fn overdue(facts: &Facts) -> Option<Reason> {
    if facts.handling.load(Ordering::Acquire) {
        return Some(Reason::HandlerSlow);
    }
    (Instant::now() > facts.arrival.deadline + PATIENCE).then_some(Reason::InProgress)
}
