//! Handlers that take a [`Tx`]: the effect and the record stand together, or neither does.

mod begins;
mod ends;
mod faults;
mod frozen;
mod hostile;
mod setup;

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::StatusCode;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tower_webhook::store::{PostgresStore, RecordState, RecordView};
use tower_webhook::{DedupeConfig, Store, Tx, TxError};

use super::PATIENCE;
use crate::sql_support::Postgres;
use crate::support::blendfi::{self, key};
use crate::support::observer::Recorder;
use crate::support::server::Server;

const SECOND: Duration = Duration::from_secs(1);
const LEASE: Duration = Duration::from_secs(3);

/// A receiver whose handlers write into a table beside the records. Nothing in the table is unique: what
/// is done twice stands there twice.
struct Ledger {
    server: Postgres,
    pool: PgPool,
    store: PostgresStore,
    recorder: Recorder,
}

impl Ledger {
    async fn open() -> Self {
        let server = Postgres::start();
        let url = server.url();
        Self::at(server, &url).await
    }

    /// With the pool at this address, and the store's own connections too.
    async fn at(server: Postgres, url: &str) -> Self {
        server.ask("CREATE TABLE effects (key text NOT NULL, attempt int NOT NULL)");
        let pool = pool(url, 4).await;
        let store = PostgresStore::on_pool(pool.clone()).deadline(PATIENCE);
        let store = store.migrate().connect().await.unwrap();
        Self {
            server,
            pool,
            store,
            recorder: Recorder::new(),
        }
    }

    /// With a role that sets everything otherwise than the one that has made the tables.
    async fn of_hostile_role() -> Self {
        let ledger = Self::open().await;
        ledger.server.make_hostile_role();
        // The tables of its handlers are in its path. Its limit of a tenth of a second for a statement is for its
        // handlers too, and a busy machine would meet it.
        ledger.server.ask(
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO hostile;
             GRANT INSERT ON effects TO hostile;
             ALTER ROLE hostile SET search_path = evil, public, pg_catalog;
             ALTER ROLE hostile SET statement_timeout = '20s'",
        );
        let url = ledger.server.url_of("hostile");
        let said = ledger.server.told(&url, "SELECT 1 / 0");
        assert!(said.contains("Division durch Null"), "{said}");
        let pool = pool(&url, 4).await;
        let store = PostgresStore::on_pool(pool.clone()).deadline(PATIENCE);
        let store = store.connect().await.unwrap();
        Self {
            pool,
            store,
            ..ledger
        }
    }

    async fn serve<H, T>(&self, handler: H) -> Server
    where
        H: axum::handler::Handler<T, ()>,
        T: 'static,
    {
        let webhook = blendfi::webhook_answering_in(PATIENCE, self.store.clone())
            .dedupe(DedupeConfig::new().lease(LEASE))
            .observer(self.recorder.clone());
        blendfi::serve(&webhook, handler).await
    }

    /// From now on the lease of the first attempt is over, whatever its receiver does.
    fn lapse(&self) {
        self.server.ask(
            "CREATE FUNCTION lapses() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF NEW.state = 1 AND NEW.attempt = 1 THEN NEW.lease_ends := 1; END IF;
                 RETURN NEW;
             END $$;
             CREATE TRIGGER lapses BEFORE UPDATE ON tower_webhook_records
             FOR EACH ROW EXECUTE FUNCTION lapses();
             UPDATE tower_webhook_records SET lease_ends = 1",
        );
    }

    fn effects(&self) -> String {
        self.server.ask("SELECT count(*) FROM effects")
    }

    async fn record(&self, id: &str) -> RecordView {
        self.store.lookup(&key(id)).await.unwrap().unwrap()
    }

    async fn is_done(&self, id: &str) -> bool {
        matches!(self.record(id).await.state, RecordState::Done(_))
    }
}

async fn pool(url: &str, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .connect(url)
        .await
        .unwrap()
}

/// The effect of an event.
async fn credit(tx: &mut Tx<sqlx::Postgres>, key: &str, attempt: u32) -> Result<(), TxError> {
    let query = sqlx::query("INSERT INTO effects VALUES ($1, $2)");
    let query = query.bind(key.to_owned()).bind(i64::from(attempt));
    let done = query.execute(tx.connection().await?).await.unwrap();
    assert_eq!(done.rows_affected(), 1);
    Ok(())
}

/// As a sender does: again until it is acknowledged.
async fn deliver(id: &str, to: SocketAddr) {
    for _ in 0..50 {
        if blendfi::event(id, "{}").send(to).await.is_success() {
            return;
        }
        tokio::time::sleep(SECOND / 20).await;
    }
    panic!("{id} is given up");
}

fn failed() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}
