use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::{Extensions, HeaderMap};

use super::error::{CertificateError, CertificateErrorKind};
use super::facts::Facts;
use super::header::CertificateHeader;
use super::matching::CertificateMatch;
use super::shown::ClientCertificate;
use crate::clock::UnixTime;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::source::is_local;

/// No rotation needs more.
const MAX_MATCHES: usize = 64;

type Find = dyn Fn(&Extensions) -> Option<ClientCertificate> + Send + Sync;

/// The client certificate that a sender shows, as a proof of origin.
///
/// It is used like any other [`Prove`](crate::layer::Prove): alone in
/// [`Provider::proved_by`](crate::Provider::proved_by), or in addition to a signature, an address
/// or a secret path in [`Provider::and_proved_by`](crate::Provider::and_proved_by), if both are
/// demanded. It proves the sender of a delivery, but not its content.
///
/// The certificate comes from the request's extensions, as a [`ClientCertificate`], unless
/// [a header](Self::written_in) or [another place](Self::found_by) is set. Only one place is read;
/// there is no fallback.
///
/// ```
/// use tower_webhook::certificate::{CertificateMatch, CertificateProof};
/// use tower_webhook::provider::{self, pagerduty};
///
/// // Demands both its signature and its certificate.
/// # let authority = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/certificates/root.pem"));
/// let certificate = CertificateMatch::issued_to(authority, "webhooks.pagerduty.com")?;
/// let pagerduty = provider::pagerduty(pagerduty::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?)
///     .and_proved_by(CertificateProof::of([certificate])?);
/// # drop(pagerduty);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct CertificateProof {
    matches: Arc<[CertificateMatch]>,
    place: Place,
}

#[derive(Clone)]
enum Place {
    Extension,
    Found(Arc<Find>),
    Header(CertificateHeader),
}

/// The facts of a request that are used to find its certificate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) extensions: &'a Extensions,
    pub(crate) headers: &'a HeaderMap,
    /// The address of the connection's peer.
    pub(crate) peer: Option<IpAddr>,
    /// Whether the peer is a declared proxy.
    pub(crate) is_proxy: bool,
}

impl CertificateProof {
    /// Accepts a certificate that matches any of these.
    ///
    /// # Errors
    ///
    /// An empty list, or more than 64.
    pub fn of(matches: impl IntoIterator<Item = CertificateMatch>) -> Result<Self, ConfigError> {
        let matches: Arc<[_]> = matches.into_iter().collect();
        if matches.is_empty() || matches.len() > MAX_MATCHES {
            return Err(ConfigError::new(
                ConfigErrorKind::Proof,
                "a sender is known by one certificate at least, and by 64 at most",
            ));
        }
        Ok(Self {
            matches,
            place: Place::Extension,
        })
    }

    /// Reads the certificate from this header, which
    /// [declared proxies](crate::Webhook::trusted_proxies) write. From any other peer it is
    /// ignored.
    #[must_use]
    pub fn written_in(mut self, header: CertificateHeader) -> Self {
        self.place = Place::Header(header);
        self
    }

    /// Reads the certificate from elsewhere in the request's extensions.
    ///
    /// ```
    /// use std::net::SocketAddr;
    /// use axum::extract::ConnectInfo;
    /// use tower_webhook::certificate::{CertificateMatch, CertificateProof, ClientCertificate};
    ///
    /// /// Your listener passes it to `into_make_service_with_connect_info::<TlsPeer>()`.
    /// #[derive(Clone)]
    /// struct TlsPeer {
    ///     address: SocketAddr,
    ///     certificate: Option<ClientCertificate>,
    /// }
    ///
    /// let sender = CertificateMatch::dns("webhooks.sender.example")?;
    /// let proof = CertificateProof::of([sender])?.found_by(|extensions| {
    ///     let ConnectInfo(peer) = extensions.get::<ConnectInfo<TlsPeer>>()?;
    ///     peer.certificate.clone()
    /// });
    /// # drop(proof);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[must_use]
    pub fn found_by(
        mut self,
        find: impl Fn(&Extensions) -> Option<ClientCertificate> + Send + Sync + 'static,
    ) -> Self {
        self.place = Place::Found(Arc::new(find));
        self
    }

