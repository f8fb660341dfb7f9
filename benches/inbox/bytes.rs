//! The space of a 1 KiB event in an inbox: while it waits with its body, and once it is done.

use std::time::Duration;

use axum::Router;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, query_scalar};
use tower_webhook::inbox::{Inbox, PostgresInbox, RedisInbox, SharedInbox, SqliteInbox};
use tower_webhook::worker::InboxExt;
use tower_webhook::{RouterExt, Webhook, event_handler};

use crate::common::measured::Table;
use crate::common::{self, Result};
use crate::folder;
use crate::rates::PATIENCE;
use crate::redis_support;
use crate::senders::{Server, send};
use crate::sql_support::Postgres;

/// Accepts and processes so many events; returns the space used per event before and after.
async fn sizes(
    inbox: SharedInbox,
    events: usize,
    mut used: impl AsyncFnMut() -> Result<f64>,
) -> Result<[f64; 2]> {
    let webhook = Webhook::new(common::blendfi()?)
        .inbox(inbox.clone())
        .build()?;
    let app = Router::new().webhook("/hooks", webhook.clone(), event_handler(async || {}));
    let server = Server::start(app).await?;
    // Allocates everything that is needed only once.
    send(server.address, 64).await?;
    let count = f64::from(u32::try_from(events)?);
    let empty = used().await?;
    send(server.address, events).await?;
    let waiting = used().await? - empty;
    let worker = inbox.worker().concurrency(64).on(&webhook, async || {});
    let worker = worker.build()?;
    let working = tokio::spawn(async move { worker.run().await });
    loop {
        let counts = inbox.counts().await?;
        if counts.queued + counts.waiting + counts.running == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    working.abort();
    let done = used().await? - empty;
    Ok([waiting / count, done / count])
}

pub(crate) async fn all(events: usize) -> Result<()> {
    let table = Table::new("inbox", "An event of 1 KiB in an inbox");
    let tell = |row: &str, [waiting, done]: [f64; 2]| {
        table.put(row, "waiting", "bytes", waiting);
        table.put(row, "done", "bytes", done);
    };
    let redis = redis_support::Server::start();
    let inbox = RedisInbox::builder(redis.url()).deadline(PATIENCE);
    let inbox = SharedInbox::new(inbox.connect().await?);
    let used = async || Ok(redis.steadily_used());
    tell("Redis", sizes(inbox, events, used).await?);

    let folder = folder("bench-inbox-bytes");
    let path = folder.join("inbox.db");
    let inbox = SqliteInbox::builder(&path).deadline(PATIENCE);
    let inbox = SharedInbox::new(inbox.connect().await?);
    let options = SqliteConnectOptions::new().filename(&path).read_only(true);
    let mut conn: SqliteConnection = options.connect().await?;
    let used = async || {
        let pages = "SELECT (p.page_count - f.freelist_count) * s.page_size
            FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s";
        let bytes: i64 = query_scalar(pages).fetch_one(&mut conn).await?;
        Ok(f64::from(u32::try_from(bytes)?))
    };
    tell("SQLite", sizes(inbox, events, used).await?);
    let _ = std::fs::remove_dir_all(folder);

    let postgres = Postgres::start();
    let inbox = PostgresInbox::builder(postgres.url()).deadline(PATIENCE);
    let inbox = SharedInbox::new(inbox.migrate().connect().await?);
    let used = async || {
        // Not counting the space that a vacuum frees.
        postgres.ask("VACUUM FULL");
        let bytes = postgres.ask(
            "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
             WHERE relkind = 'r' AND relname LIKE 'tower_webhook%'",
        );
        Ok(bytes.parse()?)
    };
    tell("Postgres", sizes(inbox, events, used).await?);
    Ok(())
}
