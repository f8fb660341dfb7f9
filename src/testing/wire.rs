//! A single request over its own connection, in plain HTTP/1.1.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::HOST;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;
use tower_service::Service;

use super::edit::refused;
use crate::error::ConfigError;
use crate::layer::PeerAddr;

/// An answer is read up to this length.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The target of a URL.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Without brackets if it is an IPv6 address.
    host: String,
    port: u16,
    /// The value of the `Host` header.
    authority: HeaderValue,
}

impl Target {
    /// # Errors
    ///
    /// If the URL is not plain HTTP. The error text does not show the URL, which may hold a token.
    pub(super) fn of(uri: &Uri) -> Result<Self, ConfigError> {
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(refused("it is sent only to a URL that begins with http://"));
        }
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| refused("the URL names no host"))?;
        // Without a name and password that may precede the host.
        let authority = match uri.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(80),
            authority: HeaderValue::try_from(authority)
                .map_err(|_| refused("the URL's host cannot stand in a header"))?,
        })
    }

    async fn connect(&self, from: Option<IpAddr>) -> Result<TcpStream, SendError> {
        let unreachable = |error| SendError::new(SendErrorKind::Unreachable, error);
        let target = (self.host.as_str(), self.port);
        let Some(from) = from else {
            return TcpStream::connect(target).await.map_err(unreachable);
        };
        let addresses = lookup_host(target).await.map_err(unreachable)?;
        let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
        for address in addresses.filter(|address| address.is_ipv4() == from.is_ipv4()) {
            match connect_from(from, address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(unreachable(last))
    }
}

async fn connect_from(from: IpAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if to.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(to).await
}

/// Sends a request whose URI is a URL, from the address that its [`PeerAddr`] names.
pub(super) async fn send(request: Request<Full<Bytes>>) -> Result<Response<Bytes>, SendError> {
    let unanswered = |error| SendError::new(SendErrorKind::Unanswered, error);
    let (mut parts, body) = request.into_parts();
    let target =
        Target::of(&parts.uri).map_err(|error| SendError::new(SendErrorKind::Delivery, error))?;
    let from = parts.extensions.get::<PeerAddr>();
    let stream = target.connect(from.map(|peer| peer.0.ip())).await?;
    let path = parts.uri.path_and_query().cloned();
    let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
    parts.uri = Uri::from(path);
    // Unless the delivery sets it.
    if !parts.headers.contains_key(HOST) {
        parts.headers.insert(HOST, target.authority);
    }
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(unanswered)?;
    let exchange = async {
        let request = Request::from_parts(parts, body);
        let response = sender.send_request(request).await.map_err(unanswered)?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body
            .map_err(|error| SendError::new(SendErrorKind::Unanswered, error))?
            .to_bytes();
        Ok(Response::from_parts(parts, body))
    };
    // The connection serves this one exchange, and ends when that is given up.
    tokio::pin!(connection);
    tokio::select! {
        biased;
        answer = exchange => answer,
        error = async { match connection.as_mut().await {
            Ok(()) => std::future::pending().await,
            Err(error) => error,
        } } => Err(unanswered(error)),
    }
}

pub(super) async fn send_within(
    limit: Duration,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, SendError> {
    let answer = timeout(limit, send(request)).await;
    answer.unwrap_or_else(|late| Err(SendError::new(SendErrorKind::TimedOut, late)))
}

/// Sending to a URL, as a Tower service.
#[derive(Debug, Clone, Copy)]
pub(super) struct ToUrl;

impl Service<Request<Full<Bytes>>> for ToUrl {
    type Response = Response<Full<Bytes>>;
    type Error = SendError;
    type Future = BoxFuture<'static, Result<Response<Full<Bytes>>, SendError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        Box::pin(async move { Ok(send(request).await?.map(Full::new)) })
    }
}

/// A delivery that was sent to a URL and got no answer.
#[derive(Debug)]
pub struct SendError {
    kind: SendErrorKind,
    source: Box<dyn Error + Send + Sync>,
}

impl SendError {
    pub(super) fn new(
        kind: SendErrorKind,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let source = source.into();
        Self { kind, source }
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> SendErrorKind {
        self.kind
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            SendErrorKind::Delivery => "no such delivery can be sent",
            SendErrorKind::Unreachable => "no connection to the receiver",
            SendErrorKind::Unanswered => "the connection broke before the answer",
            SendErrorKind::TimedOut => "no answer within the sender's time",
        })
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source: &(dyn Error + 'static) = self.source.as_ref();
        Some(source)
    }
}

/// The kind of a [`SendError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// Nothing was sent: no request can be made of the delivery, or the URL is not plain HTTP.
    Delivery,
    /// There was no connection.
    Unreachable,
    /// The connection ended or broke before the answer was complete, or the response is not HTTP.
    Unanswered,
    /// The sender's time to answer was over.
    TimedOut,
}
