//! The headers in which proxies write their client's certificate.

use data_encoding::HEXLOWER_PERMISSIVE;
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;
use sfv::{BareItem, Item, Parser};

use super::error::{CertificateError, CertificateErrorKind};
use super::facts::Facts;
use super::pem::{self, MAX_PEM};
use super::xfcc::{self, Element};
use crate::printable::Printable;

/// The longest accepted header: PEM in which every byte is escaped.
const MAX_HEADER: usize = 3 * MAX_PEM;

/// The header in which a declared proxy writes its client's certificate.
///
/// The proxy must overwrite it, and remove it if its client has shown no certificate: a header that the proxy passes
/// on unchanged is untrusted. A header that occurs twice is refused, whatever its value.
///
/// | proxy | what it writes | here |
/// | --- | --- | --- |
/// | HAProxy, Caddy and others | `Client-Cert` of RFC 9440 | [`rfc9440`](Self::rfc9440) |
/// | Envoy, Istio | `X-Forwarded-Client-Cert` | [`xfcc`](Self::xfcc) |
/// | nginx, Apache | a header of yours with the certificate in PEM, escaped | [`nginx`](Self::nginx), [`pem`](Self::pem) |
///
/// ```
/// use tower_webhook::certificate::{CertificateHeader, CertificateMatch, CertificateProof};
/// use tower_webhook::{MemoryStore, TrustedProxies, Webhook, provider};
///
/// # let authority = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/certificates/root.pem"));
/// let sender = CertificateProof::of([CertificateMatch::issued_by(authority)?])?;
/// let efi = provider::efi_mtls(sender.written_in(CertificateHeader::nginx()));
/// let webhook = Webhook::new(efi)
///     .store(MemoryStore::new())
///     // Without this line, no such header is trusted.
///     .trusted_proxies(TrustedProxies::parse(["10.0.0.7"])?)
///     .build()?;
/// # drop(webhook);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateHeader {
    name: HeaderName,
    form: Form,
    verified: Option<(HeaderName, Box<str>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// A byte sequence (RFC 8941).
    Bytes,
    /// PEM, percent-encoded or unchanged.
    Pem,
    /// The number of proxies after the one that counts.
    Xfcc(usize),
}

impl CertificateHeader {
    /// `Client-Cert` (RFC 9440). `Client-Cert-Chain` is not read: a client can send any
    /// certificates after its own.
    ///
    /// HAProxy writes `::` if no certificate was shown, and its `ssl_c_verify` is then also 0.
    pub fn rfc9440() -> Self {
        Self {
            name: HeaderName::from_static("client-cert"),
            form: Form::Bytes,
            verified: None,
        }
    }

    /// Envoy's `X-Forwarded-Client-Cert` from one proxy: several elements are refused.
    ///
    /// Set `forward_client_cert_details: SANITIZE_SET`, and `cert: true` in `set_current_client_cert_details`.
    /// Without the certificate, only `Hash` is trusted, and the proxy must check the time. `DNS` and `URI` are not
    /// read: Envoy copies them from the certificate unchanged, including commas and semicolons, so a client with such
    /// a name in its certificate could add a key.
    /// name certified could add a key.
    ///
    /// ```
    /// use tower_webhook::certificate::CertificateHeader;
    ///
    /// let one = CertificateHeader::xfcc();
    /// let behind_two_more = CertificateHeader::xfcc().behind(2);
    /// # drop((one, behind_two_more));
    /// ```
    pub fn xfcc() -> Self {
        Self {
            name: HeaderName::from_static("x-forwarded-client-cert"),
            form: Form::Xfcc(0),
            verified: None,
        }
    }

    /// Uses the first element of `X-Forwarded-Client-Cert`, with this many more of your proxies
    /// after the one that wrote it.
    ///
    /// Each of them adds its own (`APPEND_FORWARD`). The first proxy must write only its own (`SANITIZE_SET`): more
    /// elements than proxies are refused, because a stranger may have written one of them.
    #[must_use]
    pub fn behind(mut self, proxies: usize) -> Self {
        if matches!(self.form, Form::Xfcc(_)) {
            self.form = Form::Xfcc(proxies);
        }
        self
    }

    /// The header that this nginx configuration writes: [`pem`](Self::pem) in two headers.
    ///
    /// ```nginx
    /// proxy_set_header X-SSL-Client-Cert   $ssl_client_escaped_cert;
    /// proxy_set_header X-SSL-Client-Verify $ssl_client_verify;
    /// ```
    pub fn nginx() -> Self {
        let verify = HeaderName::from_static("x-ssl-client-verify");
        Self::pem(HeaderName::from_static("x-ssl-client-cert")).verified_by(verify, "SUCCESS")
    }

    /// A header with the certificate in PEM, percent-encoded or with spaces for line ends. If the proxy also
    /// passes on certificates with an invalid chain, set [how it marks a valid one](Self::verified_by).
    ///
    /// ```
    /// use http::HeaderName;
    /// use tower_webhook::certificate::CertificateHeader;
    ///
    /// // `RequestHeader set X-Cert "%{SSL_CLIENT_CERT}s"` and `X-Verify "%{SSL_CLIENT_VERIFY}s"` of Apache.
    /// let apache = CertificateHeader::pem(HeaderName::from_static("x-cert"))
    ///     .verified_by(HeaderName::from_static("x-verify"), "SUCCESS");
    /// # drop(apache);
    /// ```
    pub fn pem(name: HeaderName) -> Self {
        Self {
            name,
            form: Form::Pem,
            verified: None,
        }
    }

