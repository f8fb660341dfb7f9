//! The headers in which proxies record whom they forward for: two that grow and are read from right
//! to left, and those that hold one address.
//!
//! Anyone may have sent the text on the left. It is not read before everything to its right is
//! known to come from trusted proxies, and nothing in it changes how those parts are read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use http::HeaderName;

use crate::error::{ConfigError, ConfigErrorKind};

/// The header in which the trusted proxies record whom they forward for.
///
/// `X-Forwarded-For` and `Forwarded` grow by an element with each proxy. The others hold the one
/// address that the outermost proxy saw, and can be trusted only if that proxy overwrites them.
/// nginx and Cloudflare do so; a proxy that does not know the header passes on the stranger's.
///
/// It parses from the header's name, in any case, as a setting holds it.
///
/// ```
/// use tower_webhook::TrustedProxies;
/// use tower_webhook::source::ForwardingHeader;
///
/// let header: ForwardingHeader = "cf-connecting-ip".parse()?;
/// assert_eq!(header, ForwardingHeader::CfConnectingIp);
///
/// let proxies = TrustedProxies::parse(["173.245.48.0/20"])?.header(header);
/// let mut headers = http::HeaderMap::new();
/// headers.insert("cf-connecting-ip", "203.0.113.9".parse()?);
/// let client = proxies.client_address("173.245.48.1".parse()?, &headers)?;
/// assert_eq!(client.to_string(), "203.0.113.9");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ForwardingHeader {
    /// `X-Forwarded-For`: addresses separated by commas, each with or without a port.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239), of which the `for` parameter counts.
    Forwarded,
    /// `X-Real-IP`, as nginx is commonly configured to write it.
    XRealIp,
    /// `CF-Connecting-IP`, of Cloudflare.
    CfConnectingIp,
    /// `Fly-Client-IP`, of Fly.io.
    FlyClientIp,
    /// `True-Client-IP`, of Akamai, and of Cloudflare's Enterprise plan.
    TrueClientIp,
    /// `CloudFront-Viewer-Address`, of Amazon CloudFront: an address, a colon and a port. An IPv6
    /// address has no brackets there.
    CloudFrontViewerAddress,
}

impl ForwardingHeader {
    const ALL: [Self; 7] = [
        Self::XForwardedFor,
        Self::Forwarded,
        Self::XRealIp,
        Self::CfConnectingIp,
        Self::FlyClientIp,
        Self::TrueClientIp,
        Self::CloudFrontViewerAddress,
    ];

    pub(super) const fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            Self::Forwarded => http::header::FORWARDED,
            Self::XRealIp => HeaderName::from_static("x-real-ip"),
            Self::CfConnectingIp => HeaderName::from_static("cf-connecting-ip"),
            Self::FlyClientIp => HeaderName::from_static("fly-client-ip"),
            Self::TrueClientIp => HeaderName::from_static("true-client-ip"),
            Self::CloudFrontViewerAddress => HeaderName::from_static("cloudfront-viewer-address"),
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::XForwardedFor => "X-Forwarded-For",
            Self::Forwarded => "Forwarded",
            Self::XRealIp => "X-Real-IP",
            Self::CfConnectingIp => "CF-Connecting-IP",
            Self::FlyClientIp => "Fly-Client-IP",
            Self::TrueClientIp => "True-Client-IP",
            Self::CloudFrontViewerAddress => "CloudFront-Viewer-Address",
        }
    }

    /// Whether a proxy appends to it, rather than replacing it with one address.
    pub(super) const fn grows(self) -> bool {
        matches!(self, Self::XForwardedFor | Self::Forwarded)
    }

    /// The elements of one line of this header, last one first.
    pub(super) fn elements(self, line: &[u8]) -> Elements<'_> {
        Elements {
            quotes: self == Self::Forwarded,
            rest: Some(line),
        }
    }

    /// The address that one element of this header names.
    ///
    /// ```text
    /// X-Forwarded-For = OWS ( IPv4 [ ":" port ] / IPv6 / "[" IPv6 "]" [ ":" port ] ) OWS
    /// Forwarded       = OWS [ pair ] *( OWS ";" OWS [ pair ] ) OWS     ; exactly one "for"
    /// pair            = token "=" ( token / DQUOTE *qdtext DQUOTE )    ; no backslash
    /// for             = ( IPv4 / "[" IPv6 "]" ) [ ":" ( port / "_" 1*( token ) ) ]
    /// CloudFront-Viewer-Address = OWS ( IPv4 / IPv6 / "[" IPv6 "]" ) ":" port OWS
    /// the other ones  = OWS ( IPv4 / IPv6 ) OWS
    /// ```
    ///
    /// RFC 7239 sections 4 and 6, but more lenient in the white space around `;`, which some
    /// proxies write, and stricter in backslashes, which no address needs.
    pub(super) fn hop(self, element: &[u8]) -> Result<IpAddr, BadHop> {
        match self {
            Self::XForwardedFor => node(text(trim_ows(element))?, self),
            Self::Forwarded => node(for_parameter(element)?, self),
            Self::CloudFrontViewerAddress => viewer(text(trim_ows(element))?),
            Self::XRealIp | Self::CfConnectingIp | Self::FlyClientIp | Self::TrueClientIp => {
                address(text(trim_ows(element))?)
            }
        }
        .map(|address| address.to_canonical())
    }
}

