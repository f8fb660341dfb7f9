use std::net::IpAddr;
use std::sync::Arc;

use http::Extensions;
use tower_layer::Layer;

use super::checks::{Checks, SourceGate};
use super::endpoint::EndpointConfig;
use super::gated::Gated;
use super::peer::PeerSource;
use crate::error::ConfigError;
use crate::source::{Allowlist, TrustedProxies};

/// Lets through only requests from addresses on an allowlist.
///
/// The client's address is the peer's, or the one in a declared proxy's header. The peer's is read
/// from [`PeerAddr`](super::PeerAddr), or from axum's `ConnectInfo<SocketAddr>`: serve the router with
/// `into_make_service_with_connect_info::<SocketAddr>()`. Without either, every request gets 500.
///
/// ```
/// use std::net::SocketAddr;
///
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use http_body_util::Full;
/// use tower::{ServiceBuilder, ServiceExt};
/// use tower_webhook::layer::{PeerAddr, EndpointConfig, RequireSourceIpLayer};
/// use tower_webhook::{Allowlist, SenderContract, Name, RetriedStatuses, RetrySchedule};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
/// let endpoint = EndpointConfig::new(Name::new("acme")?, contract);
/// let allowlist = Allowlist::parse(["203.0.113.0/24"])?;
/// let service = ServiceBuilder::new()
///     .layer(RequireSourceIpLayer::new(&endpoint, allowlist)?)
///     .service_fn(|_: Request<Full<Bytes>>| async {
///         Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
///     });
///
/// let from = |peer: &str| {
///     let mut request = Request::post("/").body(Full::<Bytes>::default()).unwrap();
///     request.extensions_mut().insert(PeerAddr(peer.parse().unwrap()));
///     request
/// };
/// let accepted = service.clone().oneshot(from("203.0.113.7:4711")).await?;
/// assert_eq!(accepted.status(), StatusCode::OK);
/// let refused = service.oneshot(from("198.51.100.7:4711")).await?;
/// assert_eq!(refused.status(), StatusCode::FORBIDDEN);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RequireSourceIpLayer {
    endpoint: EndpointConfig,
    gate: SourceGate,
}

impl RequireSourceIpLayer {
    /// Demands an address on this list. Its host names, if any, are resolved once a minute from now
    /// on, as long as a clone of the list lives.
    ///
    /// # Errors
    ///
    /// The list has host names and this is called outside a Tokio runtime, where they cannot be
    /// resolved.
    pub fn new(endpoint: &EndpointConfig, allowlist: Allowlist) -> Result<Self, ConfigError> {
        Ok(Self {
            endpoint: endpoint.clone(),
            gate: SourceGate::new(allowlist, &endpoint.clock)
                .map_err(|error| endpoint.refused(error))?,
        })
    }

    /// Trusts these proxies to report the client's address.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.gate.proxies = proxies;
        self
    }

    /// Takes the peer's address from elsewhere in the request's extensions.
    #[must_use]
    pub fn peer_from(
        mut self,
        find: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.gate.peer = PeerSource::Custom(Arc::new(find));
        self
    }
}

impl<S> Layer<S> for RequireSourceIpLayer {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        let checks = Checks {
            sources: vec![self.gate.clone()],
            ..Checks::default()
        };
        Gated::behind(inner, &self.endpoint, checks)
    }
}
