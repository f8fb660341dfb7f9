//! The address that a request was sent from, as reported by trusted proxies.

use std::fmt;
use std::net::IpAddr;

use http::HeaderMap;

use super::forwarded::{BadHop, ForwardingHeader};
use super::is_local;
use super::networks::{Entry, Networks};
use crate::error::{ConfigError, ConfigErrorKind};

/// The proxies trusted to report whom they forward for, and the header in which they do so.
///
/// A forwarding header can be trusted only as far as its writer. It is read only if the peer is one
/// of these proxies, from right to left, up to the first hop that is not. Anything to the left of
/// that hop was sent by a stranger and is ignored.
///
/// ```
/// use http::HeaderMap;
/// use tower_webhook::TrustedProxies;
///
/// let proxies = TrustedProxies::parse(["10.0.0.0/8"])?;
/// let mut headers = HeaderMap::new();
/// headers.insert("x-forwarded-for", "127.0.0.1, 203.0.113.9, 10.0.0.2".parse()?);
///
/// let client = proxies.client_address("10.0.0.1".parse()?, &headers)?;
/// assert_eq!(client.to_string(), "203.0.113.9");
/// // A stranger's header is not believed.
/// let client = proxies.client_address("198.51.100.4".parse()?, &headers)?;
/// assert_eq!(client.to_string(), "198.51.100.4");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Networks,
    header: ForwardingHeader,
}

impl TrustedProxies {
    /// No proxy: senders connect to this receiver directly.
    pub fn none() -> Self {
        Self::default()
    }

    /// The proxies in these networks (`10.0.0.0/8`) and at these addresses (`127.0.0.1`). They
    /// write `X-Forwarded-For` unless another header is [set](Self::header).
    ///
    /// # Errors
    ///
    /// If there is no entry, if one is neither or a network with bits set after its prefix, or if
    /// entries match every address, alone or together. The text names the entry.
    pub fn parse<I>(networks: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let refused = |message| ConfigError::new(ConfigErrorKind::Proxy, message);
        let mut parsed = Vec::new();
        for (position, text) in (1_u64..).zip(networks) {
            let text = text.as_ref();
            let network = Entry::parse(text).and_then(|entry| match entry {
                Entry::Network(network) => Ok(network),
                Entry::Host(_) => Err("a host name, a network or address belongs here".into()),
            });
            parsed.push(network.map_err(|refusal| {
                refused(format!("number {position}, {text:?}: {refusal}").into())
            })?);
        }
        if parsed.is_empty() {
            return Err(refused(
                "empty, where there is no proxy say TrustedProxies::none()".into(),
            ));
        }
        Ok(Self {
            networks: Networks::new(parsed).map_err(refused)?,
            header: ForwardingHeader::default(),
        })
    }

    /// The same proxies, which write this header. It must be one that they overwrite or append to:
    /// a header that they pass on untouched is written by strangers.
    #[must_use]
    pub fn header(mut self, header: ForwardingHeader) -> Self {
        self.header = header;
        self
    }

    /// Whether this peer is one of them.
    #[cfg(feature = "asymmetric")]
    pub(crate) fn include(&self, peer: IpAddr) -> bool {
        self.networks.contains(peer.to_canonical())
    }

