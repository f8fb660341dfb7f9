//! `apalis` on each database.

use std::path::Path;
use std::time::Duration;

use apalis::prelude::*;
use apalis_postgres::PostgresStorage;
use apalis_redis::{ConnectionManager, RedisStorage};
use apalis_sqlite::SqliteStorage;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::common::{Result, event};
use crate::queue::{Handled, Queue};
use crate::{CONNECTIONS, PATIENCE};

/// Tables and keys have it in their names.
const QUEUE: &str = "events";

/// How often an empty queue is looked at.
const OFTEN: Duration = Duration::from_millis(1);

async fn nothing(_: String, handled: Data<Handled>) {
    handled.count();
}

macro_rules! queue {
    ($name:ident, $storage:ty, $database:ty, $done:expr) => {
        #[derive(Clone)]
        pub(crate) struct $name {
            storage: $storage,
            database: $database,
        }

        impl Queue for $name {
            type Event = String;

            fn event(&self, number: u32) -> String {
                event(&format!("evt_{number:026}"))
            }

            async fn accept(&self, event: String) {
                self.storage.clone().push(event).await.unwrap();
            }

            fn work(&self, handled: Handled) -> impl Future<Output = ()> + Send + 'static {
                let storage = self.storage.clone().poll_with_interval(OFTEN);
                let worker = WorkerBuilder::new("bench").backend(storage);
                let worker = worker.data(handled).build(nothing);
                async move { worker.run().await.unwrap() }
            }

            async fn done(&self) -> u32 {
                let done: i64 = ($done)(self.database.clone()).await.unwrap();
                u32::try_from(done).unwrap()
            }
        }
    };
}

queue!(
    OnSqlite,
    SqliteStorage<String>,
    SqlitePool,
    async |pool: SqlitePool| {
        let done = sqlx::query_scalar("SELECT count(*) FROM Jobs WHERE status = 'Done'");
        done.fetch_one(&pool).await
    }
);
queue!(
    OnPostgres,
    PostgresStorage<String>,
    PgPool,
    async |pool: PgPool| {
        let done = sqlx::query_scalar("SELECT count(*) FROM apalis.jobs WHERE status = 'Done'");
        done.fetch_one(&pool).await
    }
);
queue!(
    OnRedis,
    RedisStorage<String>,
    ConnectionManager,
    async |mut conn: ConnectionManager| {
        let mut done = redis::cmd("SCARD");
        done.arg(format!("{QUEUE}:done"));
        done.query_async(&mut conn).await
    }
);

pub(crate) async fn sqlite(path: &Path) -> Result<OnSqlite> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE);
    // What it sets on one connection ends with that.
    let first = SqlitePoolOptions::new().max_connections(1);
    let first = first.connect_with(options.clone()).await?;
    SqliteStorage::setup(&first).await?;
    first.close().await;
    let pool = SqlitePoolOptions::new().max_connections(4);
    let pool = pool.acquire_timeout(PATIENCE);
    let pool = pool.connect_with(options).await?;
    let config = apalis_sqlite::Config::default().queue(QUEUE);
    Ok(OnSqlite {
        storage: SqliteStorage::new(&pool).with_config(config),
        database: pool,
    })
}

pub(crate) async fn postgres(url: &str) -> Result<OnPostgres> {
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS);
    let pool = pool.acquire_timeout(PATIENCE).connect(url).await?;
    PostgresStorage::setup(&pool).await?;
    let config = apalis_postgres::Config::default().queue(QUEUE);
    Ok(OnPostgres {
        storage: PostgresStorage::new(&pool).with_config(config),
        database: pool,
    })
}

pub(crate) async fn redis(url: &str) -> Result<OnRedis> {
    let conn = apalis_redis::connect(url).await?;
    let config = apalis_redis::Config::default().queue(QUEUE);
    Ok(OnRedis {
        storage: RedisStorage::new(conn.clone()).with_config(config),
        database: conn,
    })
}
