//! The servers and processes, and how processes are started and replaced.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::time::sleep;

use crate::args::{Args, Backend};
use crate::child::Orders;
use crate::disk::{Clocks, Disk};
use crate::hub::Hub;
use crate::server::Server;

/// The first argument of the rig's own processes.
pub(crate) const ROLE: &str = "--be-a-process-of-the-rig";
const RECEIVERS: usize = 2;
const WORKERS: usize = 3;

pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) pid: u32,
    is_worker: bool,
}

pub(crate) struct World {
    pub(crate) backend: Backend,
    pub(crate) server: Server,
    pub(crate) processes: Vec<Process>,
    /// The addresses of the receivers.
    pub(crate) addresses: Arc<Mutex<Vec<SocketAddr>>>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) disk: Option<Disk>,
    pub(crate) clocks: Clocks,
    /// How far ahead the clocks of servers and of processes are, in seconds.
    pub(crate) ahead: [u64; 2],
    pub(crate) flaw: Option<String>,
    orders: Orders,
}

impl World {
    pub(crate) async fn start(args: &Args, hub: Arc<Hub>) -> Self {
        let (disk, clocks) = (Disk::own(), Clocks::own());
        let (server, place) = Server::start(args.backend).await;
        let orders = Orders {
            is_worker: false,
            backend: args.backend,
            place,
            hub: hub.address,
            flaw: args.flaw.clone(),
        };
        let mut world = Self {
            backend: args.backend,
            server,
            processes: Vec::new(),
            addresses: Arc::default(),
            hub,
            disk,
            clocks,
            ahead: [0; 2],
            flaw: args.flaw.clone(),
            orders,
        };
        for number in 0..RECEIVERS + WORKERS {
            let (process, address) = world.spawn(number >= RECEIVERS).await;
            if !process.is_worker {
                world.addresses.lock().unwrap().push(address);
            }
            world.processes.push(process);
        }
        world
    }

    async fn spawn(&self, is_worker: bool) -> (Process, SocketAddr) {
        let orders = Orders {
            is_worker,
            ..self.orders.clone()
        };
        let begun = std::time::Instant::now();
        // A process that finds its file locked exits with a message, and a supervisor restarts it.
        let (child, address) = loop {
            let mut child = tokio::process::Command::new(std::env::current_exe().unwrap())
                .arg(ROLE)
                .arg(serde_json::to_string(&orders).unwrap())
                .envs(self.clocks.processes.environment())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            if let Some(address) = lines.next_line().await.unwrap() {
                break (child, address);
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "no process starts"
            );
            sleep(Duration::from_millis(100)).await;
        };
        let pid = child.id().unwrap();
        let process = Process {
            child,
            pid,
            is_worker,
        };
        (process, address.parse().unwrap())
    }

    /// The number of a worker or a receiver.
    pub(crate) fn one(&self, is_worker: bool, which: usize) -> usize {
        let of = (0..self.processes.len()).filter(|it| self.processes[*it].is_worker == is_worker);
        let of: Vec<_> = of.collect();
        of[which % of.len()]
    }

    /// Ends all processes: nothing happens after this.
    pub(crate) async fn end(&mut self) {
        for process in &mut self.processes {
            let _ = process.child.kill().await;
        }
    }

    /// Waits until a killed process is gone, and starts another one.
    pub(crate) async fn replace(&mut self, number: usize) {
        let _ = self.processes[number].child.wait().await;
        let (process, address) = self.spawn(self.processes[number].is_worker).await;
        if !process.is_worker {
            self.addresses.lock().unwrap()[number] = address;
        }
        self.processes[number] = process;
    }
}

pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}
