//! From accepted to done: our inbox and its worker, beside `apalis` on the same database, with handlers that
//! do nothing. peers/README.md says how to run it; `-- --quick` takes few rounds, `-- redis` a part.
//!
//! - *queued*: a worker works off events of 1 KiB that are there.
//! - *coming*: a worker works off what 64 tasks hand over, each one event after the other.
//!
//! An event counts once its database says that it is done. Our events are deliveries that are verified, and
//! known by their keys from then on; theirs are texts. `apalis` is set as its documentation says but for this:
//! it looks every millisecond where it finds nothing, not every 30 seconds, and SQLite has `synchronous=FULL`
//! on all connections, where its `setup` turns that off on one. Ours has 64 handlers at once; `apalis` begins all that it
//! has fetched. Ours is as it is shipped.
//!
//! Both take turns in short rounds, each with a database of its own. SQLite is on a disk. Postgres and Redis
//! keep nothing on one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../../../../benches/common/mod.rs"]
mod common;
mod ours;
mod queue;
#[path = "../../../../tests/redis_support/mod.rs"]
mod redis_support;
#[path = "../../../../tests/sql_support/mod.rs"]
mod sql_support;
mod theirs;

use std::path::PathBuf;
use std::time::Duration;

use common::Result;
use common::measured::{Bound, Table};
use common::medians::Medians;
use ours::Ours;
use queue::{Queue, coming, queued};
use sql_support::Postgres;
use tower_webhook::inbox::{PostgresInbox, RedisInbox, SqliteInbox};

/// As long as no call takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);
/// Connections to Postgres, on both sides.
const CONNECTIONS: u32 = 8;
/// Times theirs, on each database.
const REQUIRED: Bound = Bound::AtLeast(2.0);

/// What a round brought one side: queued and coming events per second.
type Rates = [f64; 2];

async fn rates<Q: Queue>(
    mut queue: impl AsyncFnMut(&str) -> Result<Q>,
    side: &str,
    events: u32,
) -> Result<Rates> {
    let queued = queued(queue(&format!("{side}_queued")).await?, events).await;
    let coming = coming(queue(&format!("{side}_coming")).await?, events).await;
    Ok([queued, coming])
}

/// Tells of rounds of theirs and ours.
fn tell(database: &str, rounds: &[[Rates; 2]]) {
    let title = format!("From accepted to done on {database}, 1 KiB, handlers that do nothing");
    let table = Table::new("peers-inbox", &title);
    for (number, row) in ["queued", "coming"].into_iter().enumerate() {
        let rates = |[theirs, ours]: &[Rates; 2]| (theirs[number], ours[number]);
        let rates = Medians::of(rounds.iter().map(rates));
        table.put(row, "`apalis`", "events/s", rates.first);
        table.put(row, "ours", "events/s", rates.second);
        table.require(row, "ours ÷ `apalis`", "", rates, REQUIRED);
    }
}

/// A folder of the build, on a disk.
fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-inbox-peers");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

async fn sqlite(rounds: usize) -> Result<()> {
    const EVENTS: u32 = 3_200;
    let folder = folder();
    let mut all = Vec::new();
    // The first one warms up.
    for round in 0..=rounds {
        let path = |name: &str| folder.join(format!("{name}-{round}.db"));
        let theirs = async |name: &str| theirs::sqlite(&path(name)).await;
        let theirs = rates(theirs, "theirs", EVENTS).await?;
        let ours = async |name: &str| {
            let inbox = SqliteInbox::builder(path(name)).deadline(PATIENCE);
            Ours::of(inbox.connect().await?)
        };
        let ours = rates(ours, "ours", EVENTS).await?;
        if round > 0 {
            all.push([theirs, ours]);
        }
    }
    tell("SQLite", &all);
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}

async fn postgres(rounds: usize) -> Result<()> {
    const EVENTS: u32 = 3_200;
    let server = Postgres::start();
    let mut all = Vec::new();
    for round in 0..=rounds {
        let database = |name: &str| {
            let name = format!("{name}_{round}");
            server.ask(&format!("CREATE DATABASE {name}"));
            let url = server.url();
            let (server, _) = url.rsplit_once('/').unwrap();
            format!("{server}/{name}")
        };
        let theirs = async |name: &str| theirs::postgres(&database(name)).await;
        let theirs = rates(theirs, "theirs", EVENTS).await?;
        let builder = |name: &str| {
            let inbox = PostgresInbox::builder(database(name)).deadline(PATIENCE);
            inbox.connections(CONNECTIONS).migrate()
        };
        let ours = async |name: &str| Ours::of(builder(name).connect().await?);
        let ours = rates(ours, "ours", EVENTS).await?;
        if round > 0 {
            all.push([theirs, ours]);
        }
    }
    tell("Postgres", &all);
    Ok(())
}

async fn redis(rounds: usize) -> Result<()> {
    // Of more that are due at once its script cannot push all: Lua unpacks 8,000 values at most.
    const EVENTS: u32 = 6_400;
    let server = redis_support::Server::start();
    let mut all = Vec::new();
    for round in 0..=rounds {
        let theirs = async |_: &str| {
            server.ask(&["FLUSHALL"]);
            theirs::redis(&server.url()).await
        };
        let theirs = rates(theirs, "theirs", EVENTS).await?;
        let builder = || {
            server.ask(&["FLUSHALL"]);
            RedisInbox::builder(server.url()).deadline(PATIENCE)
        };
        let ours = async |_: &str| Ours::of(builder().connect().await?);
        let ours = rates(ours, "ours", EVENTS).await?;
        if round > 0 {
            all.push([theirs, ours]);
        }
    }
    tell("Redis", &all);
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if !has("--bench") {
        println!("skipped: run it with `cargo bench`, see peers/README.md");
        return Ok(());
    }
    let rounds = if has("--quick") { 3 } else { 9 };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let parts = ["sqlite", "postgres", "redis"];
    let all = !parts.into_iter().any(has);
    if all || has("sqlite") {
        runtime.block_on(sqlite(rounds))?;
    }
    if all || has("postgres") {
        runtime.block_on(postgres(rounds))?;
    }
    if all || has("redis") {
        runtime.block_on(redis(rounds))?;
    }
    Ok(())
}
