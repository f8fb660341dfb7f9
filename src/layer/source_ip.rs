use std::net::IpAddr;
use std::sync::Arc;

use http::Extensions;
use tower_layer::Layer;

use super::gated::Gated;
use super::gates::{Gates, SourceGate};
use super::guard::Guard;
use super::peer::PeerSource;
use super::reception::Reception;
use crate::error::ConfigError;
use crate::source::{Allowlist, TrustedProxies};

/// Lets through only requests from addresses on an allowlist.
///
/// The client's address is the peer's, or what a declared proxy's header says. The peer's is read
/// from [`PeerAddr`](super::PeerAddr), or from axum's `ConnectInfo<SocketAddr>`: serve the router with
/// `into_make_service_with_connect_info::<SocketAddr>()`. Without it every request gets 500.
///
/// ```
/// use std::net::SocketAddr;
///
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use http_body_util::Full;
/// use tower::{ServiceBuilder, ServiceExt};
/// use tower_webhook::layer::{PeerAddr, Reception, RequireSourceIpLayer};
/// use tower_webhook::{Allowlist, DeliveryProfile, ProviderName, RetriedStatuses, RetrySchedule};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let profile = DeliveryProfile::new(RetrySchedule::Never, RetriedStatuses::None);
/// let reception = Reception::new(ProviderName::new("acme")?, profile);
/// let allowlist = Allowlist::parse(["203.0.113.0/24"])?;
/// let service = ServiceBuilder::new()
///     .layer(RequireSourceIpLayer::new(&reception, allowlist)?)
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
    reception: Reception,
    gate: SourceGate,
}

impl RequireSourceIpLayer {
    /// Demands an address on this list. Its host names, if any, are resolved from now on, once a
    /// minute, as long as a clone of the list lives.
    ///
    /// # Errors
    ///
    /// A list with host names outside a Tokio runtime, where nothing could resolve them.
    pub fn new(reception: &Reception, allowlist: Allowlist) -> Result<Self, ConfigError> {
        Ok(Self {
            reception: reception.clone(),
            gate: SourceGate::new(allowlist, &reception.clock)?,
        })
    }

    /// Believes these proxies about the client's address.
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
        let gates = Gates {
            source: Some(self.gate.clone()),
            ..Gates::default()
        };
        let reception = self.reception.clone();
        Gated::new(
            inner,
            Arc::new(Guard {
                reception,
                gates,
                observe_passed: false,
            }),
        )
    }
}
