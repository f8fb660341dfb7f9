use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::Extensions;
use http::request::Parts;

use crate::clock::{Clock, UnixTime};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::layer::refusal::Refusal;
use crate::layer::resolver::Resolver;
use crate::rejection::Reason;
use crate::source::{Admission, Allowlist, TrustedProxies};

/// The address of the connection's other end, as a request extension: for servers other than
/// axum's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// Demands that the client's address is on an allowlist.
#[derive(Debug, Clone)]
pub(crate) struct SourceGate {
    allowlist: Allowlist,
    resolver: Resolver,
    clock: Arc<dyn Clock>,
    pub(crate) proxies: TrustedProxies,
    pub(crate) peer: PeerSource,
}

impl SourceGate {
    pub(crate) fn new(allowlist: Allowlist, clock: &Arc<dyn Clock>) -> Result<Self, ConfigError> {
        let resolver = Resolver::default();
        let clock = Arc::clone(clock);
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

    pub(crate) fn admit(
        &self,
        parts: &Parts,
        now: impl FnOnce() -> UnixTime,
    ) -> Result<IpAddr, Refusal> {
        let peer = self.peer.find(&parts.extensions).ok_or_else(|| {
            Refusal::because(
                Reason::SourceFault,
                "no client address: serve with into_make_service_with_connect_info::<SocketAddr>(), \
                 or insert PeerAddr",
            )
        })?;
        let client = (self.proxies.client_address(peer, &parts.headers))
            .map_err(|error| Refusal::from(error).of_client(peer))?;
        let refusal = match self.allowlist.check_at(client, now) {
            Admission::Allowed => return Ok(client),
            Admission::Refused => {
                Refusal::because(Reason::SourceRefused, "the address is not on the allowlist")
            }
            Admission::Unresolved => {
                // The names may have come by `replace`, to a layer built outside any runtime.
                self.resolver.start(&self.allowlist, &self.clock);
                self.resolver.hurry();
                Refusal::because(
                    Reason::SourceUnresolved,
                    "the address is not on the allowlist, and a host name of it has no address now",
                )
            }
        };
        Err(refusal.of_client(client))
    }
}

type FindPeer = dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync;

#[derive(Clone)]
pub(crate) enum PeerSource {
    Extension,
    Custom(Arc<FindPeer>),
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
