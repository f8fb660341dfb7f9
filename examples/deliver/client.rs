//! One request over one connection of its own.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::delivery::Delivery;

/// How long connecting may take, and how long an answer.
const LIMIT: Duration = Duration::from_secs(30);
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A plain HTTP server.
pub(crate) struct Target {
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// What the `Host` header says.
    pub(crate) authority: HeaderValue,
}

pub(crate) struct Connection(SendRequest<Full<Bytes>>);

pub(crate) async fn connect(target: &Target) -> Result<Connection, Failure> {
    let stream = timeout(
        LIMIT,
        TcpStream::connect((target.host.as_str(), target.port)),
    )
    .await
    .map_err(|_| Failure::new("connect", "no connection in time"))?
    .map_err(|error| Failure::new("connect", error))?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Failure::new("connect", error))?;
    // What goes wrong here, the request tells too.
    tokio::spawn(connection);
    Ok(Connection(sender))
}

impl Connection {
    pub(crate) async fn send(
        mut self,
        target: &Target,
        delivery: &Delivery,
    ) -> Result<Answer, Failure> {
        let mut request = Request::post(delivery.path.clone())
            .body(Full::new(delivery.body.clone()))
            .map_err(|error| Failure::new("send", error))?;
        *request.headers_mut() = delivery.headers.clone();
        request.headers_mut().insert(HOST, target.authority.clone());
        let begun = Instant::now();
        let response = timeout(LIMIT, self.0.send_request(request))
            .await
            .map_err(|_| Failure::new("send", "no answer in time"))?
            .map_err(|error| Failure::new("send", error))?;
        let answer = Answer {
            status: response.status(),
            replayed: header(
                response.headers(),
                &HeaderName::from_static("idempotent-replayed"),
            ),
            retry_after: header(response.headers(), &RETRY_AFTER),
            elapsed: begun.elapsed(),
        };
        // Read, so that the server sees its answer taken; what it says does not matter.
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect();
        let _ = timeout(LIMIT, body).await;
        Ok(answer)
    }
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(value.to_str().unwrap_or("(not ASCII)").to_owned())
}

/// What is told of an answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) replayed: Option<String>,
    retry_after: Option<String>,
    elapsed: Duration,
}

impl Answer {
    /// How long to wait before the next attempt, where the answer tells it in seconds.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let seconds = self.retry_after.as_deref()?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}  {} ms",
            self.status.as_str(),
            self.elapsed.as_millis()
        )?;
        if let Some(replayed) = &self.replayed {
            write!(f, "  idempotent-replayed: {replayed}")?;
        }
        if let Some(wait) = &self.retry_after {
            write!(f, "  retry-after: {wait}")?;
        }
        Ok(())
    }
}

/// Why there is no answer.
pub(crate) struct Failure(String);

impl Failure {
    fn new(step: &str, problem: impl fmt::Display) -> Self {
        Self(format!("{step}: {problem}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