    /// The address that a request was sent from, given the peer of its connection.
    ///
    /// A peer that is not a trusted proxy is the client. Otherwise all lines of the one header
    /// count, starting with the last element of the last line. A header for a single address has
    /// one line, or several equal ones.
    ///
    /// # Errors
    ///
    /// If a hop that must be known cannot be parsed or is hidden, or if the configuration must be
    /// at fault; see [`ClientAddressErrorKind`].
    pub fn client_address(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
    ) -> Result<IpAddr, ClientAddressError> {
        use ClientAddressErrorKind as Kind;

        let peer = peer.to_canonical();
        let header = self.header;
        let error = |kind| ClientAddressError { kind, peer, header };
        if !self.networks.contains(peer) {
            // If this were accepted, an undeclared proxy or tunnel would pass the whole internet
            // off as its own address.
            return if is_local(peer) && is_forwarded(headers) {
                Err(error(Kind::UndeclaredProxy))
            } else {
                Ok(peer)
            };
        }
        let unreadable = |bad| {
            error(match bad {
                BadHop::Unparsable => Kind::UnparsableHop,
                BadHop::Obfuscated => Kind::ObfuscatedHop,
            })
        };
        if !header.grows() {
            let mut lines = headers.get_all(header.name()).iter();
            let line = lines.next().ok_or(error(Kind::NoForwardingHeader))?;
            // If two lines differ, a stranger wrote one of them.
            if lines.any(|other| other != line) {
                return Err(error(Kind::UnparsableHop));
            }
            let hop = header.hop(line.as_bytes()).map_err(unreadable)?;
            return match self.networks.contains(hop) {
                true => Err(error(Kind::OnlyTrustedHops)),
                false => Ok(hop),
            };
        }
        let mut kind = Kind::NoForwardingHeader;
        for line in headers.get_all(header.name()).iter().rev() {
            kind = Kind::OnlyTrustedHops;
            for element in header.elements(line.as_bytes()) {
                let hop = header.hop(element).map_err(unreadable)?;
                if !self.networks.contains(hop) {
                    return Ok(hop);
                }
            }
        }
        Err(error(kind))
    }
}

/// Whether a request carries any header that proxies add. It checks each name once: looking some of
/// them up in the map takes longer, because that hashes them byte by byte.
fn is_forwarded(headers: &HeaderMap) -> bool {
    let is_one = |name: &str| {
        matches!(
            name,
            "x-forwarded-for"
                | "forwarded"
                | "x-real-ip"
                | "cf-connecting-ip"
                | "fly-client-ip"
                | "true-client-ip"
                | "cloudfront-viewer-address"
        )
    };
    headers.keys().any(|name| is_one(name.as_str()))
}

/// The reason why the source address of a request is unknown.
///
/// Its text names the peer and the remedy, and repeats nothing from the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAddressError {
    kind: ClientAddressErrorKind,
    peer: IpAddr,
    header: ForwardingHeader,
}

/// The kind of a [`ClientAddressError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientAddressErrorKind {
    /// A hop that must be known is not an address: the request is refused.
    UnparsableHop,
    /// A hop that must be known is hidden (`unknown`, `_name`): the request is refused.
    ObfuscatedHop,
    /// A trusted proxy forwarded without the configured header.
    NoForwardingHeader,
    /// Every hop is a trusted proxy.
    OnlyTrustedHops,
    /// A peer in our own network forwards requests but is not declared as a proxy.
    UndeclaredProxy,
}

impl ClientAddressError {
    /// What kind of error this is.
    pub fn kind(&self) -> ClientAddressErrorKind {
        self.kind
    }

    /// Whether the receiver is misconfigured, rather than the request bad.
    pub fn is_configuration_fault(&self) -> bool {
        match self.kind {
            ClientAddressErrorKind::UnparsableHop | ClientAddressErrorKind::ObfuscatedHop => false,
            ClientAddressErrorKind::NoForwardingHeader
            | ClientAddressErrorKind::OnlyTrustedHops
            | ClientAddressErrorKind::UndeclaredProxy => true,
        }
    }
}

impl fmt::Display for ClientAddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, peer, header } = self;
        let header = header.as_str();
        match kind {
            ClientAddressErrorKind::UnparsableHop => write!(
                f,
                "a hop that {peer} forwarded in {header} is not an address: \
                 have the proxy write addresses, or replace what strangers send"
            ),
            ClientAddressErrorKind::ObfuscatedHop => write!(
                f,
                "a hop that {peer} forwarded in {header} is hidden: \
                 have the proxy write the address"
            ),
            ClientAddressErrorKind::NoForwardingHeader => write!(
                f,
                "the trusted proxy {peer} sent no {header}: \
                 have it write that header, or configure the one that it writes"
            ),
            ClientAddressErrorKind::OnlyTrustedHops => write!(
                f,
                "every hop that {peer} forwarded in {header} is a trusted proxy: \
                 declare the proxies alone, not the networks of clients"
            ),
            ClientAddressErrorKind::UndeclaredProxy => write!(
                f,
                "the peer {peer} sends a forwarding header but is not a trusted proxy: \
                 declare it as one, or have it send none"
            ),
        }
    }
}

impl std::error::Error for ClientAddressError {}

#[cfg(test)]
mod tests;
