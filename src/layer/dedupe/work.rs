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
use crate::event::payload::PayloadError;
use crate::layer::response_body::ResponseBody;
use crate::reason::Reason;
use crate::rejection::Rejection;
use crate::rejection_cause::RejectionCause;
use crate::runtime::{Delivery, Ended, Panicked, Permanent, Ready, Work, caught, caught_once};
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

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<Ready<Self::Answer>, Panicked>> {
        match caught_once(|| self.inner.poll_ready(cx)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Ok(()))) => Poll::Ready(Ok(Ready::Now)),
            Ok(Poll::Ready(Err(error))) => Poll::Ready(Ok(Ready::Never(Err(error)))),
            Err(panicked) => Poll::Ready(Err(panicked)),
        }
    }

    async fn run(self, delivery: Delivery) -> Result<Ended<Self::Answer>, Panicked> {
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
        let request = Request::from_parts(*parts, B::from(body));
        let response = match caught(|| inner.call(request)).await? {
            Ok(response) => response,
            Err(error) => {
                return Ok(Ended {
                    end: Err(Reason::HandlerFailed.into()),
                    answer: Err(error),
                });
            }
        };
        if response.status().is_success() || Permanent::is_marked(&response) {
            return match core.replay_body {
                // Behind a pointer, as everything that most deliveries do without.
                Some(limit) => {
                    let kept = Box::pin(caught(|| keep_body(response, limit, read_by)));
                    let (response, stored) = kept.await?;
                    let (end, answer) = (Ok(stored), Ok(response));
                    Ok(Ended { end, answer })
                }
                None => Ok(Ended {
                    end: Ok(StoredResponse {
                        status: response.status().as_u16(),
                        body: None,
                        content_type: None,
                    }),
                    answer: Ok(response.map(ResponseBody::inner)),
                }),
            };
        }
        let (cause, response) = failed(&core, response);
        Ok(Ended {
            end: Err(cause),
            answer: Ok(response.map(ResponseBody::inner)),
        })
    }
}

/// Why a handler has failed, as far as its response says, and what its sender is told.
fn failed<RB>(core: &DedupeState, mut response: Response<RB>) -> (RejectionCause, Response<RB>) {
    let extensions = response.extensions();
    // A layer inside has refused the delivery for want of a place of its own.
    let refused = extensions.get::<Rejection>().map(Rejection::reason);
    if refused == Some(Reason::Nested) {
        return (RejectionCause::nested(), response);
    }
    let payload = extensions.get::<PayloadError>();
    let cause = payload.map_or_else(
        || Reason::HandlerFailed.into(),
        |error| error.clone().into(),
    );
    *response.status_mut() = core.endpoint.contract.failure(response.status());
    (cause, response)
}
