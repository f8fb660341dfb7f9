//! A sender as BlendFi is one, only more patient and in more of a hurry: it tries again after no
//! answer and after each status that BlendFi retries.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use sha2::Sha256;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

pub(crate) const SECRET: &str = "whsec_test_9f8e7d6c5b4a";
/// The secret in the path of lists.
pub(crate) const TOKEN: &str = "lists-of-a-patient-sender";

/// Hangs up where there is no answer by then.
const TIME_TO_ANSWER: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);
const ATTEMPTS: usize = 600;

/// Where receivers listen now. Clones are the same list.
#[derive(Debug, Clone)]
pub(crate) struct Receivers(Arc<Mutex<Vec<SocketAddr>>>);

impl Receivers {
    pub(crate) fn at(addresses: impl Into<Vec<SocketAddr>>) -> Self {
        Self(Arc::new(Mutex::new(addresses.into())))
    }

    /// One of them was started anew.
    pub(crate) fn set(&self, which: usize, address: SocketAddr) {
        self.0.lock().unwrap()[which] = address;
    }

    /// They take turns.
    fn get(&self, turn: usize) -> SocketAddr {
        let addresses = self.0.lock().unwrap();
        addresses[turn % addresses.len()]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// It says that this is a duplicate of what was handled.
    pub(crate) replayed: bool,
    /// It says when to come again.
    pub(crate) retry_after: bool,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// "Not now": 503, and when to come again.
    pub(crate) fn is_not_now(&self) -> bool {
        self.status == 503 && self.retry_after
    }

    fn is_retried(&self) -> bool {
        matches!(self.status, 408 | 409 | 425 | 429 | 500..600)
    }
}

/// Sends an event until it is acknowledged, to one receiver after the other, and tells what came
/// of each attempt: no answer where the connection broke.
pub(crate) async fn deliver(id: &str, receivers: &Receivers, first: usize) -> Vec<Option<Answer>> {
    deliver_saying(id, receivers, first, || {}).await
}

/// The same, and says so before each attempt.
pub(crate) async fn deliver_saying(
    id: &str,
    receivers: &Receivers,
    first: usize,
    say: impl Fn(),
) -> Vec<Option<Answer>> {
    let mut answers = Vec::new();
    for turn in (first..).take(ATTEMPTS) {
        say();
        let answer = Line::to(receivers.get(turn)).send(id).await;
        answers.push(answer);
        match answer {
            Some(answer) if answer.is_success() => return answers,
            Some(answer) => assert!(answer.is_retried(), "{id} is given up: {answers:?}"),
            None => {}
        }
        sleep(PAUSE).await;
    }
    panic!("{id} is given up: {answers:?}");
}

/// A connection that is kept.
#[derive(Debug)]
pub(crate) struct Line {
    to: SocketAddr,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Line {
    pub(crate) fn to(to: SocketAddr) -> Self {
        Self { to, open: None }
    }

    /// Sends the event once, signed now.
    pub(crate) async fn send(&mut self, id: &str) -> Option<Answer> {
        let answer = timeout(TIME_TO_ANSWER, self.exchange(id)).await;
        let answer = answer.ok().flatten();
        if answer.is_none() {
            self.open = None;
        }
        answer
    }

    /// The same, however long the answer takes.
    pub(crate) async fn exchange(&mut self, id: &str) -> Option<Answer> {
        let sender = match &mut self.open {
            Some(sender) => sender,
            none => none.insert(connect(self.to).await?),
        };
        sender.ready().await.ok()?;
        let response = sender.send_request(request(id)).await.ok()?;
        let (parts, body) = response.into_parts();
        body.collect().await.ok()?;
        Some(Answer {
            status: parts.status.as_u16(),
            replayed: (parts.headers.get("idempotent-replayed")).is_some_and(|it| it == "true"),
            retry_after: parts.headers.contains_key("retry-after"),
        })
    }
}

pub(crate) async fn connect(to: SocketAddr) -> Option<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(to).await.ok()?;
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}

/// An event; or a list, where there are several ids with commas between.
fn request(id: &str) -> Request<Full<Bytes>> {
    if id.contains(',') {
        return list(id.split(','));
    }
    let body = format!(
        r#"{{"id":"{id}","type":"conversion.completed","created_at":"2026-05-04T13:00:00Z","data":{{}}}}"#
    );
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{now}.{body}").as_bytes());
    let mac = HEXLOWER.encode(&mac.finalize().into_bytes());
    Request::post("/hooks")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("x-blendfi-event-id", id)
        .header("x-blendfi-signature", format!("t={now},v1={mac}"))
        .body(Full::from(body))
        .unwrap()
}

/// Several events in one request to a secret path.
fn list<'a>(ids: impl Iterator<Item = &'a str>) -> Request<Full<Bytes>> {
    let ids: Vec<_> = ids.map(|id| format!(r#"{{"id":"{id}"}}"#)).collect();
    Request::post(format!("/lists/{TOKEN}"))
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::from(format!(r#"{{"payments":[{}]}}"#, ids.join(","))))
        .unwrap()
}
