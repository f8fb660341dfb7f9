use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::fault::ApiFault;

const MAX_BODY: usize = 1024 * 1024;
const CHUNK: &[u8] = &[b' '; 64 * 1024];

type Body = BoxBody<Bytes, io::Error>;

/// A request to a stand-in.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) body: Value,
    /// Whether to return the first page instead of the requested one.
    pub(super) first_page_again: bool,
}

impl Asked {
    /// A query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let query = self.uri.query().unwrap_or_default();
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let found = pairs.find(|(it, _)| it == name);
        found.map(|(_, value)| value.into_owned())
    }

    /// A member of the body.
    pub(super) fn member(&self, name: &str) -> &Value {
        self.body.get(name).unwrap_or(&Value::Null)
    }

    /// The segments of the path.
    pub(super) fn segments(&self) -> Vec<&str> {
        self.uri.path().split('/').skip(1).collect()
    }
}

/// The answer to a request.
pub(super) type Said = Result<Value, StatusCode>;

type Answer = dyn Fn(&Asked) -> Said + Send + Sync;

/// A server on a free port of the loopback interface, which stops when this is dropped.
#[derive(Debug)]
pub struct ApiServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    /// The header that carries the key, and its expected value.
    key: (&'static str, String),
    answer: Box<Answer>,
    faults: Mutex<VecDeque<(ApiFault, u32)>>,
    asked: watch::Sender<u64>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl ApiServer {
    pub(super) async fn start(
        key: (&'static str, String),
        answer: impl Fn(&Asked) -> Said + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            key,
            answer: Box::new(answer),
            faults: Mutex::default(),
            asked: watch::Sender::new(0),
        });
        let own = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&own);
                tokio::spawn(async move {
                    let service = service_fn(|request| shared.serve(request));
                    // How a connection ended is reported to nobody.
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Ok(Self {
            address,
            shared,
            task,
        })
    }

    /// Its base URL.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let blox = tower_webhook::testing::BloxStandIn::start("blox_test_9f8e7d6c").await?;
    /// assert!(blox.server().url().starts_with("http://127.0.0.1:"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Queues this fault for so many requests, after the faults queued before it.
    pub fn fault(&self, fault: ApiFault, times: u32) {
        self.shared.faults().push_back((fault, times));
    }

    /// Answers correctly from now on.
    pub fn heal(&self) {
        self.shared.faults().clear();
    }

    /// The number of requests received, answered or not.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let blox = tower_webhook::testing::BloxStandIn::start("blox_test_9f8e7d6c").await?;
    /// assert_eq!(blox.server().requests(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn requests(&self) -> u64 {
        *self.shared.asked.borrow()
    }

    /// Waits until this many requests have arrived.
    ///
    /// ```no_run
    /// # async fn wait(blox: &tower_webhook::testing::BloxStandIn) {
    /// blox.server().requested(1).await;
    /// # }
    /// ```
    pub async fn requested(&self, times: u64) {
        let mut news = self.shared.asked.subscribe();
        let _ = news.wait_for(|asked| *asked >= times).await;
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn faults(&self) -> MutexGuard<'_, VecDeque<(ApiFault, u32)>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_fault(&self) -> Option<ApiFault> {
        let mut faults = self.faults();
        loop {
            let (fault, left) = faults.front_mut()?;
            if *left > 0 {
                *left = left.saturating_sub(1);
                return Some(fault.clone());
            }
            faults.pop_front();
        }
    }

    async fn serve(&self, request: Request<Incoming>) -> Result<Response<Body>, io::Error> {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await;
        let body = body.map_err(io::Error::other)?.to_bytes();
        self.asked
            .send_modify(|asked| *asked = asked.saturating_add(1));
        let mut asked = Asked {
            method: parts.method,
            uri: parts.uri,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            first_page_again: false,
        };
        let fault = self.next_fault();
        match &fault {
            None => {}
            Some(ApiFault::Down) => return Err(io::ErrorKind::ConnectionAborted.into()),
            Some(ApiFault::Hang) => std::future::pending::<()>().await,
            Some(ApiFault::Slow(late)) => sleep(*late).await,
            Some(ApiFault::Status(status)) => return Ok(empty(*status)),
            Some(ApiFault::RetryAfter(wait)) => return Ok(retry_after(*wait)),
            Some(ApiFault::NotJson) => return Ok(text(StatusCode::OK, "<html>")),
            Some(ApiFault::Huge(bytes)) => return Ok(huge(*bytes)),
            Some(ApiFault::RedirectTo(url)) => {
                let mut response = empty(307);
                if let Ok(url) = url.parse() {
                    response.headers_mut().insert(http::header::LOCATION, url);
                }
                return Ok(response);
            }
            Some(ApiFault::FirstPageAgain) => asked.first_page_again = true,
            Some(ApiFault::CutOff) => {}
        }
        if !self.has_key(&parts.headers) {
            return Ok(empty(401));
        }
        Ok(match (self.answer)(&asked) {
            Err(status) => empty(status.as_u16()),
            Ok(value) if fault == Some(ApiFault::CutOff) => cut_off(&value.to_string()),
            Ok(value) => text(StatusCode::OK, &value.to_string()),
        })
    }

    fn has_key(&self, headers: &HeaderMap) -> bool {
        let (name, key) = &self.key;
        headers
            .get(*name)
            .is_some_and(|shown| shown.as_bytes() == key.as_bytes())
    }
}

fn text(status: StatusCode, text: &str) -> Response<Body> {
    let body = Full::new(Bytes::copy_from_slice(text.as_bytes()));
    let body = body.map_err(|never: Infallible| match never {});
    let mut response = Response::new(body.boxed());
    *response.status_mut() = status;
    response
}

fn empty(status: u16) -> Response<Body> {
    text(
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        "",
    )
}

fn retry_after(wait: Duration) -> Response<Body> {
    let mut response = empty(429);
    let seconds = http::HeaderValue::from(wait.as_secs());
    response
        .headers_mut()
        .insert(http::header::RETRY_AFTER, seconds);
    response
}

/// In chunks, so that its length is not announced.
fn huge(bytes: u64) -> Response<Body> {
    let chunk = u64::try_from(CHUNK.len()).unwrap_or(1);
    let chunks =
        stream::iter(0..bytes.div_ceil(chunk)).map(|_| Ok(Frame::data(Bytes::from_static(CHUNK))));
    Response::new(BodyExt::boxed(StreamBody::new(chunks)))
}

fn cut_off(text: &str) -> Response<Body> {
    let half = text.len() / 2;
    let half = Bytes::copy_from_slice(text.as_bytes().get(..half).unwrap_or_default());
    let broken = io::Error::from(io::ErrorKind::BrokenPipe);
    let parts = stream::iter([Ok(Frame::data(half)), Err(broken)]);
    Response::new(BodyExt::boxed(StreamBody::new(parts)))
}
