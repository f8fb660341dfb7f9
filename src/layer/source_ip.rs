use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::Extensions;
use http::request::Parts;
use tower_layer::Layer;

use super::gated::{Gated, Guard};
use super::gates::Gates;
use super::reception::Reception;
use super::refusal::Refusal;
use super::resolver::Resolver;
use crate::clock::{Clock, UnixTime};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::rejection::Reason;
use crate::source::{Admission, Allowlist, TrustedProxies};

/// Lets through only requests from addresses on an allowlist.
///
/// The client's address is the peer's, or what a declared proxy's header says. The peer's is read
/// from [`PeerAddr`], or from axum's `ConnectInfo<SocketAddr>`: serve the router with
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
            gate: SourceGate::new(reception, allowlist)?,
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

/// The address of the connection's other end, as a request extension: for servers other than
/// axum's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

#[derive(Debug, Clone)]
pub(crate) struct SourceGate {
    allowlist: Allowlist,
    resolver: Resolver,
    clock: Arc<dyn Clock>,
    pub(crate) proxies: TrustedProxies,
    pub(crate) peer: PeerSource,
}

impl SourceGate {
    pub(crate) fn new(reception: &Reception, allowlist: Allowlist) -> Result<Self, ConfigError> {
        let resolver = Resolver::default();
        let clock = Arc::clone(&reception.clock);
        if !resolver.start(&allowlist, &clock) && !allowlist.hosts().is_empty() {
            return Err(ConfigError::new(
                ConfigErrorKind::Allowlist,
                "holds host names, which are resolved in a Tokio runtime: build it inside one",
            ));
        }
        Ok(Self {
            allowlist,
            resolver,
            clock,
            proxies: TrustedProxies::none(),
            peer: PeerSource::Extension,
        })
    }

    pub(crate) fn admit(&self, parts: &Parts, now: UnixTime) -> Result<IpAddr, Refusal> {
        let peer = self.peer.find(&parts.extensions).ok_or_else(|| {
            Refusal::because(
                Reason::SourceFault,
                "no client address: serve with into_make_service_with_connect_info::<SocketAddr>(), \
                 or insert PeerAddr",
            )
        })?;
        let client = self.proxies.client_address(peer, &parts.headers)?;
        match self.allowlist.check(client, now) {
            Admission::Allowed => Ok(client),
            Admission::Refused => Err(Refusal::because(
                Reason::SourceRefused,
                "the address is not on the allowlist",
            )),
            Admission::Unresolved => {
                // The names may have come by `replace`, to a layer built outside any runtime.
                self.resolver.start(&self.allowlist, &self.clock);
                Err(Refusal::because(
                    Reason::SourceUnresolved,
                    "the address is not on the allowlist, and a host name of it has no address now",
                ))
            }
        }
    }
}

#[derive(Clone)]
pub(crate) enum PeerSource {
    Extension,
    Custom(Arc<dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync>),
}

impl PeerSource {
    fn find(&self, extensions: &Extensions) -> Option<IpAddr> {
        match self {
            Self::Extension => match extensions.get::<PeerAddr>() {
                Some(PeerAddr(peer)) => Some(peer.ip()),
                None => connect_info(extensions),
            },
            Self::Custom(find) => find(extensions),
        }
    }
}

#[cfg(feature = "axum")]
fn connect_info(extensions: &Extensions) -> Option<IpAddr> {
    use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};

    let real = extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0);
    let peer = real.or_else(|| Some(extensions.get::<MockConnectInfo<SocketAddr>>()?.0))?;
    Some(peer.ip())
}

#[cfg(not(feature = "axum"))]
fn connect_info(_: &Extensions) -> Option<IpAddr> {
    None
}

impl fmt::Debug for PeerSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Extension => "Extension",
            Self::Custom(_) => "Custom",
        })
    }
}
