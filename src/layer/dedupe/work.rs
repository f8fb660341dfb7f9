//! A Tower service as the work of a run.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use tokio::time::Instant;
use tower_service::Service;

use super::replay::keep_body;
use super::responder::Answer;
use super::state::DedupeState;
use crate::layer::response_body::ResponseBody;
use crate::payload::PayloadError;
use crate::reason::Reason;
use crate::rejection::Rejection;
use crate::rejection_cause::RejectionCause;
use crate::runtime::{Delivery, Ended, Panicked, Permanent, Ran, Work, caught, caught_once};
use crate::store::StoredResponse;

/// The inner service, and the request that it is called with.
pub(super) struct ServiceWork<S, B> {
    pub(super) core: Arc<DedupeState>,
    pub(super) inner: S,
    pub(super) parts: Box<Parts>,
    /// By when a response that is stored for duplicates must be read.
    pub(super) read_by: Instant,
    pub(super) _body: PhantomData<fn() -> B>,
}

impl<S, B, RB> Work for ServiceWork<S, B>
where
    S: Service<Request<B>, Response = Response<RB>> + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: From<Bytes> + Send + 'static,
    RB: Body<Data = Bytes> + Send + 'static,
{
    type Answer = Answer<RB, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Option<Box<Ran<Self::Answer>>>> {
        let over = match caught_once(|| self.inner.poll_ready(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(()))) => return Poll::Ready(None),
            Ok(Poll::Ready(Err(error))) => Ok(errored(error)),
            Err(panicked) => Err(panicked),
        };
        Poll::Ready(Some(Box::new(over)))
    }

    #[expect(
        clippy::manual_async_fn,
        reason = "an `async fn` would hold what it is given twice"
    )]
    fn run(self, delivery: Delivery) -> impl Future<Output = Ran<Self::Answer>> + Send {
        async move {
            let Self {
                core,
                mut inner,
                mut parts,
                read_by,
                _body,
            } = self;
            let body = {
                let mark = delivery.authenticated().clone();
                let body = mark.body().cloned().unwrap_or_default();
                parts.extensions.insert(mark);
                parts.extensions.insert(delivery);
                body
            };
            let call = || inner.call(Request::from_parts(*parts, B::from(body)));
            let (is_given_up, reading) = match answered(&core, caught(call).await?, read_by) {
                Answered::Over(ended) => return Ok(ended),
                Answered::Reading(is_given_up, reading) => (is_given_up, reading),
            };
            let (response, stored) = reading.await?;
            Ok(ended(is_given_up, stored, response))
        }
    }
}

/// Reads a response's body, to be stored for duplicates. Boxed, like everything that most
/// deliveries do without.
type Reading<RB> = Pin<Box<dyn Future<Output = Result<Kept<RB>, Panicked>> + Send>>;
type Kept<RB> = (Response<ResponseBody<RB>>, StoredResponse);

/// How far a handler's response has got.
enum Answered<RB, E> {
    Over(Ended<Answer<RB, E>>),
    /// Whether the event is given up, and the body that is read first.
    Reading(bool, Reading<RB>),
}

/// The end of an event, as its handler's response decides.
fn answered<RB, E>(
    core: &DedupeState,
    response: Result<Response<RB>, E>,
    read_by: Instant,
) -> Answered<RB, E>
where
    RB: Body<Data = Bytes> + Send + 'static,
{
    let response = match response {
        Ok(response) => response,
        Err(error) => return Answered::Over(errored(error)),
    };
    let is_given_up = Permanent::is_marked(&response);
    if !(response.status().is_success() || is_given_up) {
        return Answered::Over(failed(core, response));
    }
    if let Some(limit) = core.replay_body {
        let reading = Box::pin(caught(|| keep_body(response, limit, read_by)));
        return Answered::Reading(is_given_up, reading);
    }
    let stored = StoredResponse {
        status: response.status().as_u16(),
        body: None,
        content_type: None,
    };
    Answered::Over(ended(
        is_given_up,
        stored,
        response.map(ResponseBody::inner),
    ))
}

fn ended<RB, E>(
    is_given_up: bool,
    stored: StoredResponse,
    response: Response<ResponseBody<RB>>,
) -> Ended<Answer<RB, E>> {
    let answer = Ok(Box::new(response));
    match is_given_up {
        true => Ended::GivenUp(stored, answer),
        false => Ended::Done(stored, answer),
    }
}

fn errored<RB, E>(error: E) -> Ended<Answer<RB, E>> {
    Ended::Failed(Reason::HandlerFailed.into(), Err(error))
}

/// Why a handler has failed, as far as its response says, and the sender's answer.
fn failed<RB, E>(core: &DedupeState, mut response: Response<RB>) -> Ended<Answer<RB, E>> {
    let extensions = response.extensions();
    // An inner layer has refused the delivery because it is nested.
    let refused = extensions.get::<Rejection>().map(Rejection::reason);
    let payload = extensions.get::<PayloadError>();
    let cause = match payload {
        _ if refused == Some(Reason::Nested) => RejectionCause::nested(),
        Some(error) => error.clone().into(),
        None => Reason::HandlerFailed.into(),
    };
    if cause.reason != Reason::Nested {
        *response.status_mut() = core.endpoint.contract.failure(response.status());
    }
    Ended::Failed(cause, Ok(Box::new(response.map(ResponseBody::inner))))
}