    /// Checks that this certificate is the sender's and valid at `now`: for tests, and for servers
    /// without HTTP requests.
    ///
    /// ```
    /// use tower_webhook::UnixTime;
    /// use tower_webhook::certificate::{
    ///     CertificateErrorKind, CertificateMatch, CertificateProof, ClientCertificate,
    /// };
    ///
    /// # let pem = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/certificates/leaf.pem"));
    /// let proof = CertificateProof::of([CertificateMatch::dns("webhooks.sender.example")?])?;
    /// let refused = proof.check(&ClientCertificate::from_pem(pem)?, UnixTime::now()).unwrap_err();
    /// assert_eq!(refused.kind(), CertificateErrorKind::Refused);
    /// println!("{refused}");
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The reason why it is not.
    pub fn check(
        &self,
        certificate: &ClientCertificate,
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        self.judge(&Facts::read(certificate.as_der())?, now)
    }

    /// Checks that the certificate that was shown is the sender's.
    pub(crate) fn check_seen(&self, seen: Seen<'_>, now: UnixTime) -> Result<(), CertificateError> {
        let shown = match &self.place {
            Place::Header(header) => {
                check_proxy(header, seen)?;
                return self.judge(&header.read(seen.headers)?, now);
            }
            Place::Extension => seen.extensions.get().cloned(),
            Place::Found(find) => find(seen.extensions),
        };
        let shown: ClientCertificate = shown.ok_or_else(|| {
            CertificateError::new(
                CertificateErrorKind::Missing,
                "no certificate was shown: the client has none, or the server does not ask for one and put a \
                 ClientCertificate into the request's extensions",
            )
        })?;
        self.check(&shown, now)
    }

    fn judge(&self, facts: &Facts, now: UnixTime) -> Result<(), CertificateError> {
        // The owner is checked first: whether another's certificate has expired does not matter.
        if !self.matches.iter().any(|wanted| wanted.includes(facts)) {
            let untold = facts.read.is_none()
                && self.matches.iter().any(CertificateMatch::needs_certificate);
            let hint = match untold {
                true => {
                    "; the proxy tells its fingerprint alone: have it write the certificate (`cert: true`)"
                }
                false => "",
            };
            return Err(CertificateError::new(
                CertificateErrorKind::Refused,
                format!("{facts} is none of the sender's{hint}"),
            ));
        }
        facts.check_time(now)
    }
}

/// Refuses a header from a peer that is not a declared proxy.
fn check_proxy(header: &CertificateHeader, seen: Seen<'_>) -> Result<(), CertificateError> {
    let (kind, text) = match seen.peer {
        Some(_) if seen.is_proxy => return Ok(()),
        None => (
            CertificateErrorKind::Fault,
            "no client address, so that nobody is known for a proxy: serve with \
             into_make_service_with_connect_info::<SocketAddr>(), or insert PeerAddr"
                .to_owned(),
        ),
        Some(peer) if !header.stands_in(seen.headers) => (
            CertificateErrorKind::Missing,
            format!("no certificate was shown: {peer} is no declared proxy"),
        ),
        Some(peer) if is_local(peer) => (
            CertificateErrorKind::Fault,
            format!(
                "the peer {peer} sends {} but is not a trusted proxy: declare it as one, or have it send none",
                header.name()
            ),
        ),
        Some(peer) => (
            CertificateErrorKind::Missing,
            format!(
                "{peer} sends {} and is no declared proxy: it is not read",
                header.name()
            ),
        ),
    };
    Err(CertificateError::new(kind, text))
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extension => f.write_str("Extension"),
            Self::Found(_) => f.write_str("Found"),
            Self::Header(header) => f.debug_tuple("Header").field(header).finish(),
        }
    }
}
