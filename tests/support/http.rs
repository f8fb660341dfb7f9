//! A plain HTTP/1.1 client that sees the bytes: requests whole or in pieces, one response.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Nothing here takes longer, whatever the server does.
const LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub(crate) struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self {
            line: format!("{method} {path} HTTP/1.1"),
            headers: vec![("host".into(), "hooks.test".into())],
            body: Vec::new(),
        }
    }

    pub(crate) fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The body, announced by its length.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("content-length", &length)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.line);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        head.into_bytes()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// In the order in which they came.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// All that came, without the `date` line.
    pub(crate) raw: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n == name);
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} stands twice: {self:?}");
        first
    }

    pub(crate) fn is_replayed(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }

    /// "Not now": 503, and when to come again.
    pub(crate) fn is_not_now(&self) -> bool {
        self.status == 503 && self.header("retry-after").is_some()
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

pub(crate) struct Connection(TcpStream);

impl Connection {
    pub(crate) async fn open(addr: SocketAddr) -> Self {
        let stream = limited(TcpStream::connect(addr)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        limited(self.0.write_all(bytes)).await.unwrap();
    }

    /// Hangs up, without a word and without reading what may have come.
    pub(crate) fn hang_up(self) {
        drop(self);
    }

    /// Ends the sending half, as a sender that is cut off does.
    pub(crate) async fn shut_down(&mut self) {
        let _ = limited(self.0.shutdown()).await;
    }

    /// One response; an error where the server closes before its end.
    pub(crate) async fn read(&mut self) -> io::Result<Response> {
        limited(read_response(&mut self.0)).await
    }
}

async fn limited<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(LIMIT, work)
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
}

/// Sends a request on a connection of its own and reads the response.
pub(crate) async fn send(addr: SocketAddr, request: &Request) -> Response {
    try_send(addr, request).await.unwrap()
}

pub(crate) async fn try_send(addr: SocketAddr, request: &Request) -> io::Result<Response> {
    let mut connection = Connection::open(addr).await;
    connection.write(&request.bytes()).await;
    connection.read().await
}

async fn read_response(stream: &mut TcpStream) -> io::Result<Response> {
    let mut raw = Vec::new();
    let end = loop {
        if let Some(at) = find(&raw, b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, &mut raw).await?;
    };
    let head = String::from_utf8_lossy(&raw[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    let status = status.split(' ').nth(1).and_then(|s| s.parse().ok());
    let status = status.ok_or(io::ErrorKind::InvalidData)?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let value = |name: &str| {
        let found = headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    };
    let mut body = Vec::new();
    if value("transfer-encoding") == Some("chunked") {
        let mut at = end;
        loop {
            let line = loop {
                if let Some(length) = find(&raw[at..], b"\r\n") {
                    break String::from_utf8_lossy(&raw[at..at + length]).into_owned();
                }
                more(stream, &mut raw).await?;
            };
            at += line.len() + 2;
            let size = usize::from_str_radix(line.trim(), 16);
            let size = size.map_err(|_| io::ErrorKind::InvalidData)?;
            while raw.len() < at + size + 2 {
                more(stream, &mut raw).await?;
            }
            body.extend_from_slice(&raw[at..at + size]);
            at += size + 2;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = value("content-length").and_then(|v| v.parse::<usize>().ok()) {
        while raw.len() < end + length {
            more(stream, &mut raw).await?;
        }
        body.extend_from_slice(&raw[end..end + length]);
    }
    let date = value("date").map(|date| format!("date: {date}\r\n"));
    if let Some(date) = date
        && let Some(at) = find(&raw, date.as_bytes())
    {
        raw.drain(at..at + date.len());
    }
    Ok(Response {
        status,
        headers,
        body,
        raw,
    })
}

async fn more(stream: &mut TcpStream, raw: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(raw).await? {
        0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        _ => Ok(()),
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}
