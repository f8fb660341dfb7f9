//! A receiver process as its test holds it.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

/// No test's name is like this, so that no filter starts a receiver.
const ARGUMENT: &str = "--be-the-receiver";

/// What a receiver prints once it stands where it was told to.
pub(crate) const STANDS: &str = "stands";

/// Nothing here takes as long as this unless it never happens.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Awaits `work`, and fails the test where that takes too long.
pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match timeout(LIMIT, work).await {
        Ok(done) => done,
        Err(_) => panic!("waited too long for {what}"),
    }
}

/// What this process is to do, if it was started as a receiver.
///
/// It ends with its standard input, and so with the test, however that ends.
pub(crate) fn orders<Orders: DeserializeOwned>() -> Option<Orders> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next()? != ARGUMENT {
        return None;
    }
    let orders = serde_json::from_str(&arguments.next().unwrap()).unwrap();
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    Some(orders)
}

#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub(crate) pid: u32,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts one, and waits until it listens.
    pub(crate) async fn start(orders: &impl Serialize) -> Self {
        let mut child = tokio::process::Command::new(std::env::current_exe().unwrap())
            .arg(ARGUMENT)
            .arg(serde_json::to_string(orders).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = within("a receiver to start", lines.next_line()).await;
        Self {
            pid: child.id().unwrap(),
            address: address.unwrap().unwrap().parse().unwrap(),
            child,
            lines,
        }
    }

    /// Waits until it stands where it was told to.
    pub(crate) async fn stands(&mut self) {
        let line = self.lines.next_line().await.unwrap();
        assert_eq!(line.as_deref(), Some(STANDS));
    }

    /// Kills it, and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// It stays connected and does nothing.
    pub(crate) fn stop(&self) {
        signal(self.pid, "-STOP");
    }

    pub(crate) fn go_on(&self) {
        signal(self.pid, "-CONT");
    }
}

/// Sends a process a signal.
pub(crate) fn signal(pid: u32, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}
