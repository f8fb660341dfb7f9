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

    /// Calls the service inside with a body of this type, whatever body came. Unless set, it is of the
    /// type that came, which must then be one that bytes make, such as axum's `Body`.
    ///
    /// A hyper server's requests have a body of `Incoming`, and layers outside make bodies of their own:
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
    /// Sends a request out of a [journal](crate::journal) through again, behind its proof, to this service, which
    /// is the one that the layer is put around: a handler, or a router whose handler stands at the request's path. With
    /// an inbox it is called for what wants its answer at once alone.
    ///
    /// The answer is what the sender would have been told: no longer than a sender is it waited for.
    /// Nobody is asked but the store and what confirms events.
    ///
    /// # Errors
    ///
    /// A request that is not to be sent through again; [`ReplayErrorKind`] says why.
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
    /// What proves its sender by the end of the path.
    pub(crate) fn secret_path(&self) -> Option<&crate::layer::SecretPathGate> {
        self.steps.steps.authenticator.checks.path.as_ref()
    }
}

impl<M> WebhookLayer<M> {
    /// What its events are named, kept and observed by.
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
