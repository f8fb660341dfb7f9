use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::layer::handler_body::{HandlerBody, SameBody};
use crate::layer::response_body::ResponseBody;
use crate::layer::response_future::ResponseFuture;
use crate::layer::webhook::{NamedSteps, WebhookService};

/// A service whose handler runs once for each event.
///
/// Made by [`DedupeLayer`](super::DedupeLayer).
#[derive(Debug, Clone)]
pub struct Dedupe<S, M = SameBody>(WebhookService<S, M>);

impl<S, M> Dedupe<S, M> {
    pub(super) fn new(inner: S, steps: Arc<NamedSteps>) -> Self {
        Self(WebhookService::new(inner, steps))
    }
}

impl<S, M, B, RB> Service<Request<B>> for Dedupe<S, M>
where
    M: HandlerBody<B>,
    S: Service<Request<M::Body>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    RB: Body<Data = Bytes> + Send + 'static,
    RB::Error: Send,
{
    type Response = Response<ResponseBody<RB>>;
    type Error = S::Error;
    type Future = ResponseFuture<M::Unread, RB, S::Error>;

    /// Always ready: the inner service is polled once an event is claimed for it.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.0.call(request)
    }
}
