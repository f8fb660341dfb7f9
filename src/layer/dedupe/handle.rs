//! From a proved delivery to its answer, which comes from the task that handles it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tower_service::Service;
use tracing::Instrument;

use super::core::{Core, Known};
use super::facts::Facts;
use super::lease::Lease;
use super::run::run;
use super::ticket::{Answer, Ticket};
use crate::layer::authenticated::Authenticated;
use crate::layer::proofs::Proofs;
use crate::layer::receive::{Limits, check_encoding, receive};
use crate::layer::refusal::Refusal;
use crate::rejection::Reason;

/// How long past its deadline a request waits for a task that is about to answer.
const LAST_STEPS: Duration = Duration::from_millis(10);

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
        proofs.check_provider()?;
        self.check_proofs(proofs)?;
        if self.drain.has_begun() {
            return Err(Reason::Draining.into());
        }
        if proofs.body.is_none() {
            check_encoding(&parts.headers)?;
            let limits = Limits::of(&self.reception, &proofs.arrival);
            proofs.body = Some(receive(Pin::new(body), limits, |_| ()).await?);
        }
        self.identify(parts, proofs)
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
        let facts = Arc::new(Facts {
            headers: wants_headers.then(|| parts.headers.clone()),
            core: Arc::clone(self),
            arrival: proofs.arrival,
            mark: Authenticated::by(proofs),
            known,
            proved_at: Instant::now(),
            claimed: OnceLock::new(),
            unchecked: AtomicBool::new(false),
            lease: Lease::new(),
            handling: AtomicBool::new(false),
        });
        let (answer, answered) = oneshot::channel();
        // The task must be one of the runtime that this is polled in.
        let runtime = Handle::current();
        let place = self.nursery.expect(&runtime);
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
    pub(crate) async fn answer(self) -> Answer<RB, E> {
        let Self {
            facts,
            mut answered,
        } = self;
        let mut until = facts.arrival.deadline;
        loop {
            match timeout_at(until, &mut answered).await {
                Ok(Ok(answer)) => return answer,
                Ok(Err(_)) => return Ok(facts.core.reception.rejection(Reason::TaskEnded)),
                Err(_) if facts.handling.load(Ordering::Acquire) => break,
                // Every other step of the task ends by the deadline, each in its own way.
                Err(_) => until = Instant::now() + LAST_STEPS,
            }
        }
        answered.close();
        match answered.try_recv() {
            // Given in the last moment.
            Ok(answer) => answer,
            Err(_) => Ok(facts.handler_is_slow()),
        }
    }
}
