//! What is done to the receivers of a Postgres, and to it.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::plan::Random;
use super::process::{Process, signal};
use super::receiver::{LEASE, Orders};
use super::sender::Receivers;
use super::sql_support::Postgres;
use super::sql_support::proxy::{Fault, Proxy};

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A receiver is killed with the answer to one of its statements on its way, whichever that is.
    KilledAtAStatement,
    /// The same at a statement of a handler's transaction.
    KilledInATransaction,
    /// A connection breaks before the server sees a COMMIT of a handler's transaction.
    CutBeforeTheCommit,
    /// It breaks with the answer to that on its way.
    CutAfterTheCommit,
    /// A connection breaks at some statement.
    Cut,
    /// A receiver is stopped past its lease with a transaction open.
    Frozen,
    /// Postgres is killed and started again.
    PostgresKilled,
    /// An operator ends all sessions.
    SessionsEnded,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::KilledAtAStatement,
        Self::KilledInATransaction,
        Self::CutBeforeTheCommit,
        Self::CutAfterTheCommit,
        Self::Cut,
        Self::Frozen,
        Self::PostgresKilled,
        Self::SessionsEnded,
    ];
}

/// So long a fault waits for its moment, and so often: what it waits for comes many times a second.
const LIMIT: Duration = Duration::from_secs(3);
const TRIES: u32 = 12;
const MORE: usize = 64;

/// Two receivers, each with a proxy before one Postgres.
pub(crate) struct World {
    pub(crate) server: Postgres,
    proxies: [Proxy; 2],
    processes: [Option<Process>; 2],
    pub(crate) receivers: Receivers,
}

impl World {
    pub(crate) async fn around(server: Postgres) -> Self {
        let proxies = [
            Proxy::before(server.port).await,
            Proxy::before(server.port).await,
        ];
        let mut processes = [None, None];
        let mut addresses = Vec::new();
        for (proxy, place) in proxies.iter().zip(&mut processes) {
            let process = Process::start(&Orders { store: proxy.url() }).await;
            addresses.push(process.address);
            *place = Some(process);
        }
        Self {
            server,
            proxies,
            processes,
            receivers: Receivers::at(addresses),
        }
    }

    /// Has something fail, and waits until what can be mended is. It may allow more events for that.
    pub(crate) async fn suffer(
        &mut self,
        kind: Kind,
        random: &mut Random,
        allowed: &watch::Sender<usize>,
    ) {
        let which = random.below(2);
        let some = random.below(40);
        match kind {
            Kind::KilledAtAStatement => self.kill(allowed, which, (some, Of::Any)).await,
            Kind::KilledInATransaction => {
                self.kill(allowed, which, (some % 5, Of::OneTransaction))
                    .await;
            }
            Kind::CutBeforeTheCommit => {
                self.cut(allowed, which, (0, Of::Commits), Fault::CutsBefore)
                    .await;
            }
            Kind::CutAfterTheCommit => {
                self.cut(allowed, which, (0, Of::Commits), Fault::CutsAfter)
                    .await;
            }
            Kind::Cut => {
                let fault = [Fault::CutsBefore, Fault::CutsAfter][random.below(2)];
                self.cut(allowed, which, (some, Of::Any), fault).await;
            }
            Kind::Frozen => self.freeze(allowed, which).await,
            Kind::PostgresKilled => {
                self.server.kill();
                sleep(Duration::from_millis(100)).await;
                self.server.restart();
            }
            Kind::SessionsEnded => {
                let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                              WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
                self.server.ask(others);
            }
        }
    }

    async fn kill(&mut self, allowed: &watch::Sender<usize>, which: usize, moment: (usize, Of)) {
        self.strike(allowed, which, moment, Fault::Stalls, || {})
            .await;
        self.processes[which].take().unwrap().kill().await;
        self.proxies[which].plan(|_| Fault::Passes);
        let store = self.proxies[which].url();
        let process = Process::start(&Orders { store }).await;
        self.receivers.set(which, process.address);
        self.processes[which] = Some(process);
    }

    async fn cut(
        &mut self,
        allowed: &watch::Sender<usize>,
        which: usize,
        moment: (usize, Of),
        fault: Fault,
    ) {
        self.strike(allowed, which, moment, fault, || {}).await;
        self.proxies[which].plan(|_| Fault::Passes);
    }

    /// With the row of an account locked.
    async fn freeze(&mut self, allowed: &watch::Sender<usize>, which: usize) {
        let pid = self.processes[which].as_ref().unwrap().pid;
        let stop = move || signal(pid, "-STOP");
        self.strike(allowed, which, (0, Of::Effects), Fault::Passes, stop)
            .await;
        self.proxies[which].plan(|_| Fault::Passes);
        sleep(LEASE + Duration::from_millis(1_500)).await;
        signal(pid, "-CONT");
    }

    /// Waits until it has come to that.
    async fn strike(
        &self,
        allowed: &watch::Sender<usize>,
        which: usize,
        (left, of): (usize, Of),
        fault: Fault,
        also: impl Fn() + Clone + Send + 'static,
    ) {
        for _ in 0..TRIES {
            let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
            let (mut moment, mut struck, also) = (Moment::after(left, of), false, also.clone());
            self.proxies[which].plan_each(move |connection, message| {
                if struck || !moment.is_here(connection, message) {
                    return Fault::Passes;
                }
                struck = true;
                also();
                let _ = told.send(());
                fault
            });
            if let Ok(Some(())) = timeout(LIMIT, heard.recv()).await {
                return;
            }
            // The other receiver was faster with all there was.
            allowed.send_modify(|count| *count += MORE);
        }
        panic!("receiver {which} does not come to the moment {left} of {of:?}");
    }
}

/// Which messages count.
#[derive(Debug, Clone, Copy)]
enum Of {
    Any,
    /// Those of one transaction of a handler.
    OneTransaction,
    Commits,
    /// The first statement of a handler.
    Effects,
}

/// The message after so many of its kind.
struct Moment {
    left: usize,
    of: Of,
    /// How many messages each transaction of a handler has had, by its connection.
    handlers: HashMap<usize, usize>,
}

impl Moment {
    fn after(left: usize, of: Of) -> Self {
        Self {
            left,
            of,
            handlers: HashMap::new(),
        }
    }

    fn is_here(&mut self, connection: usize, message: &[u8]) -> bool {
        let has = |sql: &[u8]| message.windows(sql.len()).any(|part| part == sql);
        // A simple query, and the end of a step of any other.
        let ends = matches!(message.first(), Some(b'Q' | b'S'));
        if has(b"SET LOCAL tower_webhook.tx") {
            self.handlers.insert(connection, 0);
        }
        let before = self.handlers.get(&connection).copied();
        if ends && let Some(count) = self.handlers.get_mut(&connection) {
            *count += 1;
        }
        let is_commit = has(b"COMMIT\0");
        if is_commit {
            self.handlers.remove(&connection);
        }
        match self.of {
            Of::Any => {
                let is_here = ends && self.left == 0;
                self.left -= usize::from(ends && self.left > 0);
                is_here
            }
            Of::OneTransaction => ends && before == Some(self.left),
            Of::Commits => before.is_some() && is_commit,
            Of::Effects => ends && before == Some(1),
        }
    }
}
