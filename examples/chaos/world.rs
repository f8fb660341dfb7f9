//! The servers, the processes, and what is done to them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::time::sleep;
use tower_webhook::SqliteStore;
use tower_webhook::inbox::{PostgresInbox, RedisInbox, SharedInbox, SqliteInbox};

use crate::args::{Args, Backend, Random};
use crate::child::{LEASE, Orders};
use crate::hub::{Hub, What};
use crate::{redis_support, sql_support};

/// Begins the arguments of a process of the rig's own.
pub(crate) const ROLE: &str = "--be-a-process-of-the-rig";
const RECEIVERS: usize = 2;
const WORKERS: usize = 3;

/// The server behind it all.
enum Server {
    File(PathBuf),
    Postgres(sql_support::Postgres, sql_support::proxy::Proxy),
    Redis(redis_support::Server, redis_support::proxy::Proxy),
}

struct Process {
    child: Child,
    pid: u32,
    is_worker: bool,
}

pub(crate) struct World {
    server: Server,
    processes: Vec<Process>,
    /// Where the receivers are.
    pub(crate) addresses: Arc<Mutex<Vec<SocketAddr>>>,
    hub: Arc<Hub>,
    orders: Orders,
}

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    KillWorker,
    KillReceiver,
    FreezeWorker,
    FreezeReceiver,
    KillServer,
    FreezeServer,
    CutAll,
    DropReply,
    CutRequest,
    KillAll,
}

