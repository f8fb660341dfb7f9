//! A proxy in front of a server that disturbs traffic, request by request.
//!
//! A client that shares one connection matches replies by their order. A single reply is therefore
//! never left out: every fault ends the connection, or everything that follows in the same
//! direction.

use std::collections::VecDeque;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet, yield_now};
use tokio::time::{Instant, sleep_until, timeout};

use super::{LIMIT, code};

/// The scripts that change a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    Claim,
    Complete,
    Release,
    Renew,
    /// Claims and completions that are sent together.
    Each,
}

impl Script {
    /// The scripts that a single delivery calls.
    pub(crate) const ALL: [Self; 4] = [Self::Claim, Self::Complete, Self::Release, Self::Renew];
    const KNOWN: [Self; 5] = [
        Self::Claim,
        Self::Complete,
        Self::Release,
        Self::Renew,
        Self::Each,
    ];

    /// The script as the store sends it.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Claim => code::CLAIM,
            Self::Complete => code::COMPLETE,
            Self::Release => code::RELEASE,
            Self::Renew => code::RENEW,
            Self::Each => code::EACH,
        }
    }

    /// The script that a request calls, by hash or code.
    fn of(request: &[u8]) -> Option<Self> {
        static HASHES: LazyLock<[String; 5]> = LazyLock::new(|| {
            Script::KNOWN.map(|it| redis::Script::new(it.code()).get_hash().into())
        });
        let word = second_word(request)?;
        let mut named = Self::KNOWN.into_iter().zip(HASHES.iter());
        let called = |name: &str| word == name.as_bytes();
        let found = named.find(|(script, hash)| called(hash) || called(script.code()));
        found.map(|(script, _)| script)
    }
}

/// The treatment of a request and its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Passes,
    /// The connection breaks before the server sees the request.
    CutsBefore,
    /// The server gets half of the request.
    CutsInRequest,
    /// The server executes it, and the connection breaks before the reply gets through.
    CutsAfter,
    /// The same with half of the reply.
    CutsInReply,
    /// The server executes it, but no more replies get through on this connection.
    Stalls,
    /// No more requests get through on this connection, and no replies.
    Swallows,
    /// The reply arrives this long after the request.
    Late(Duration),
    /// Request and reply are passed on byte by byte.
    Drips,
}

type Plan = Box<dyn FnMut(Option<Script>) -> Fault + Send>;

/// The traffic so far.
#[derive(Debug, Default)]
struct Log {
    /// The bytes that clients have sent.
    bytes: usize,
    arrived: Vec<Script>,
    /// Faults that have happened; for a late reply, it has arrived and is being held back.
    struck: Vec<Script>,
    /// Replies that were passed on completely.
    answered: Vec<Script>,
}

struct Shared {
    plan: Mutex<Plan>,
    log: watch::Sender<Log>,
}

