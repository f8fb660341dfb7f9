//! The head of a request, as data.

use std::sync::LazyLock;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Uri};

static POST: Method = Method::POST;
static ROOT: LazyLock<Uri> = LazyLock::new(Uri::default);

/// The part of a request before its body: method, URI and headers.
///
/// It is borrowed, and made from a request, its `Parts` or its headers. Headers alone, as in a test
/// or a queue, count as `POST /`.
///
/// ```
/// use http::{HeaderMap, Method, Request};
/// use tower_webhook::RequestHead;
///
/// let request = Request::post("/hooks?tenant=7").body(())?;
/// let head = RequestHead::from(&request);
/// assert_eq!((head.method(), head.uri().query()), (&Method::POST, Some("tenant=7")));
///
/// let headers = HeaderMap::new();
/// let head = RequestHead::from(&headers);
/// assert_eq!((head.method(), head.uri().path()), (&Method::POST, "/"));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
}

impl<'a> RequestHead<'a> {
    /// A head of these parts.
    pub fn new(method: &'a Method, uri: &'a Uri, headers: &'a HeaderMap) -> Self {
        Self {
            method,
            uri,
            headers,
        }
    }

    /// The method.
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// The URI as the layer sees it, without the path segments that a router or a gate has cut off.
    pub fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// The headers.
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }
}

impl<'a> From<&'a HeaderMap> for RequestHead<'a> {
    fn from(headers: &'a HeaderMap) -> Self {
        Self::new(&POST, &ROOT, headers)
    }
}

impl<'a> From<&'a http::request::Parts> for RequestHead<'a> {
    fn from(parts: &'a http::request::Parts) -> Self {
        Self::new(&parts.method, &parts.uri, &parts.headers)
    }
}

impl<'a, B> From<&'a http::Request<B>> for RequestHead<'a> {
    fn from(request: &'a http::Request<B>) -> Self {
        Self::new(request.method(), request.uri(), request.headers())
    }
}

impl<'a> From<&RequestHead<'a>> for RequestHead<'a> {
    fn from(head: &RequestHead<'a>) -> Self {
        *head
    }
}

/// The announced length, if there is exactly one; a chunked body announces none.
pub(crate) fn announced_length(headers: &HeaderMap) -> Option<u64> {
    if headers.contains_key(TRANSFER_ENCODING) {
        return None;
    }
    let mut lines = headers.get_all(CONTENT_LENGTH).iter();
    let length = number(lines.next()?)?;
    lines
        .all(|line| number(line) == Some(length))
        .then_some(length)
}

fn number(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok()?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}
