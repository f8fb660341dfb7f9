use tower_layer::Layer;

use super::checks::{Checks, SecretPathGate};
use super::endpoint::EndpointConfig;
use super::gated::Gated;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::path::PathTokens;

/// Lets through only requests whose path ends in a right secret token, and cuts it off.
///
/// Everything else gets 404, like an unknown route.
///
/// Around the method router of a route such as `/webhooks/acme/{token}`, it cleans the request's
/// URI and axum's `OriginalUri`. Code that ran earlier has seen the token: axum's path parameters,
/// and the logs of outer layers. These can log the route instead of the path:
///
/// ```
/// use axum::extract::{MatchedPath, Request};
/// use tower_http::trace::TraceLayer;
///
/// let trace = TraceLayer::new_for_http().make_span_with(|request: &Request| {
///     let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
///     tracing::info_span!("request", method = %request.method(), route)
/// });
/// ```
///
/// Alternatively, [`RequireSecretPathLayer::mounted_at`] cuts the token off before all of them.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use http_body_util::Full;
/// use tower::{ServiceBuilder, ServiceExt};
/// use tower_webhook::layer::{EndpointConfig, RequireSecretPathLayer};
/// use tower_webhook::{MemoryStore, SenderContract, PathTokens, Name, RetriedStatuses, RetrySchedule};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
/// let endpoint = EndpointConfig::new(Name::new("acme")?, contract);
/// let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
/// let service = ServiceBuilder::new()
///     .layer(RequireSecretPathLayer::new(&endpoint, tokens))
///     .service_fn(|request: Request<Full<Bytes>>| async move {
///         assert_eq!(request.uri().path(), "/hooks");
///         Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
///     });
///
/// let to = |uri: &str| Request::post(uri).body(Full::<Bytes>::default()).unwrap();
/// let accepted = service.clone().oneshot(to("/hooks/3f9d1c0b7a5e48d26c90b1f4")).await?;
/// assert_eq!(accepted.status(), StatusCode::OK);
/// let refused = service.oneshot(to("/hooks/3f9d1c0b7a5e48d26c90b1f5")).await?;
/// assert_eq!(refused.status(), StatusCode::NOT_FOUND);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RequireSecretPathLayer {
    endpoint: EndpointConfig,
    gate: SecretPathGate,
}

impl RequireSecretPathLayer {
    /// Demands a token as the last segment of the path.
    pub fn new(endpoint: &EndpointConfig, tokens: PathTokens) -> Self {
        Self {
            endpoint: endpoint.clone(),
            gate: SecretPathGate::new(vec![tokens]),
        }
    }

    /// Guards only paths under `prefix`, such as `/webhooks/acme`, and lets other paths pass
    /// untouched: for a layer around the whole application. The prefix must be followed by the
    /// token and nothing else; the prefix itself, without a token, gets 404.
    ///
    /// It must wrap the application before anything is routed. `Router::layer` runs after routing
    /// and would answer 404 to everything under the prefix. A [`Webhook`](crate::Webhook) inside
    /// accepts the token that was cut off here if it is one of its own.
    ///
    /// ```
    /// use axum::{Router, body::Body, http::{Request, StatusCode, Uri}, routing::post};
    /// use tower::{Layer, ServiceExt};
    /// use tower_webhook::MemoryStore;
    /// use tower_webhook::layer::{EndpointConfig, RequireSecretPathLayer};
    /// use tower_webhook::{PathTokens, Webhook, provider};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
    /// let bloque = provider::bloque_accounts(tokens.clone());
    /// let endpoint = EndpointConfig::new(bloque.name().clone(), bloque.contract().clone());
    /// let gate = RequireSecretPathLayer::new(&endpoint, tokens).mounted_at("/webhooks/bloque")?;
    ///
    /// let webhook = Webhook::new(bloque).store(MemoryStore::new());
    /// let handler = |uri: Uri| async move { uri.to_string() };
    /// let app = Router::new()
    ///     // No `{token}` here: it is cut off before the router sees the path.
    ///     .route("/webhooks/bloque", post(handler).layer(webhook.build()?));
    /// let app: Router = Router::new().fallback_service(gate.layer(app));
    ///
    /// let to = |path: &str| {
    ///     app.clone().oneshot(Request::post(path).body(Body::from(r#"{"new":"shape"}"#)).unwrap())
    /// };
    /// let accepted = to("/webhooks/bloque/3f9d1c0b7a5e48d26c90b1f4").await?;
    /// assert_eq!(accepted.status(), StatusCode::OK);
    /// assert_eq!(to("/webhooks/bloque").await?.status(), StatusCode::NOT_FOUND);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The prefix does not begin with `/`, ends in one, or is only `/`.
    pub fn mounted_at(mut self, prefix: &str) -> Result<Self, ConfigError> {
        if !prefix.starts_with('/') || prefix.ends_with('/') {
            let refused = ConfigError::new(
                ConfigErrorKind::PathToken,
                format!("the prefix {prefix:?} does not read /like/this"),
            );
            return Err(self.endpoint.refused(refused));
        }
        self.gate.prefix = Some(prefix.into());
        Ok(self)
    }
}

impl<S> Layer<S> for RequireSecretPathLayer {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        let checks = Checks {
            path: Some(self.gate.clone()),
            ..Checks::default()
        };
        Gated::behind(inner, &self.endpoint, checks)
    }
}
