//! A receiver process as its test holds it.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

use super::receiver::Orders;

/// No test's name is like this, so that no filter starts a receiver.
const ARGUMENT: &str = "--be-the-receiver";

/// Nothing here takes as long as this unless it never happens.
const LIMIT: Duration = Duration::from_secs(60);

/// What this process is to do, if it was started as a receiver.
///
/// It ends with its standard input, and so with the test, however that ends.
pub(crate) fn orders() -> Option<Orders> {
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
    pub(crate) pid: u32,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts one, and waits until it listens.
    pub(crate) async fn start(orders: &Orders) -> Self {
        let mut child = tokio::process::Command::new(std::env::current_exe().unwrap())
            .arg(ARGUMENT)
            .arg(serde_json::to_string(orders).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = timeout(LIMIT, lines.next_line()).await;
        let address = address.expect("a receiver starts").unwrap().unwrap();
        Self {
            pid: child.id().unwrap(),
            address: address.parse().unwrap(),
            child,
        }
    }

    /// Kills it, and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// Sends a process a signal.
pub(crate) fn signal(pid: u32, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}
