//! Handlers that take a [`Tx`] of a SQLite file: the effect and the record stand together, or neither does.

mod ends;
mod moved;
mod turns;
mod undone;

use std::path::PathBuf;
use std::time::Duration;

use axum::http::StatusCode;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use tower_webhook::store::{RecordView, SqliteStore, SqliteStoreBuilder};
use tower_webhook::{DedupeConfig, Store, Tx, TxError};

use crate::support::blendfi::{self, key};
use crate::support::observer::Recorder;
use crate::support::server::Server;

const SECOND: Duration = Duration::from_secs(1);

/// A receiver whose handlers write into a table beside the records. Nothing in the table is unique: what
/// is done twice stands there twice.
struct Ledger {
    folder: PathBuf,
    pool: SqlitePool,
    store: SqliteStore,
    recorder: Recorder,
}

impl Ledger {
    async fn open() -> Self {
        Self::with(|builder| builder).await
    }

    async fn with(set: impl FnOnce(SqliteStoreBuilder) -> SqliteStoreBuilder) -> Self {
        let folder = std::env::temp_dir().join(format!("webhook-tx-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let options = SqliteConnectOptions::new().filename(folder.join("ledger.db"));
        let pool = SqlitePool::connect_with(options.create_if_missing(true))
            .await
            .unwrap();
        let sql = "CREATE TABLE effects (key TEXT NOT NULL, attempt INT NOT NULL);
                   CREATE TABLE accounts (id INT PRIMARY KEY);
                   CREATE TABLE entries (account INT REFERENCES accounts DEFERRABLE INITIALLY DEFERRED)";
        sqlx::raw_sql(sql).execute(&pool).await.unwrap();
        let builder = SqliteStore::on_pool(&pool).deadline(10 * SECOND);
        Self {
            store: set(builder).connect().await.unwrap(),
            folder,
            pool,
            recorder: Recorder::new(),
        }
    }

    async fn serve<H, T>(&self, handler: H) -> Server
    where
        H: axum::handler::Handler<T, ()>,
        T: 'static,
    {
        let webhook = blendfi::webhook_answering_in(20 * SECOND, self.store.clone())
            .dedupe(DedupeConfig::new().lease(15 * SECOND))
            .observer(self.recorder.clone());
        blendfi::serve(&webhook, handler).await
    }

    async fn effects(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM effects");
        count.fetch_one(&self.pool).await.unwrap()
    }

    async fn record(&self, id: &str) -> RecordView {
        self.store.lookup(&key(id)).await.unwrap().unwrap()
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The effect of an event.
async fn credit(tx: &mut Tx<sqlx::Sqlite>, key: &str, attempt: u32) -> Result<(), TxError> {
    let query = sqlx::query("INSERT INTO effects VALUES (?, ?)");
    let query = query.bind(key.to_owned()).bind(i64::from(attempt));
    query.execute(tx.connection().await?).await.unwrap();
    Ok(())
}

fn failed() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}
