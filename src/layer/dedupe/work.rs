//! A Tower service as the work of a run.

use std::marker::PhantomData;
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
use crate::runtime::{Delivery, Ended, Permanent, Ran, Work, caught, caught_once};
use crate::store::StoredResponse;

/// The service inside, and the request that it is to be called with.
pub(super) struct ServiceWork<S, B> {
    pub(super) core: Arc<DedupeState>,
    pub(super) inner: S,
    pub(super) parts: Box<Parts>,
    /// Until when a response must be read that is kept for duplicates.
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
            let mark = delivery.authenticated().clone();
            let body = mark.body().cloned().unwrap_or_default();
            parts.extensions.insert(mark);
            parts.extensions.insert(delivery);
            let call = || inner.call(Request::from_parts(*parts, B::from(body)));
            match caught(call).await? {
                Ok(response) => answered(&core, response, read_by).await,
                Err(error) => Ok(errored(error)),
            }
        }
    }
}

/// What the response of a handler makes of its event.
async fn answered<RB, E>(
    core: &DedupeState,
    response: Response<RB>,
    read_by: Instant,
) -> Ran<Answer<RB, E>>
where
    RB: Body<Data = Bytes>,
{
    let is_given_up = Permanent::is_marked(&response);
    if !(response.status().is_success() || is_given_up) {
        return Ok(failed(core, response));
    }
    let ended = |stored, answer| match is_given_up {
        true => Ended::GivenUp(stored, answer),
        false => Ended::Done(stored, answer),
    };
    if let Some(limit) = core.replay_body {
        // Behind a pointer, as everything that most deliveries do without.
        let kept = Box::pin(caught(|| keep_body(response, limit, read_by)));
        let (response, stored) = kept.await?;
        return Ok(ended(stored, Ok(response)));
    }
    let stored = StoredResponse {
        status: response.status().as_u16(),
        body: None,
        content_type: None,
    };
    Ok(ended(stored, Ok(response.map(ResponseBody::inner))))
}

fn errored<RB, E>(error: E) -> Ended<Answer<RB, E>> {
    Ended::Failed(Reason::HandlerFailed.into(), Err(error))
}

/// Why a handler has failed, as far as its response says, and what its sender is told.
fn failed<RB, E>(core: &DedupeState, mut response: Response<RB>) -> Ended<Answer<RB, E>> {
    let extensions = response.extensions();
    // A layer inside has refused the delivery for want of a place of its own.
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
    Ended::Failed(cause, Ok(response.map(ResponseBody::inner)))
}
