//! Decides who may see the page, and from where.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::ConnectInfo;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Version, header};

/// Marks a request as an operator's: your own authentication puts it into the request's extensions,
/// and the page is then shown from anywhere.
///
/// ```
/// use axum::{Router, extract::Request, middleware::{Next, from_fn}, response::Response};
/// use tower_webhook::operator::{self, OperatorAccess, Page};
///
/// /// After authentication has proved that this is one of our people.
/// async fn of_ours(mut request: Request, next: Next) -> Response {
///     request.extensions_mut().insert(OperatorAccess::named("alice"));
///     next.run(request).await
/// }
///
/// let page = operator::router(&Page::new());
/// let app: Router = Router::new().nest("/operator", page.layer(from_fn(of_ours)));
/// # drop(app);
/// ```
#[derive(Debug, Clone, Default)]
pub struct OperatorAccess {
    name: Option<Arc<str>>,
}

impl OperatorAccess {
    /// An operator without a known name.
    ///
    /// ```
    /// use tower_webhook::operator::OperatorAccess;
    ///
    /// assert_eq!(OperatorAccess::new().name(), None);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// An operator of this name. The name is recorded with each action, and a form shown to one
    /// operator cannot be submitted by another.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: Some(name.into()),
        }
    }

    /// The name, if it is known.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// Headers that proxies add. If one is present, the peer is not the actual client.
const FORWARDING: [&str; 17] = [
    "forwarded",
    "via",
    "cdn-loop",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-forwarded-for",
    "x-original-host",
    "x-host",
    "x-envoy-external-address",
    "x-azure-clientip",
    "x-proxyuser-ip",
    "client-ip",
    "true-client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "cloudfront-viewer-address",
];
/// Prefixes of the names of other such headers.
const FORWARDING_BEGIN: [&str; 3] = ["x-forwarded", "cf-", "x-appengine-"];

/// The answer to requests that may not see the page.
const FOR_OPERATORS: &str = "This page is for operators.\n";
/// The same for a request that seems to come from this machine. It says what to do, and nothing about the receiver.
const NOT_FOR_THIS_MACHINE: &str = "This page is for operators.\n\n\
    If you are one: have your own authentication put `OperatorAccess` into the extensions of your requests. If no \
    proxy on this machine passes requests on to this receiver, you can also build the page without \
    `Page::only_for_operators()`, whose documentation says why that matters.\n";

/// Why a request may not see the page, for the log, and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) why: &'static str,
    pub(super) told: &'static str,
}

/// Who asks, if they may see the page: an operator, or this machine itself unless the page is only for operators.
pub(super) fn admitted(parts: &Parts, only_for_operators: bool) -> Result<OperatorAccess, Refusal> {
    if let Some(access) = parts.extensions.get::<OperatorAccess>() {
        return Ok(access.clone());
    }
    seems_this_machine(parts).map_err(|why| Refusal {
        why,
        told: FOR_OPERATORS,
    })?;
    match only_for_operators {
        false => Ok(OperatorAccess::new()),
        true => Err(Refusal {
            why: "the request has no `OperatorAccess`, and the page is built with `Page::only_for_operators`",
            told: NOT_FOR_THIS_MACHINE,
        }),
    }
}

/// Whether the request comes from this machine, as far as that can be seen; else why not. A proxy on this machine
/// that uses HTTP/1.1 and adds no header, as nginx does by default since 1.29.7, cannot be distinguished from it.
fn seems_this_machine(parts: &Parts) -> Result<(), &'static str> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let Some(ConnectInfo(peer)) = peer else {
        return Err("the peer's address is not known: serve with connect info");
    };
    if !peer.ip().to_canonical().is_loopback() {
        return Err("the peer is not this machine, and nothing says that it is an operator's");
    }
    if let Some(name) = forwarding(&parts.headers) {
        tracing::debug!(target: "tower_webhook", header = name, "a proxy stands before the page");
        return Err("a proxy stands between, and nothing says that it is an operator's");
    }
    if parts.version < Version::HTTP_11 {
        return Err(
            "it was asked in HTTP/1.0, as some proxies do, and nothing says that it is an operator's",
        );
    }
    match names_loopback(parts) {
        true => Ok(()),
        false => Err("the name that was asked for is not this machine's own"),
    }
}

fn forwarding(headers: &HeaderMap) -> Option<&str> {
    let mut names = headers.keys().map(header::HeaderName::as_str);
    names.find(|name| {
        FORWARDING.contains(name) || FORWARDING_BEGIN.iter().any(|begin| name.starts_with(begin))
    })
}

/// Whether the request names this machine by a name that nobody else can have. A page from
/// elsewhere whose name was made to resolve here sends its own name.
fn names_loopback(parts: &Parts) -> bool {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    let in_header = host.map(|host| host.to_str().ok().and_then(|it| it.parse().ok()));
    let named: [Option<Option<Authority>>; 2] =
        [in_header, parts.uri.authority().cloned().map(Some)];
    let mut named = named.into_iter().flatten().peekable();
    more.is_none()
        && named.peek().is_some()
        && named.all(|it| it.is_some_and(|it| is_loopback(&it)))
}

fn is_loopback(authority: &Authority) -> bool {
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|it| it.to_canonical().is_loopback())
}

/// Whether a request that changes something comes from one of our pages, as far as the browser
/// says.
pub(super) fn is_own_page(headers: &HeaderMap, uri: &http::Uri) -> bool {
    let site = headers.get("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return false;
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok());
    let host = host.or_else(|| uri.authority().map(Authority::as_str));
    let origin = origin.to_str().ok().and_then(|it| it.split_once("://"));
    matches!((origin, host), (Some((_, origin)), Some(host)) if origin.eq_ignore_ascii_case(host))
}
