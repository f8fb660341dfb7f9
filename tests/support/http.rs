//! A raw HTTP/1.1 client: it sends exactly the given bytes, and shows those it receives.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::wait::within;

/// A request, byte for byte.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: vec![("host".to_owned(), b"localhost".to_vec())],
            body: Vec::new(),
        }
    }

    pub(crate) fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    /// The same request with another method.
    pub(crate) fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// The same request to another target.
    pub(crate) fn target(mut self, target: &str) -> Self {
        target.clone_into(&mut self.target);
        self
    }

    /// Adds a header line.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Removes all header lines of this name.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// The head, with the correct body length.
    pub(crate) fn head(&self) -> Vec<u8> {
        self.head_announcing(self.body.len())
    }

    /// The head, announcing any length.
    pub(crate) fn head_announcing(&self, length: impl std::fmt::Display) -> Vec<u8> {
        self.head_with("content-length", &length.to_string())
    }

    /// The head of a chunked request.
    pub(crate) fn head_chunked(&self) -> Vec<u8> {
        self.head_with("transfer-encoding", "chunked")
    }

    fn head_with(&self, name: &str, value: &str) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(format!("{name}: {value}\r\n\r\n").as_bytes());
        bytes
    }

    /// The whole request.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head(), self.body.clone()].concat()
    }

    /// The whole request in chunks of this size.
    pub(crate) fn bytes_chunked(&self, size: usize) -> Vec<u8> {
        let mut bytes = self.head_chunked();
        for part in self.body.chunks(size) {
            bytes.extend_from_slice(&chunk(part));
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        bytes
    }

    /// The same, for a service that is called without a server.
    pub(crate) fn to_http<B: From<bytes::Bytes>>(&self) -> http::Request<B> {
        let mut request = http::Request::builder()
            .method(self.method.as_str())
            .uri(&self.target);
        for (name, value) in &self.headers {
            request = request.header(name, value.as_slice());
        }
        let body = bytes::Bytes::from(self.body.clone());
        request.body(B::from(body)).unwrap()
    }

    pub(crate) fn body_bytes(&self) -> &[u8] {
        &self.body
    }

    /// Sends it on its own connection and reads the answer.
    pub(crate) async fn send(&self, to: SocketAddr) -> Response {
        Connection::open(to).await.exchange(self).await
    }

    /// The same, in a task of its own.
    pub(crate) fn spawn(&self, to: SocketAddr) -> JoinHandle<Response> {
        let request = self.clone();
        tokio::spawn(async move { request.send(to).await })
    }
}

/// One chunk of a chunked body.
pub(crate) fn chunk(part: &[u8]) -> Vec<u8> {
    let size = format!("{:x}\r\n", part.len());
    [size.as_bytes(), part, b"\r\n"].concat()
}

/// A response, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// In order, with their names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The head as received, and the body.
    pub(crate) raw: Vec<u8>,
}

impl Response {
    /// The value of a header, which occurs at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(other, _)| other == name);
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} stands twice: {self:?}");
        first
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(crate) fn is_replayed(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }

    /// "Not now": 503, with the time after which to retry.
    pub(crate) fn is_not_now(&self) -> bool {
        self.status == 503 && self.header("retry-after").is_some()
    }

    /// The raw bytes without the `Date` line.
    pub(crate) fn without_date(&self) -> String {
        let text = String::from_utf8_lossy(&self.raw);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let lines: Vec<_> = head
            .split("\r\n")
            .filter(|line| !line.to_ascii_lowercase().starts_with("date:"))
            .collect();
        format!("{}\r\n\r\n{body}", lines.join("\r\n"))
    }
}

/// A connection to the server. Nothing on it takes longer than [`super::wait::LIMIT`].
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
    to_head: bool,
}

impl Connection {
    pub(crate) async fn open(to: SocketAddr) -> Self {
        let stream = within("a connection", TcpStream::connect(to)).await;
        Self::over(stream.unwrap())
    }

    /// A connection from this address, which belongs to this machine.
    pub(crate) async fn open_from(source: SocketAddr, to: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(source).unwrap();
        let stream = within("a connection", socket.connect(to)).await;
        Self::over(stream.unwrap())
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            read: Vec::new(),
            to_head: false,
        }
    }

    /// Sends a whole request and reads its answer.
    pub(crate) async fn exchange(&mut self, request: &Request) -> Response {
        self.send(&request.bytes()).await;
        self.response().await.expect("an answer")
    }

    /// Sends these bytes; it is not an error if the server has hung up.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        if self.read.is_empty() && bytes.starts_with(b"HEAD ") {
            self.to_head = true;
        }
        let _ = within("bytes to be sent", self.stream.write_all(bytes)).await;
    }

    /// Closes the sending side.
    pub(crate) async fn finish(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Hangs up without reading what may have arrived.
    pub(crate) fn hang_up(self) {
        drop(self);
    }

    /// Resets the connection.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }

    /// Reads one response; `None` if the connection ends without one.
    pub(crate) async fn response(&mut self) -> Option<Response> {
        within("an answer", self.read_response()).await
    }

    /// Whether the server has closed the connection and sent nothing more.
    pub(crate) async fn is_closed(&mut self) -> bool {
        within("the end", self.fill()).await == 0 && self.read.is_empty()
    }

    /// Whether the server has neither closed the connection nor sent anything more so far.
    pub(crate) async fn is_idle(&mut self) -> bool {
        let soon = timeout(Duration::from_millis(10), self.fill());
        soon.await.is_err() && self.read.is_empty()
    }

    async fn read_response(&mut self) -> Option<Response> {
        let end = loop {
            if let Some(at) = find(&self.read, b"\r\n\r\n") {
                break at + 4;
            }
            if self.fill().await == 0 {
                assert!(self.read.is_empty(), "a head that ends half-way");
                return None;
            }
        };
        let head = String::from_utf8(self.read[..end].to_vec()).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status: u16 = (lines.next().unwrap().split(' ').nth(1).unwrap())
            .parse()
            .unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap();
                (name.to_ascii_lowercase(), value.trim().to_owned())
            })
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let bodiless = self.to_head || status < 200 || status == 204 || status == 304;
        let length: usize = match length {
            _ if bodiless => 0,
            Some((_, length)) => length.parse().unwrap(),
            None => panic!("no answer here is chunked: {head}"),
        };
        while self.read.len() < end + length {
            assert_ne!(self.fill().await, 0, "a body that ends half-way");
        }
        let raw: Vec<u8> = self.read.drain(..end + length).collect();
        Some(Response {
            status,
            headers,
            body: raw[end..].to_vec(),
            raw,
        })
    }

    async fn fill(&mut self) -> usize {
        // A reset also counts as the end.
        self.stream.read_buf(&mut self.read).await.unwrap_or(0)
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}
