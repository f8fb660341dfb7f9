//! A receiver process: on command it claims and completes new events on Redis, and does nothing
//! else.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tower_webhook::RedisStore;
use tower_webhook::store::{ClaimOutcome, Held, Store};

use crate::common::Result;
use crate::event;
use crate::processor::of_process;

/// The argument that makes this program a receiver.
pub(crate) const ARGUMENT: &str = "--receiver";
pub(crate) const IN_FLIGHT: usize = 64;
/// The core of all receivers; the Redis servers have the other one.
const CORE: &str = "1";
/// Longer than any call takes, however many wait for a core.
const PATIENCE: Duration = Duration::from_secs(10);
/// The size of each receiver's range of events, so that no two have an event in common.
const EVENTS_OF_ONE: u32 = 500_000_000;

/// For each input line with a number of milliseconds, works for that long. Then prints the number
/// of pairs, their time and their processor time, in nanoseconds. Runs until its standard input
/// ends.
pub(crate) fn run(url: &str, number: u32) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let store = runtime.block_on(RedisStore::builder(url).deadline(PATIENCE).connect())?;
    let next = Arc::new(AtomicU32::new(number * EVENTS_OF_ONE));
    // Opens connections and loads scripts before the first round.
    runtime.block_on(work(&store, &next, Duration::from_millis(100)));
    println!("ready");
    for line in std::io::stdin().lines() {
        let span = Duration::from_millis(line?.parse()?);
        let first = next.load(Ordering::Relaxed);
        let (busy, begun) = (of_process("self"), Instant::now());
        runtime.block_on(work(&store, &next, span));
        let took = begun.elapsed().as_nanos();
        let busy = of_process("self").saturating_sub(busy).as_nanos();
        println!("{} {took} {busy}", next.load(Ordering::Relaxed) - first);
    }
    Ok(())
}

async fn work(store: &RedisStore, next: &Arc<AtomicU32>, span: Duration) {
    let end = Instant::now() + span;
    let mut tasks = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (store, next) = (store.clone(), Arc::clone(next));
        tasks.spawn(async move {
            while Instant::now() < end {
                let claim = event::claim(next.fetch_add(1, Ordering::Relaxed));
                let ClaimOutcome::Claimed(grant) = store.claim(&claim).await.unwrap() else {
                    panic!("a new event is granted");
                };
                let complete = event::complete(&claim, grant);
                assert_eq!(store.complete(&complete).await.unwrap(), Held::Held);
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

/// The handle of such a process in the measuring one. The process ends with its standard input.
pub(crate) struct Receiver {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// The work of a receiver.
pub(crate) struct Done {
    pub(crate) pairs: f64,
    pub(crate) seconds: f64,
    /// The processor time.
    pub(crate) busy: f64,
}

impl Receiver {
    pub(crate) fn start(url: &str, number: u32) -> Result<Self> {
        let mut child = Command::new("taskset")
            .args(["-c", CORE])
            .arg(std::env::current_exe()?)
            .args([ARGUMENT, url, &number.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("taskset: {error}; scripts/bench installs it"))?;
        let orders = child.stdin.take();
        let answers = child.stdout.take().ok_or("the receiver has no output")?;
        let mut receiver = Self {
            child,
            orders,
            answers: BufReader::new(answers),
        };
        match receiver.line()?.as_str() {
            "ready" => Ok(receiver),
            other => Err(format!("the receiver says {other:?}").into()),
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// Starts its work; [`Receiver::done`] waits until it is finished.
    pub(crate) fn order(&mut self, span: Duration) -> Result<()> {
        let orders = self.orders.as_mut().ok_or("the receiver has no input")?;
        Ok(writeln!(orders, "{}", span.as_millis())?)
    }

    pub(crate) fn done(&mut self) -> Result<Done> {
        let line = self.line()?;
        let numbers: Vec<f64> = (line.split(' '))
            .map_while(|word| word.parse().ok())
            .collect();
        match numbers[..] {
            [pairs, took, busy] if pairs > 0.0 => Ok(Done {
                pairs,
                seconds: took / 1e9,
                busy: busy / 1e9,
            }),
            _ => Err(format!("the receiver says {line:?}").into()),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