impl FromStr for ForwardingHeader {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::ALL
            .into_iter()
            .find(|header| header.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| {
                let known = Self::ALL.map(Self::as_str).join(", ");
                ConfigError::new(
                    ConfigErrorKind::Proxy,
                    format!("{text:?} is no header of a proxy that is read, these are: {known}"),
                )
            })
    }
}

/// Why an element names no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadHop {
    Unparsable,
    /// `unknown` or `_name`: the proxy hides whom it forwards for.
    Obfuscated,
}

/// Splits a line at its commas, from the right; in `Forwarded`, only at those outside quotes.
///
/// Quotes are also counted from the right, so that a quote left open by a stranger spoils only the
/// stranger's part. That is sound because backslashes, which could hide a quote, are refused.
pub(super) struct Elements<'a> {
    quotes: bool,
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let mut quoted = false;
        let comma = rest.iter().rposition(|&b| {
            quoted ^= self.quotes && b == b'"';
            b == b',' && !quoted
        });
        let split = comma.and_then(|at| rest.split_at_checked(at));
        let Some((left, right)) = split else {
            return Some(rest);
        };
        self.rest = Some(left);
        Some(right.strip_prefix(b",").unwrap_or(right))
    }
}

/// Trims the spaces and tabs around it: `OWS` of RFC 9110 section 5.6.3.
fn trim_ows(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

fn text(bytes: &[u8]) -> Result<&str, BadHop> {
    std::str::from_utf8(bytes)
        .ok()
        .filter(|text| text.is_ascii())
        .ok_or(BadHop::Unparsable)
}

/// The value of the one `for` parameter of a `Forwarded` element.
fn for_parameter(element: &[u8]) -> Result<&str, BadHop> {
    let mut quoted = false;
    let pairs = element.split(|&b| {
        quoted ^= b == b'"';
        b == b';' && !quoted
    });
    let mut found = None;
    for pair in pairs.map(trim_ows) {
        if pair.is_empty() {
            continue;
        }
        let (name, value) = text(pair)?.split_once('=').ok_or(BadHop::Unparsable)?;
        let value = match value.strip_prefix('"') {
            Some(opened) => opened.strip_suffix('"').filter(|value| is_quotable(value)),
            None => Some(value).filter(|value| is_token(value)),
        }
        .filter(|_| is_token(name))
        .ok_or(BadHop::Unparsable)?;
        if name.eq_ignore_ascii_case("for") && found.replace(value).is_some() {
            return Err(BadHop::Unparsable);
        }
    }
    found.ok_or(BadHop::Unparsable)
}

/// `token` of RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    let special = |b| b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || special(b))
}

/// `qdtext` of RFC 9110 section 5.6.4, within ASCII.
fn is_quotable(text: &str) -> bool {
    text.bytes()
        .all(|b| matches!(b, b'\t' | b' '..=b'~') && !matches!(b, b'"' | b'\\'))
}

/// `node` of RFC 7239 section 6, and its counterpart in `X-Forwarded-For`.
fn node(text: &str, header: ForwardingHeader) -> Result<IpAddr, BadHop> {
    if let Some((address, port)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let address = address
            .parse::<Ipv6Addr>()
            .map_err(|_| BadHop::Unparsable)?;
        return match port.strip_prefix(':') {
            None if port.is_empty() => Ok(address.into()),
            Some(port) if is_port(port, header) => Ok(address.into()),
            _ => Err(BadHop::Unparsable),
        };
    }
    if header == ForwardingHeader::XForwardedFor
        && let Ok(address) = text.parse::<Ipv6Addr>()
    {
        return Ok(address.into());
    }
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    if name.starts_with('_') || name.eq_ignore_ascii_case("unknown") {
        return Err(BadHop::Obfuscated);
    }
    name.parse::<Ipv4Addr>()
        .ok()
        .filter(|_| port.is_none_or(|port| is_port(port, header)))
        .map(IpAddr::V4)
        .ok_or(BadHop::Unparsable)
}

fn address(text: &str) -> Result<IpAddr, BadHop> {
    text.parse().map_err(|_| BadHop::Unparsable)
}

/// The port is always present: otherwise the last group of an IPv6 address would be taken for one.
fn viewer(text: &str) -> Result<IpAddr, BadHop> {
    let (host, port) = text.rsplit_once(':').ok_or(BadHop::Unparsable)?;
    if !is_port(port, ForwardingHeader::CloudFrontViewerAddress) {
        return Err(BadHop::Unparsable);
    }
    match host.strip_prefix('[') {
        Some(rest) => (rest.strip_suffix(']'))
            .and_then(|inner| inner.parse::<Ipv6Addr>().ok())
            .map(IpAddr::V6)
            .ok_or(BadHop::Unparsable),
        None => address(host),
    }
}

fn is_port(text: &str, header: ForwardingHeader) -> bool {
    match text.strip_prefix('_') {
        Some(hidden) => {
            let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
            header == ForwardingHeader::Forwarded && !hidden.is_empty() && hidden.bytes().all(named)
        }
        None => text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok(),
    }
}
