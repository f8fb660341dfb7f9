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

use super::context::{DeliveryContext, LAST_STEPS};
use super::delivery::Delivery;
use super::delivery_task::{Answer, DeliveryTask};
use super::run::run;
use super::state::{DedupeState, IdentifiedEvent};
use crate::authenticated::AuthState;
use crate::layer::checks::check_provider;
use crate::layer::coding::check_encoding;
use crate::layer::receive::{Limits, keep, receive};
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;

/// How long a request looks past its deadline for a task that is about to answer.
const PATIENCE: Duration = Duration::from_millis(250);

impl DedupeState {
    /// Checks that the gates have proved the origin, sees to it that the body is there, and names
    /// the event in it.
    pub(crate) async fn admit<B>(
        &self,
        parts: &Parts,
        body: &mut B,
        auth: &mut AuthState,
    ) -> Result<IdentifiedEvent, RejectionCause>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let request_clock = self.endpoint.start_clock(&mut auth.readings);
        check_provider(auth)?;
        self.check_proofs(auth)?;
        if self.drain.has_begun() {
            return Err(Reason::Draining.into());
        }
        if auth.body.is_none() {
            check_encoding(&parts.headers)?;
            let limits = Limits::of(&self.endpoint, &request_clock);
            let (bytes, held) = receive(Pin::new(body), limits, |_| ()).await?;
            auth.body = Some(keep(bytes, held));
        }
        self.identify(parts, auth, request_clock.received_at)
    }

    /// Starts the work of claiming the event and handling it.
    pub(crate) fn handle<S, B, RB>(
        self: &Arc<Self>,
        event: IdentifiedEvent,
        mut auth: AuthState,
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
        let wants_headers = self.endpoint.interest().headers;
        let headers = wants_headers.then(|| parts.headers.clone());
        let body = match self.endpoint.interest().body {
            true => auth.body.clone(),
            false => auth.body.take(),
        };
        let context = Arc::new(DeliveryContext::new(Arc::clone(self), event, auth, headers));
        let (answer, answered) = oneshot::channel();
        // What looks after the hold must run where the task does that holds it.
        let runtime = Handle::current();
        let place = self.renewal_scheduler.reserve(&runtime);
        let task = DeliveryTask::new(Arc::clone(&context), body, place, answer);
        // Always in a task of its own: what a handler sees of its surroundings, such as task-locals,
        // must not hang on how fast those before it were. Behind a pointer, for a task is moved about
        // before it runs.
        let work: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(run(task, inner, parts));
        runtime.spawn(work.in_current_span());
        Waiting { context, answered }
    }
}

/// Refuses a delivery that a layer around this one handles already: this one would wait for that to
/// end, and that for this one.
pub(crate) fn check_outermost(parts: &Parts) -> Result<(), RejectionCause> {
    match parts.extensions.get::<Delivery>() {
        Some(_) => Err(RejectionCause::nested()),
        None => Ok(()),
    }
}

/// A request that waits for the answer to its delivery.
pub(crate) struct Waiting<RB, E> {
    context: Arc<DeliveryContext>,
    answered: oneshot::Receiver<Answer<RB, E>>,
}

impl<RB, E> Waiting<RB, E> {
    /// The answer to the delivery, or what a sender is told whose event is handled still.
    pub(crate) async fn answer(mut self) -> Answer<RB, E> {
        let context = Arc::clone(&self.context);
        if let Some(answer) = asked_twice(&mut self.answered).await {
            return answer.unwrap_or_else(|_| ended(&context));
        }
        let mut until = context.request_clock.deadline;
        loop {
            if let Ok(answer) = timeout_at(until, &mut self.answered).await {
                return answer.unwrap_or_else(|_| ended(&context));
            }
            if let Some(reason) = overdue(&context)
                && let Some(response) = context.answer_early(reason, true)
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
        if self.context.is_answered() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut until = self.context.request_clock.deadline;
        let context = Arc::downgrade(&self.context);
        let watch = async move {
            loop {
                sleep_until(until).await;
                // Where nobody has it any more, its work is over, and has said so.
                let Some(context) = context.upgrade().filter(|context| !context.is_answered())
                else {
                    return;
                };
                if let Some(reason) = overdue(&context) {
                    let _ = context.answer_early::<()>(reason, false);
                    return;
                }
                until = Instant::now() + LAST_STEPS;
            }
        };
        runtime.spawn(watch.in_current_span());
    }
}

/// What a sender is told of work that has ended without an answer.
fn ended<RB, E>(context: &DeliveryContext) -> Answer<RB, E> {
    context.settle();
    Ok(context.core.endpoint.rejection(Reason::TaskEnded))
}

/// Why a delivery has no answer when time is up. Every step of its task but the handler ends by the
/// deadline, each in its own way, and gets a moment to do so; unless it blocks its thread.
fn overdue(context: &DeliveryContext) -> Option<Reason> {
    if context.handling.load(Ordering::Acquire) {
        return Some(Reason::HandlerSlow);
    }
    (Instant::now() > context.answer_by() + PATIENCE).then_some(Reason::InProgress)
}
