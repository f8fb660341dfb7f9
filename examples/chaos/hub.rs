//! The ledger, and the sink it relies on, in one process that is never killed. All other processes report their
//! actions over a connection, line by line; whatever was sent before a death still arrives.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The kind of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum What {
    /// The sender got success.
    Acked,
    /// A handler begins.
    Run,
    /// The sink took the effect of an event.
    Took,
    /// The sink already had the effect: by its key, it takes no second one.
    Again,
    /// The sink refused an effect because it knew a higher fence.
    Refused,
    /// A handler reports that it fails, before or after its effect.
    Failed,
    /// A handler reports that no retry can help.
    GaveUp,
    /// The inbox reports that the event is done.
    Done,
    /// A fault begins, or ends.
    Fault,
    Mended,
}

#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Microseconds since the start.
    pub(crate) at: u64,
    pub(crate) what: What,
    pub(crate) key: String,
    pub(crate) fence: u64,
    /// The process; 0 if it concerns more than one.
    pub(crate) pid: u32,
    pub(crate) text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            what,
            key,
            fence,
            pid,
            text,
        } = self;
        let (seconds, micros) = (at / 1_000_000, at % 1_000_000);
        let what = format!("{what:?}");
        write!(f, "{seconds:5}.{micros:06}  {what:8} {key:12}")?;
        if *fence > 0 {
            write!(f, " fence {fence}")?;
        }
        if *pid > 0 {
            write!(f, " process {pid}")?;
        }
        match text.is_empty() {
            true => Ok(()),
            false => write!(f, "  {text}"),
        }
    }
}

/// The sink's state for one event: the highest fence, and whether it has the effect.
#[derive(Default)]
struct Known {
    fence: u64,
    has_effect: bool,
}

/// The consequence of a fault for holders of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// This process dies, or all of them do.
    Kills(Option<u32>),
    /// This process is stopped.
    Stops(u32),
    /// The store is out of reach or does not answer.
    Away,
    /// The same, and what it acknowledged just before may be lost.
    Forgets,
    /// The clock that decides leases is set forward by this many seconds.
    Ahead(u64),
    /// The fault can end no lease.
    None,
}

/// A fault, and when it was repaired.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) begin: u64,
    pub(crate) end: u64,
    pub(crate) harm: Harm,
    pub(crate) text: String,
}

pub(crate) struct Hub {
    begun: Instant,
    lines: Mutex<Vec<Line>>,
    faults: Mutex<Vec<Fault>>,
    sink: Mutex<HashMap<String, Known>>,
    pub(crate) address: SocketAddr,
}

impl Hub {
    pub(crate) async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hub = Arc::new(Self {
            begun: Instant::now(),
            lines: Mutex::default(),
            faults: Mutex::default(),
            sink: Mutex::default(),
            address: listener.local_addr().unwrap(),
        });
        let own = Arc::clone(&hub);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let hub = Arc::clone(&own);
                tokio::spawn(async move {
                    let _ = hub.serve(stream).await;
                });
            }
        });
        hub
    }

    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap()
    }

    pub(crate) fn note(&self, what: What, key: &str, fence: u64, pid: u32, text: &str) {
        let mut lines = self.lines.lock().unwrap();
        lines.push(Line {
            at: self.now(),
            what,
            key: key.to_owned(),
            fence,
            pid,
            text: text.to_owned(),
        });
    }

    /// Records the start of a fault; returns its number.
    pub(crate) fn fault(&self, harm: Harm, text: &str) -> usize {
        let pid = match harm {
            Harm::Kills(Some(pid)) | Harm::Stops(pid) => pid,
            _ => 0,
        };
        self.note(What::Fault, "", 0, pid, text);
        let mut faults = self.faults.lock().unwrap();
        faults.push(Fault {
            begin: self.now(),
            end: u64::MAX,
            harm,
            text: text.to_owned(),
        });
        faults.len() - 1
    }

    /// Records the end of the fault with this number.
    pub(crate) fn mended(&self, fault: usize, text: &str) {
        self.note(What::Mended, "", 0, 0, text);
        self.faults.lock().unwrap()[fault].end = self.now();
    }

    pub(crate) fn faults(&self) -> Vec<Fault> {
        self.faults.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap().clone()
    }

    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        while let Some(line) = lines.next_line().await? {
            let mut words = line.splitn(5, ' ');
            let mut word = || words.next().unwrap_or_default().to_owned();
            let (verb, key) = (word(), word());
            let (fence, pid) = (word().parse().unwrap_or(0), word().parse().unwrap_or(0));
            let text = word();
            let what = match &*verb {
                "run" => What::Run,
                "failed" => What::Failed,
                "gave-up" => What::GaveUp,
                "done" => What::Done,
                // The sink, either correct or with a user's mistake: fences are not compared.
                "effect" | "blind" => self.effect(&key, fence, verb == "blind"),
                _ => continue,
            };
            self.note(what, &key, fence, pid, &text);
            write.write_all(format!("{what:?}\n").as_bytes()).await?;
        }
        Ok(())
    }

    /// The effect of the holder with this fence; refused if a higher fence was here before.
    fn effect(&self, key: &str, fence: u64, is_blind: bool) -> What {
        let mut sink = self.sink.lock().unwrap();
        let known = sink.entry(key.to_owned()).or_default();
        if fence < known.fence && !is_blind {
            return What::Refused;
        }
        known.fence = known.fence.max(fence);
        match std::mem::replace(&mut known.has_effect, true) {
            true => What::Again,
            false => What::Took,
        }
    }
}

/// The hub as seen from another process.
#[derive(Clone)]
pub(crate) struct Teller {
    stream: Arc<tokio::sync::Mutex<BufReader<TcpStream>>>,
}

impl Teller {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let stream = Arc::new(tokio::sync::Mutex::new(BufReader::new(stream)));
        Self { stream }
    }

    /// Reports an action of this process and returns the answer. After this call the action is in
    /// the ledger.
    pub(crate) async fn tell(&self, verb: &str, key: &str, fence: u64, text: &str) -> String {
        let (stream, pid) = (Arc::clone(&self.stream), std::process::id());
        let line = format!("{verb} {key} {fence} {pid} {text}\n");
        // In a task, so that a handler dropped midway leaves no answer behind for the next.
        let telling = tokio::spawn(async move {
            let mut stream = stream.lock().await;
            let mut answer = String::new();
            stream.get_mut().write_all(line.as_bytes()).await.unwrap();
            stream.read_line(&mut answer).await.unwrap();
            answer.trim_end().to_owned()
        });
        telling.await.unwrap()
    }
}
