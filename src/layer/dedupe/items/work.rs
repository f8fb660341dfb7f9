use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use tokio::time::Instant;
use tower_service::Service;

use crate::layer::dedupe::responder::Answer;
use crate::layer::dedupe::state::DedupeState;
use crate::layer::dedupe::work::{answered, errored, ready};
use crate::runtime::{Delivery, Ran, Work, caught};

/// The service inside, and the request that it is to be called with for one item.
pub(super) struct ItemWork<S, B> {
    pub(super) core: Arc<DedupeState>,
    pub(super) inner: S,
    pub(super) parts: Box<Parts>,
    /// Until when a response must be read that is kept for duplicates.
    pub(super) read_by: Instant,
    pub(super) _body: PhantomData<fn() -> B>,
}

impl<S, B, RB> Work for ItemWork<S, B>
where
    S: Service<Request<B>, Response = Response<RB>> + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: From<Bytes> + Send + 'static,
    RB: Body<Data = Bytes> + Send + 'static,
{
    type Answer = Answer<RB, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Option<Box<Ran<Self::Answer>>>> {
        ready(&mut self.inner, cx)
    }

    async fn run(self, delivery: Delivery) -> Ran<Self::Answer> {
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
        match caught(|| inner.call(Request::from_parts(*parts, B::from(body)))).await? {
            Ok(response) => answered(&core, response, read_by).await,
            Err(error) => Ok(errored(error)),
        }
    }
}
