//! The way from a proved delivery to its answer, which a separate task produces.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
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

use super::context::{DeliveryContext, Kept};
use super::responder::{Answer, Responder};
use super::state::DedupeState;
use super::work::ServiceWork;
use crate::authenticated::AuthState;
use crate::layer::response_body::ResponseBody;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::runtime::{Delivery, IdentifiedEvent, spawn};

/// How long a request waits past its deadline for a task that is about to answer, and how often it
/// checks.
pub(super) const PATIENCE: Duration = Duration::from_millis(250);
pub(super) const LAST_STEPS: Duration = Duration::from_millis(10);

impl DedupeState {
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
        #[cfg(feature = "inbox")]
        if let Some(door) = self.door_for(&event) {
            return self.enqueue(door, event, auth, &parts);
        }
        let (endpoint, interest) = (&self.endpoint, self.endpoint.interest());
        let request_clock = endpoint.start_clock(&mut auth.readings);
        let body = match interest.body {
            true => auth.body.clone(),
            false => auth.body.take(),
        };
        let kept = Kept {
            core: Arc::clone(self),
            headers: interest.headers.then(|| parts.headers.clone()),
            proved_at: endpoint.is_timed().then(Instant::now),
            answered: Mutex::new(false),
        };
        let context =
            DeliveryContext::new(Arc::clone(&self.runs), request_clock, auth, event, kept);
        let (answer, answered) = oneshot::channel();
        let work = ServiceWork {
            core: Arc::clone(self),
            inner,
            parts,
            // After the deadline, when the sender has been told that the handler is still running.
            read_by: request_clock.deadline + LAST_STEPS,
            _body: PhantomData,
        };
        let responder = Responder::new(Arc::clone(&context), answer);
        spawn(
            Arc::<DeliveryContext>::clone(&context),
            body,
            work,
            responder,
        );
        Waiting { context, answered }
    }
}

/// Refuses a delivery that an outer dedupe layer is handling already: each of the two layers would
/// wait for the other to end.
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
    #[cfg(feature = "inbox")]
    pub(super) fn new(
        context: Arc<DeliveryContext>,
        answered: oneshot::Receiver<Answer<RB, E>>,
    ) -> Self {
        Self { context, answered }
    }

    /// The answer to the delivery, or the refusal for a sender whose event is still being handled.
    pub(crate) async fn answer(mut self) -> Result<Response<ResponseBody<RB>>, E> {
        let context = Arc::clone(&self.context);
        if let Some(answer) = asked_twice(&mut self.answered).await {
            return given(answer, &context);
        }
        let mut until = context.request_clock.deadline;
        loop {
            if let Ok(answer) = timeout_at(until, &mut self.answered).await {
                return given(answer, &context);
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

/// Work that ends at once is done by the second poll, after its task has run: it needs no timer.
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
    /// If the sender has hung up, the observer must still learn that time is up. Until then, this
    /// keeps nothing of the delivery alive.
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
                // If the context is gone, the work is over and has reported that.
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

/// The answer that was given, or the refusal for work that has ended without one.
fn given<RB, E, N>(
    answer: Result<Answer<RB, E>, N>,
    context: &DeliveryContext,
) -> Result<Response<ResponseBody<RB>>, E> {
    match answer {
        Ok(answer) => answer.map(|response| *response),
        Err(_) => {
            context.settle();
            Ok(context.kept.core.endpoint.rejection(Reason::TaskEnded))
        }
    }
}

/// Why a delivery has no answer when time is up. Every step of its task but the handler ends by the
/// deadline by itself, and gets a moment to do so, unless it blocks its thread.
fn overdue(context: &DeliveryContext) -> Option<Reason> {
    if context.is_handling() {
        return Some(Reason::HandlerSlow);
    }
    (Instant::now() > context.answer_by() + PATIENCE).then_some(Reason::InProgress)
}