/// Runs in front of a server on this machine until it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A proxy in front of the server on this port, without faults.
    pub(crate) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            plan: Mutex::new(Box::new(|_| Fault::Passes)),
            log: watch::Sender::default(),
        });
        let own = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(pass(client, port, Arc::clone(&own)));
            }
        });
        Self {
            address,
            shared,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// From now on `plan` decides the treatment of each request; `None` is one that calls no
    /// script.
    pub(crate) fn plan(&self, plan: impl FnMut(Option<Script>) -> Fault + Send + 'static) {
        *self.shared.plan.lock().unwrap() = Box::new(plan);
    }

    /// The next requests of this kind get these faults, one after another; all others pass.
    pub(crate) fn next(&self, script: Script, faults: impl IntoIterator<Item = Fault>) {
        let mut faults: VecDeque<_> = faults.into_iter().collect();
        self.plan(move |called| match called {
            Some(called) if called == script => faults.pop_front().unwrap_or(Fault::Passes),
            _ => Fault::Passes,
        });
    }

    /// Every request gets this fault.
    pub(crate) fn always(&self, fault: Fault) {
        self.plan(move |_| fault);
    }

    /// Removes all faults. Connections that stall or swallow stay as they are.
    pub(crate) fn heal(&self) {
        self.always(Fault::Passes);
    }

    /// The number of bytes received from clients.
    pub(crate) fn bytes(&self) -> usize {
        self.shared.log.borrow().bytes
    }

    /// The number of requests of this kind received.
    pub(crate) fn arrived(&self, script: Script) -> usize {
        count(&self.shared.log.borrow().arrived, script)
    }

    pub(crate) async fn until_arrived(&self, script: Script, times: usize) {
        self.until("requests", |log| count(&log.arrived, script) >= times)
            .await;
    }

    /// The number of replies to requests of this kind that were passed on completely.
    pub(crate) fn answered(&self, script: Script) -> usize {
        count(&self.shared.log.borrow().answered, script)
    }

    pub(crate) async fn until_answered(&self, script: Script, times: usize) {
        self.until("replies", |log| count(&log.answered, script) >= times)
            .await;
    }

    /// The number of faults that have happened to requests of this kind.
    pub(crate) fn struck(&self, script: Script) -> usize {
        count(&self.shared.log.borrow().struck, script)
    }

    /// Waits until so many faults have happened to requests of this kind.
    pub(crate) async fn until_struck(&self, script: Script, times: usize) {
        self.until("faults", |log| count(&log.struck, script) >= times)
            .await;
    }

    async fn until(&self, what: &str, so: impl FnMut(&Log) -> bool) {
        let mut news = self.shared.log.subscribe();
        let seen = timeout(LIMIT, news.wait_for(so)).await;
        assert!(seen.is_ok(), "waited too long for {what} at the proxy");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn count(scripts: &[Script], wanted: Script) -> usize {
    scripts.iter().filter(|it| **it == wanted).count()
}

impl Shared {
    fn log(&self, note: impl FnOnce(&mut Log)) {
        self.log.send_modify(note);
    }

    fn struck(&self, script: Option<Script>) {
        self.log(|log| log.struck.extend(script));
    }
}

/// A request that was passed on, and the treatment of its reply.
struct Passed {
    script: Option<Script>,
    fault: Fault,
    at: Instant,
}

/// An end in either direction ends both, and closes both connections.
async fn pass(client: TcpStream, port: u16, shared: Arc<Shared>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (passed, passing) = mpsc::unbounded_channel();
    tokio::select! {
        _ = requests(from_client, to_server, passed, &shared) => {}
        _ = replies(from_server, to_client, passing, &shared) => {}
    }
}

async fn requests(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    passed: mpsc::UnboundedSender<Passed>,
    shared: &Shared,
) -> std::io::Result<()> {
    let (mut bytes, mut swallows) = (Vec::new(), false);
    loop {
        let read = client.read_buf(&mut bytes).await?;
        if read == 0 {
            return Ok(());
        }
        shared.log(|log| log.bytes += read);
        while let Some(length) = frame(&bytes) {
            let request: Vec<u8> = bytes.drain(..length).collect();
            let script = Script::of(&request);
            shared.log(|log| log.arrived.extend(script));
            let fault = (shared.plan.lock().unwrap())(script);
            swallows |= fault == Fault::Swallows;
            if swallows {
                shared.struck(script);
                continue;
            }
            match fault {
                Fault::CutsBefore => {
                    shared.struck(script);
                    return Ok(());
                }
                Fault::CutsInRequest => {
                    server.write_all(&request[..length / 2]).await?;
                    shared.struck(script);
                    return Ok(());
                }
                Fault::Drips => drip(&mut server, &request).await?,
                _ => server.write_all(&request).await?,
            }
            let at = Instant::now();
            let _ = passed.send(Passed { script, fault, at });
        }
    }
}

async fn replies(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    mut passing: mpsc::UnboundedReceiver<Passed>,
    shared: &Shared,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        if server.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
        while let Some(length) = frame(&bytes) {
            let reply: Vec<u8> = bytes.drain(..length).collect();
            let Some(Passed { script, fault, at }) = passing.recv().await else {
                return Ok(());
            };
            match fault {
                Fault::CutsAfter => {
                    shared.struck(script);
                    return Ok(());
                }
                Fault::CutsInReply => {
                    client.write_all(&reply[..length / 2]).await?;
                    shared.struck(script);
                    return Ok(());
                }
                Fault::Stalls => {
                    shared.struck(script);
                    pending::<()>().await;
                }
                Fault::Late(span) => {
                    shared.struck(script);
                    sleep_until(at + span).await;
                    client.write_all(&reply).await?;
                }
                Fault::Drips => drip(&mut client, &reply).await?,
                _ => client.write_all(&reply).await?,
            }
            shared.log(|log| log.answered.extend(script));
        }
    }
}

/// Yields between bytes, so that the reader receives them one by one.
async fn drip(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes {
        to.write_all(&[*byte]).await?;
        yield_now().await;
    }
    Ok(())
}

/// The length of the first complete RESP 2 value, the format of requests and replies.
fn frame(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|it| it == b"\r\n")?;
    let number = || -> i64 {
        let text = std::str::from_utf8(&bytes[1..line]).unwrap();
        text.parse().unwrap()
    };
    let mut end = line + 2;
    match bytes[0] {
        b'+' | b'-' | b':' => {}
        // A null has no bytes after its length line.
        b'$' => {
            if let Ok(length) = usize::try_from(number()) {
                end += length + 2;
            }
        }
        b'*' => {
            for _ in 0..number() {
                end += frame(bytes.get(end..)?)?;
            }
        }
        other => panic!("a value of RESP 2 does not begin with {other}"),
    }
    (end <= bytes.len()).then_some(end)
}

fn second_word(request: &[u8]) -> Option<&[u8]> {
    let mut at = request.windows(2).position(|it| it == b"\r\n")? + 2;
    at += frame(&request[at..])?;
    let word = request.get(at..)?;
    let length = frame(word)?;
    let begins = word.windows(2).position(|it| it == b"\r\n")? + 2;
    word.get(begins..length - 2)
}
