//! Senders that deliver events of 1 KiB, each over its own connection.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tower_webhook::UnixTime;

use crate::common::{Result, SIGNATURE, Sender, event};

const CONNECTIONS: usize = 64;
/// The number of the next event, so that no event is repeated.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A server that stops when this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(app: Router) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Ok(Self { address, task })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The number of events sent, and the time of each answer.
pub(crate) struct Sent {
    pub(crate) in_all: Duration,
    pub(crate) answers: Vec<Duration>,
}

impl Sent {
    pub(crate) fn rate(&self) -> f64 {
        let count = u32::try_from(self.answers.len()).unwrap();
        f64::from(count) / self.in_all.as_secs_f64()
    }

    /// The time that 99 of 100 answers did not exceed, in milliseconds.
    pub(crate) fn p99(&self) -> f64 {
        let mut answers = self.answers.clone();
        answers.sort_unstable();
        answers[answers.len() * 99 / 100].as_secs_f64() * 1e3
    }
}

/// Sends so many new events to `/hooks` over all connections at once, and checks that each is
/// answered with success.
pub(crate) async fn send(to: SocketAddr, events: usize) -> Result<Sent> {
    let signing = Sender::new()?;
    let now = UnixTime::now().as_secs();
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        let requests: Vec<_> = (0..events / CONNECTIONS)
            .map(|_| {
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                let body = event(&format!("evt_{number:026}"));
                let request = Request::post("/hooks")
                    .header("host", "localhost")
                    .header(SIGNATURE, signing.sign(now, &body));
                request.body(Full::from(Bytes::from(body))).unwrap()
            })
            .collect();
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let (mut connection, driver) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver);
        tasks.push((
            requests,
            async move |requests: Vec<Request<Full<Bytes>>>| {
                let mut answers = Vec::with_capacity(requests.len());
                for request in requests {
                    let begun = Instant::now();
                    connection.ready().await.unwrap();
                    let answer = connection.send_request(request).await.unwrap();
                    assert!(answer.status().is_success(), "{}", answer.status());
                    answer.into_body().collect().await.unwrap();
                    answers.push(begun.elapsed());
                }
                answers
            },
        ));
    }
    let begun = Instant::now();
    let tasks: Vec<_> = (tasks.into_iter())
        .map(|(requests, mut send)| tokio::spawn(async move { send(requests).await }))
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.extend(task.await?);
    }
    let in_all = begun.elapsed();
    Ok(Sent { in_all, answers })
}