impl World {
    pub(crate) async fn start(args: &Args, hub: Arc<Hub>) -> Self {
        let (server, place) = match args.backend {
            Backend::Sqlite => {
                let name = format!("tower-webhook-chaos-{}", std::process::id());
                let folder = std::env::temp_dir().join(name);
                std::fs::create_dir_all(&folder).unwrap();
                let path = folder.join("inbox.db");
                drop(SqliteInbox::connect(&path).await.unwrap());
                let tx = folder.join("inbox.db.tx");
                drop(SqliteStore::connect(&tx).await.unwrap());
                let options = SqliteConnectOptions::new().filename(&tx);
                let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
                let table = sqlx::query("CREATE TABLE effects (event TEXT NOT NULL)");
                table.execute(&mut conn).await.unwrap();
                (Server::File(folder), path.display().to_string())
            }
            Backend::Postgres => {
                let server =
                    blocking(|| sql_support::Postgres::with(&["max_connections=200"])).await;
                let inbox = PostgresInbox::builder(server.url())
                    .migrate()
                    .connect()
                    .await;
                drop(inbox.unwrap());
                server.ask("CREATE TABLE effects (event text NOT NULL)");
                let proxy = sql_support::proxy::Proxy::before(server.port).await;
                let url = proxy.url();
                (Server::Postgres(server, proxy), url)
            }
            Backend::Redis => {
                let durable = ["--appendonly", "yes", "--appendfsync", "always"];
                let server = blocking(move || redis_support::Server::with(&durable)).await;
                let proxy = redis_support::proxy::Proxy::before(server.port).await;
                let url = proxy.url();
                (Server::Redis(server, proxy), url)
            }
        };
        let orders = Orders {
            is_worker: false,
            backend: args.backend,
            place,
            hub: hub.address,
            flaw: args.flaw.clone(),
        };
        let mut world = Self {
            server,
            processes: Vec::new(),
            addresses: Arc::default(),
            hub,
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
        // One that finds its file locked ends and says so: a supervisor starts it again.
        let (child, address) = loop {
            let mut child = tokio::process::Command::new(std::env::current_exe().unwrap())
                .arg(ROLE)
                .arg(serde_json::to_string(&orders).unwrap())
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

    /// Does something, and mends it.
    pub(crate) async fn suffer(&mut self, random: &mut Random) {
        use Kind::{
            CutAll, CutRequest, DropReply, FreezeReceiver, FreezeServer, FreezeWorker, KillAll,
            KillReceiver, KillServer, KillWorker,
        };
        // What shows that fences count is a holder that comes back too late.
        let is_about_fences = self.orders.flaw.as_deref() == Some("fence-not-compared");
        let kinds: &[Kind] = match self.server {
            _ if is_about_fences => &[FreezeWorker],
            Server::File(_) => &[
                KillWorker,
                KillWorker,
                KillWorker,
                KillReceiver,
                KillReceiver,
                FreezeWorker,
                FreezeReceiver,
                KillAll,
            ],
            Server::Postgres(..) | Server::Redis(..) => &[
                KillWorker,
                KillWorker,
                KillReceiver,
                FreezeWorker,
                FreezeReceiver,
                KillServer,
                FreezeServer,
                CutAll,
                DropReply,
                DropReply,
                CutRequest,
            ],
        };
        let kind =
            kinds[usize::try_from(random.below(u64::try_from(kinds.len()).unwrap())).unwrap()];
        let which = random.below(64);
        match kind {
            KillWorker => self.kill(true, which).await,
            KillReceiver => self.kill(false, which).await,
            FreezeWorker => {
                let is_long = is_about_fences || random.below(2) == 0;
                self.freeze(true, which, is_long).await;
            }
            FreezeReceiver => self.freeze(false, which, false).await,
            KillAll => {
                self.hub
                    .note(What::Fault, "", 0, 0, "all processes are killed at once");
                for number in 0..self.processes.len() {
                    let _ = self.processes[number].child.start_kill();
                }
                for number in 0..self.processes.len() {
                    self.replace(number).await;
                }
                self.hub
                    .note(What::Mended, "", 0, 0, "all processes are back");
            }
            KillServer => {
                self.hub.note(What::Fault, "", 0, 0, "the server is killed");
                tokio::task::block_in_place(|| match &mut self.server {
                    Server::Postgres(server, _) => {
                        server.kill();
                        server.restart();
                    }
                    Server::Redis(server, _) => {
                        server.kill();
                        server.restart();
                    }
                    Server::File(_) => {}
                });
                self.hub.note(What::Mended, "", 0, 0, "the server is back");
            }
            FreezeServer => {
                self.hub.note(What::Fault, "", 0, 0, "the server is frozen");
                self.signal_server("-STOP");
                sleep(Duration::from_millis(300 + random.below(1_500))).await;
                self.signal_server("-CONT");
                self.hub.note(What::Mended, "", 0, 0, "the server goes on");
            }
            CutAll => {
                self.hub
                    .note(What::Fault, "", 0, 0, "all connections are cut");
                match &self.server {
                    Server::Postgres(server, _) => drop(server.ask(
                        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                         WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
                    )),
                    Server::Redis(server, _) => {
                        let _ = server.try_ask(&["CLIENT", "KILL", "TYPE", "normal"]);
                    }
                    Server::File(_) => {}
                }
                self.hub
                    .note(What::Mended, "", 0, 0, "they may connect again");
            }
            DropReply | CutRequest => self.spoil(kind == DropReply, which).await,
        }
    }

    fn one(&self, is_worker: bool, which: u64) -> usize {
        let of = (0..self.processes.len()).filter(|it| self.processes[*it].is_worker == is_worker);
        let of: Vec<_> = of.collect();
        of[usize::try_from(which).unwrap() % of.len()]
    }

    async fn kill(&mut self, is_worker: bool, which: u64) {
        let number = self.one(is_worker, which);
        let pid = self.processes[number].pid;
        self.hub.note(What::Fault, "", 0, pid, "killed");
        let _ = self.processes[number].child.start_kill();
        self.replace(number).await;
        self.hub
            .note(What::Mended, "", 0, pid, "another one is in its place");
    }

    /// Waits until a process that was killed is gone, and starts another one.
    async fn replace(&mut self, number: usize) {
        let _ = self.processes[number].child.wait().await;
        let (process, address) = self.spawn(self.processes[number].is_worker).await;
        if !process.is_worker {
            self.addresses.lock().unwrap()[number] = address;
        }
        self.processes[number] = process;
    }

    async fn freeze(&mut self, is_worker: bool, which: u64, is_long: bool) {
        let pid = self.processes[self.one(is_worker, which)].pid;
        self.hub.note(What::Fault, "", 0, pid, "frozen");
        signal(pid, "-STOP");
        let span = match is_long {
            // Past its lease.
            true => LEASE + Duration::from_millis(1_500),
            false => Duration::from_millis(500 + which * 10),
        };
        sleep(span).await;
        signal(pid, "-CONT");
        self.hub.note(What::Mended, "", 0, pid, "it goes on");
    }

    fn signal_server(&self, name: &str) {
        match &self.server {
            Server::Postgres(server, _) => server.signal(name),
            Server::Redis(server, _) if name == "-STOP" => server.freeze(),
            Server::Redis(server, _) => server.thaw(),
            Server::File(_) => {}
        }
    }

    /// Cuts the connection of one of the next commands: behind it, with its reply on the way, or before.
    async fn spoil(&self, is_reply: bool, which: u64) {
        let text = match is_reply {
            true => "a reply is dropped after the command ran, and its connection cut",
            false => "a connection is cut before the server sees a command",
        };
        self.hub.note(What::Fault, "", 0, 0, text);
        let mut left = Some(which % 40);
        let mut now = move || {
            let is_here = left == Some(0);
            left = left.and_then(|left| left.checked_sub(1));
            is_here
        };
        match &self.server {
            Server::Postgres(_, proxy) => {
                use sql_support::proxy::Fault;
                proxy.plan(move |_| match (now(), is_reply) {
                    (true, true) => Fault::CutsAfter,
                    (true, false) => Fault::CutsBefore,
                    (false, _) => Fault::Passes,
                });
            }
            Server::Redis(_, proxy) => {
                use redis_support::proxy::Fault;
                proxy.plan(move |_| match (now(), is_reply) {
                    (true, true) => Fault::CutsAfter,
                    (true, false) => Fault::CutsBefore,
                    (false, _) => Fault::Passes,
                });
            }
            Server::File(_) => {}
        }
        sleep(Duration::from_millis(700)).await;
        match &self.server {
            Server::Postgres(_, proxy) => proxy.plan(|_| sql_support::proxy::Fault::Passes),
            Server::Redis(_, proxy) => proxy.heal(),
            Server::File(_) => {}
        }
        self.hub.note(What::Mended, "", 0, 0, "commands pass again");
    }

    /// The inbox, as somebody sees it whom nothing befalls.
    pub(crate) async fn inbox(&self) -> SharedInbox {
        match &self.server {
            Server::File(folder) => {
                SharedInbox::new(SqliteInbox::connect(folder.join("inbox.db")).await.unwrap())
            }
            Server::Postgres(server, _) => {
                SharedInbox::new(PostgresInbox::connect(server.url()).await.unwrap())
            }
            Server::Redis(server, _) => {
                SharedInbox::new(RedisInbox::connect(server.url()).await.unwrap())
            }
        }
    }

    /// How often the effect of each event stands in the table of handlers' transactions.
    pub(crate) async fn effects(&self) -> Vec<(String, i64)> {
        match &self.server {
            Server::File(folder) => {
                let options = SqliteConnectOptions::new().filename(folder.join("inbox.db.tx"));
                let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
                let query = sqlx::query_as("SELECT event, count(*) FROM effects GROUP BY event");
                query.fetch_all(&mut conn).await.unwrap()
            }
            Server::Postgres(server, _) => {
                let rows = server.ask("SELECT event, count(*) FROM effects GROUP BY event");
                let rows = rows.lines().filter_map(|row| row.split_once('|'));
                rows.map(|(event, count)| (event.to_owned(), count.parse().unwrap()))
                    .collect()
            }
            Server::Redis(..) => Vec::new(),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Server::File(folder) = &self.server {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}
