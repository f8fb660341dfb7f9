use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::delivery_task::Answer;
use super::handle::check_outermost;
use super::names::TakenName;
use super::state::DedupeState;
use crate::layer::refuse::refuse;
use crate::layer::response_body::ResponseBody;

/// A service whose handler runs once for each event.
///
/// Made by [`DedupeLayer`](super::DedupeLayer).
#[derive(Debug, Clone)]
pub struct Dedupe<S> {
    inner: S,
    core: Arc<DedupeState>,
    /// Taken as long as the service lives, and not for its requests.
    _name: Arc<TakenName>,
}

impl<S> Dedupe<S> {
    pub(super) fn new(inner: S, core: Arc<DedupeState>, name: Arc<TakenName>) -> Self {
        Self {
            inner,
            core,
            _name: name,
        }
    }
}

impl<S, B, RB> Service<Request<B>> for Dedupe<S>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Body<Data = Bytes> + From<Bytes> + Unpin + Send + 'static,
    RB: Body<Data = Bytes> + Send + 'static,
    RB::Error: Send,
{
    type Response = Response<ResponseBody<RB>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Answer<RB, S::Error>> + Send>>;

    /// Ready at once: what is inside is asked once an event is claimed for it.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inner = self.inner.clone();
        let core = Arc::clone(&self.core);
        let (mut parts, mut body) = request.into_parts();
        let mut auth = core.endpoint.take_auth(&mut parts);
        core.endpoint.start_clock(&mut auth.readings);
        Box::pin(async move {
            let admitted = match check_outermost(&parts) {
                Ok(()) => core.admit(&parts, &mut body, &mut auth).await,
                Err(cause) => Err(cause),
            };
            match admitted {
                Ok(event) => {
                    core.handle(event, auth, Box::new(parts), inner)
                        .answer()
                        .await
                }
                Err(cause) => {
                    let endpoint = &core.endpoint;
                    let refused = refuse(endpoint, &cause, &mut parts, &auth, body);
                    Ok(refused.await.map(ResponseBody::own))
                }
            }
        })
    }
}
