use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::{Extensions, HeaderMap};

use crate::source::TrustedProxies;

/// The address of the connection's other end, as a request extension, for servers other than
/// axum's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

type FindPeer = dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync;

/// Where to find the address of the connection's other end.
#[derive(Clone, Default)]
pub(crate) enum PeerSource {
    #[default]
    Extension,
    Custom(Arc<FindPeer>),
}

impl PeerSource {
    pub(crate) fn find(&self, extensions: &Extensions) -> Option<IpAddr> {
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

/// Finds where a refused delivery came from, as far as that is known if no gate needs it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub(crate) peer: PeerSource,
    pub(crate) proxies: TrustedProxies,
}

impl Origin {
    /// The client's address; `None` if it is unknown, or an undeclared proxy hides it.
    pub(crate) fn known_client(
        &self,
        extensions: &Extensions,
        headers: &HeaderMap,
    ) -> Option<IpAddr> {
        let peer = self.peer.find(extensions)?;
        self.proxies.client_address(peer, headers).ok()
    }

    /// The client's address, or the peer's if no declared proxy names a client; `None` if the
    /// server does not report the peer.
    pub(crate) fn client(&self, extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = self.peer.find(extensions)?;
        Some((self.proxies.client_address(peer, headers)).unwrap_or(peer))
    }
}
