//! The places where events are kept: a file, or servers.

use std::path::PathBuf;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::task::block_in_place;
use tower_webhook::SqliteStore;
use tower_webhook::inbox::{PostgresInbox, RedisInbox, SharedInbox, SqliteInbox};

use crate::args::Backend;
use crate::{redis_support, sql_support};

const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];
/// The default number of partitions of an inbox in Redis, and how many move at once.
const PARTITIONS: u64 = 256;
const MOVED: u64 = 8;

#[allow(clippy::large_enum_variant, reason = "there is one of them")]
pub(crate) enum Server {
    File(PathBuf),
    Postgres(sql_support::Postgres, sql_support::proxy::Proxy),
    Redis(redis_support::Server, redis_support::proxy::Proxy),
    Sentinel(redis_support::Sentinel),
    Cluster(redis_support::Cluster),
}

impl Server {
    /// Starts it; returns the URL or path for receivers and workers.
    pub(crate) async fn start(backend: Backend) -> (Self, String) {
        match backend {
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
                (Self::File(folder), path.display().to_string())
            }
            Backend::Postgres => {
                let settings = ["max_connections=200", "max_wal_size=256MB"];
                let server = block_in_place(|| sql_support::Postgres::with(&settings));
                let inbox = PostgresInbox::builder(server.url()).migrate();
                drop(inbox.connect().await.unwrap());
                server.ask("CREATE TABLE effects (event text NOT NULL)");
                let proxy = sql_support::proxy::Proxy::before(server.port).await;
                let url = proxy.url();
                (Self::Postgres(server, proxy), url)
            }
            Backend::Redis => {
                let server = block_in_place(|| redis_support::Server::with(&DURABLE));
                let proxy = redis_support::proxy::Proxy::before(server.port).await;
                let url = proxy.url();
                (Self::Redis(server, proxy), url)
            }
            Backend::Sentinel => {
                let servers = block_in_place(|| redis_support::Sentinel::with(&DURABLE));
                // A busy machine is not a dead one.
                servers.set_patience(2_000);
                let url = servers.url();
                (Self::Sentinel(servers), url)
            }
            Backend::Cluster => {
                let servers = block_in_place(|| redis_support::Cluster::with(&DURABLE));
                let url = servers.url();
                (Self::Cluster(servers), url)
            }
        }
    }

    /// Kills it, or one of its servers, as a power cut would, and starts it again.
    pub(crate) fn kill_and_restart(&mut self, which: usize) {
        block_in_place(|| match self {
            Self::Postgres(server, _) => {
                server.kill();
                server.restart();
            }
            Self::Redis(server, _) => {
                server.kill();
                server.restart();
            }
            Self::Cluster(cluster) => {
                let which = which % cluster.masters.len();
                cluster.masters[which].kill();
                cluster.masters[which].restart();
                cluster.until_it_stands();
            }
            Self::File(_) | Self::Sentinel(_) => {}
        });
    }

    /// Restarts it if it has stopped for lack of disk space, as a supervisor would; returns whether
    /// it did.
    pub(crate) fn recover(&mut self) -> bool {
        block_in_place(|| match self {
            Self::Postgres(server, _) => {
                let has_ended = server.has_ended();
                if has_ended {
                    server.kill();
                    server.restart();
                }
                server.until_it_answers();
                has_ended
            }
            Self::Redis(server, _) => {
                let has_ended = server.has_ended();
                if has_ended {
                    server.kill();
                    server.restart();
                }
                has_ended
            }
            Self::File(_) | Self::Sentinel(_) | Self::Cluster(_) => false,
        })
    }

    /// Kills a master and waits until its replica has replaced it and the old master is the
    /// replica.
    pub(crate) fn fail_over(&mut self) {
        if let Self::Sentinel(servers) = self {
            block_in_place(|| servers.fail_over());
        }
    }

    /// Moves some of the slots that hold events, each to the next master.
    pub(crate) fn move_slots(&self, which: u64) {
        if let Self::Cluster(cluster) = self {
            block_in_place(|| {
                for place in which..which + MOVED {
                    let key = format!("wh:default:{{{}}}:~q", place % PARTITIONS);
                    cluster.move_slot(cluster.slot_of(&key), 20);
                }
            });
        }
    }

    pub(crate) fn freeze(&self, which: usize, is_frozen: bool) {
        let redis = |server: &redis_support::Server| match is_frozen {
            true => server.freeze(),
            false => server.thaw(),
        };
        match self {
            Self::Postgres(server, _) => server.signal(if is_frozen { "-STOP" } else { "-CONT" }),
            Self::Redis(server, _) => redis(server),
            Self::Sentinel(servers) => redis(&servers.master),
            Self::Cluster(cluster) => redis(&cluster.masters[which % cluster.masters.len()]),
            Self::File(_) => {}
        }
    }

    pub(crate) fn cut_all(&self) {
        let redis = |server: &redis_support::Server| {
            let _ = server.try_ask(&["CLIENT", "KILL", "TYPE", "normal"]);
        };
        match self {
            Self::Postgres(server, _) => drop(server.ask(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                 WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
            )),
            Self::Redis(server, _) => redis(server),
            Self::Sentinel(servers) => redis(&servers.master),
            Self::Cluster(cluster) => cluster.masters.iter().for_each(redis),
            Self::File(_) => {}
        }
    }

    /// Cuts the connection of one of the next commands: either after it, with its reply in flight,
    /// or before.
    pub(crate) fn spoil(&self, is_reply: bool, which: u64) {
        let mut left = Some(which % 40);
        let mut now = move || {
            let is_here = left == Some(0);
            left = left.and_then(|left| left.checked_sub(1));
            is_here
        };
        match self {
            Self::Postgres(_, proxy) => {
                use sql_support::proxy::Fault;
                proxy.plan(move |_| match (now(), is_reply) {
                    (true, true) => Fault::CutsAfter,
                    (true, false) => Fault::CutsBefore,
                    (false, _) => Fault::Passes,
                });
            }
            Self::Redis(_, proxy) => {
                use redis_support::proxy::Fault;
                proxy.plan(move |_| match (now(), is_reply) {
                    (true, true) => Fault::CutsAfter,
                    (true, false) => Fault::CutsBefore,
                    (false, _) => Fault::Passes,
                });
            }
            Self::File(_) | Self::Sentinel(_) | Self::Cluster(_) => {}
        }
    }

    pub(crate) fn heal(&self) {
        match self {
            Self::Postgres(_, proxy) => proxy.plan(|_| sql_support::proxy::Fault::Passes),
            Self::Redis(_, proxy) => proxy.heal(),
            Self::File(_) | Self::Sentinel(_) | Self::Cluster(_) => {}
        }
    }

    /// The inbox through a connection without faults.
    pub(crate) async fn inbox(&self) -> SharedInbox {
        let redis = async |url: String| {
            let inbox = RedisInbox::builder(url).deadline(Duration::from_secs(5));
            SharedInbox::new(inbox.connect().await.unwrap())
        };
        match self {
            Self::File(folder) => {
                SharedInbox::new(SqliteInbox::connect(folder.join("inbox.db")).await.unwrap())
            }
            Self::Postgres(server, _) => {
                SharedInbox::new(PostgresInbox::connect(server.url()).await.unwrap())
            }
            Self::Redis(server, _) => redis(server.url()).await,
            Self::Sentinel(servers) => redis(servers.url()).await,
            Self::Cluster(cluster) => redis(cluster.url()).await,
        }
    }

    /// How often each event's effect is in the table of handlers' transactions.
    pub(crate) async fn effects(&self) -> Vec<(String, i64)> {
        match self {
            Self::File(folder) => {
                let options = SqliteConnectOptions::new().filename(folder.join("inbox.db.tx"));
                let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
                let query = sqlx::query_as("SELECT event, count(*) FROM effects GROUP BY event");
                query.fetch_all(&mut conn).await.unwrap()
            }
            Self::Postgres(server, _) => {
                let rows = server.ask("SELECT event, count(*) FROM effects GROUP BY event");
                let rows = rows.lines().filter_map(|row| row.split_once('|'));
                rows.map(|(event, count)| (event.to_owned(), count.parse().unwrap()))
                    .collect()
            }
            Self::Redis(..) | Self::Sentinel(_) | Self::Cluster(_) => Vec::new(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Self::File(folder) = self {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