    /// Demands that the proxy writes this value into this header to mark a valid certificate chain.
    #[must_use]
    pub fn verified_by(mut self, name: HeaderName, value: impl Into<Box<str>>) -> Self {
        self.verified = Some((name, value.into()));
        self
    }

    /// Whether a request contains it.
    pub(super) fn stands_in(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(&self.name)
    }

    pub(super) fn name(&self) -> &HeaderName {
        &self.name
    }

    /// The certificate that a declared proxy states.
    pub(super) fn read(&self, headers: &HeaderMap) -> Result<Facts, CertificateError> {
        let Some(text) = self.shown(headers)? else {
            let name = &self.name;
            return Err(CertificateError::new(
                CertificateErrorKind::Missing,
                format!(
                    "the proxy tells no certificate in {name}: its client has shown none, or it is not set up to ask \
                     for one and to write that header"
                ),
            ));
        };
        if let Some((name, wanted)) = &self.verified {
            self.check_verified(headers, name, wanted)?;
        }
        match self.form {
            Form::Bytes => {
                Facts::read(&bytes(text).ok_or_else(|| self.unread("a byte sequence of RFC 8941"))?)
            }
            Form::Pem => {
                let der = escaped(text).ok_or_else(|| self.unread("one certificate in PEM"))?;
                Facts::read(&der)
            }
            Form::Xfcc(behind) => {
                let elements =
                    xfcc::elements(text).ok_or_else(|| self.unread("as Envoy writes it"))?;
                self.of_proxy(elements, behind)
            }
        }
    }

    /// The text of the header; `None` if it states that there is none.
    fn shown<'h>(&self, headers: &'h HeaderMap) -> Result<Option<&'h str>, CertificateError> {
        let Some(text) = line(headers, &self.name)? else {
            return Ok(None);
        };
        // The values of HAProxy, Apache and Caddy for "none".
        let is_none = matches!(text, "" | "-" | "::" | ":<nil>:" | "(null)" | "<nil>");
        let is_placeholder = text.trim_start_matches(':').starts_with('{');
        Ok((!is_none && !is_placeholder).then_some(text))
    }

    fn check_verified(
        &self,
        headers: &HeaderMap,
        name: &HeaderName,
        wanted: &str,
    ) -> Result<(), CertificateError> {
        let refused = |text| Err(CertificateError::new(CertificateErrorKind::Refused, text));
        match line(headers, name)? {
            Some(found) if found == wanted => Ok(()),
            Some(found) => {
                let found: String = found.chars().take(200).collect();
                refused(format!(
                    "the proxy says {:?} of the certificate in {name}, not {wanted:?}",
                    Printable(found)
                ))
            }
            None => refused(format!(
                "the proxy says nothing in {name} of the certificate in {}: have it write that header",
                self.name
            )),
        }
    }

    /// The client facts from the proxy that counts.
    fn of_proxy(&self, elements: Vec<Element>, behind: usize) -> Result<Facts, CertificateError> {
        let proxies = behind.saturating_add(1);
        if elements.len() > proxies {
            return Err(CertificateError::malformed(format!(
                "{} holds more elements than there are proxies: have the first one write its own alone \
                 (SANITIZE_SET), and say with `behind` how many stand behind it",
                self.name
            )));
        }
        let is_whole = elements.len() == proxies;
        let Some(element) = elements.into_iter().next().filter(|_| is_whole) else {
            return Err(CertificateError::new(
                CertificateErrorKind::Missing,
                format!("{} holds fewer elements than there are proxies", self.name),
            ));
        };
        let hash = match &element.hash {
            None => None,
            Some(text) => {
                let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
                let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
                Some(bytes.ok_or_else(|| self.unread("with a SHA-256 in hex for `Hash`"))?)
            }
        };
        let Some(cert) = &element.cert else {
            if hash.is_none() {
                return Err(CertificateError::new(
                    CertificateErrorKind::Missing,
                    format!("{} tells no certificate of its client", self.name),
                ));
            }
            return Ok(Facts {
                sha256: hash,
                ..Facts::default()
            });
        };
        let der =
            escaped(cert).ok_or_else(|| self.unread("with one certificate in PEM for `Cert`"))?;
        let facts = Facts::read(&der)?;
        if hash.is_some() && hash != facts.sha256 {
            return Err(self.unread("with the SHA-256 of `Cert` for `Hash`"));
        }
        Ok(facts)
    }

    fn unread(&self, what: &str) -> CertificateError {
        CertificateError::malformed(format!("{} is not read: it is not {what}", self.name))
    }
}

/// The only line of a header, without the white space around it.
fn line<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h str>, CertificateError> {
    let mut lines = headers.get_all(name).iter();
    let Some(line) = lines.next() else {
        return Ok(None);
    };
    if lines.next().is_some() {
        return Err(CertificateError::malformed(format!(
            "{name} stands twice: have the proxy overwrite what its client sends"
        )));
    }
    if line.len() > MAX_HEADER {
        return Err(CertificateError::malformed(format!(
            "{name} is longer than 96 KiB, and is not read"
        )));
    }
    (line.to_str().map(|text| Some(text.trim_ascii())))
        .map_err(|_| CertificateError::malformed(format!("{name} is not ASCII")))
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let item: Item = Parser::new(text).parse().ok()?;
    match item.bare_item {
        BareItem::ByteSequence(bytes) if item.params.is_empty() => Some(bytes),
        _ => None,
    }
}

/// A `+` is not decoded: it is a digit of base64.
fn escaped(text: &str) -> Option<Vec<u8>> {
    let decoded: Vec<u8> = percent_decode_str(text).collect();
    pem::single(&decoded)
}
