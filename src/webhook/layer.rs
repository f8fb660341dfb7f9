use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

#[cfg(doc)]
use crate::layer::ReplayErrorKind;
use crate::layer::{
    BodyAs, DedupeState, NamedSteps, Pipeline, Replay, ReplayError, Replayed, SameBody,
    SecretPathGate, WebhookService,
};

/// The layer of a [`Webhook`](crate::Webhook).
#[derive(Debug, Clone)]
pub struct WebhookLayer<M = SameBody> {
    pub(super) steps: Arc<NamedSteps>,
    _handler: PhantomData<fn() -> M>,
}

impl WebhookLayer {
    pub(super) fn new(steps: Arc<NamedSteps>) -> Self {
        Self {
            steps,
            _handler: PhantomData,
        }
    }

    /// Calls the inner service with a body of this type, whatever the request's body type is. By
    /// default the body keeps the request's type, which must then be convertible from `Bytes`, such
    /// as axum's `Body`.
    ///
    /// Requests of a hyper server have a body of type `Incoming`, and outer layers add body types
    /// of their own:
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use hyper::body::Incoming;
    /// use tower::{Service, ServiceBuilder};
    /// use tower_http::limit::RequestBodyLimitLayer;
    /// use tower_webhook::{MemoryStore, PathTokens, Webhook, provider};
    ///
    /// async fn on_event(_: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
    ///     Ok(Response::default())
    /// }
    ///
    /// fn is_for_hyper(_: &impl Service<Request<Incoming>>) {}
    ///
    /// let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
    /// let bloque = Webhook::new(provider::bloque_accounts(tokens)).store(MemoryStore::new());
    /// let service = ServiceBuilder::new()
    ///     .layer(RequestBodyLimitLayer::new(64 * 1024))
    ///     .layer(bloque.build()?.handler_body::<Full<Bytes>>())
    ///     .service_fn(on_event);
    /// is_for_hyper(&service);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn handler_body<T: From<Bytes>>(self) -> WebhookLayer<BodyAs<T>> {
        WebhookLayer {
            steps: self.steps,
            _handler: PhantomData,
        }
    }
}

impl<M> WebhookLayer<M> {
    /// Replays a request from a [journal](crate::journal), skipping its proof, to this service: the service that the
    /// layer wraps, which is a handler, or a router that has a handler at the request's path. With an inbox, the
    /// service is called only for requests that need their answer at once.
    ///
    /// The answer is the one that the sender would have got, and is awaited no longer than a sender
    /// would wait. Only the store and whatever confirms events are queried.
    ///
    /// # Errors
    ///
    /// The request cannot be replayed; [`ReplayErrorKind`] says why.
    pub async fn replay<S, B, RB>(
        &self,
        replay: &Replay<'_>,
        handler: S,
    ) -> Result<Replayed, ReplayError>
    where
        S: Service<Request<B>, Response = Response<RB>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Send,
        B: From<Bytes> + Send + 'static,
        RB: Body<Data = Bytes> + Send + 'static,
    {
        let Pipeline {
            authenticator,
            core,
        } = &*self.steps.steps;
        let path = authenticator.checks.path.as_ref().map(SecretPathGate::tail);
        core.replay(replay, path, handler).await
    }
}

#[cfg(feature = "axum")]
impl WebhookLayer {
    /// The gate that proves the sender by the end of the path.
    pub(crate) fn secret_path(&self) -> Option<&crate::layer::SecretPathGate> {
        self.steps.steps.authenticator.checks.path.as_ref()
    }
}

impl<M> WebhookLayer<M> {
    /// The state that its events are named, kept and observed by.
    pub(crate) fn events(&self) -> Arc<DedupeState> {
        Arc::clone(&self.steps.steps.core)
    }
}

impl<S, M> Layer<S> for WebhookLayer<M> {
    type Service = WebhookService<S, M>;

    fn layer(&self, inner: S) -> WebhookService<S, M> {
        WebhookService::new(inner, Arc::clone(&self.steps))
    }
}
