//! Whatever a handler does through another driver is committed with the record of its event, or not
//! at all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../../tests/sql_support/mod.rs"]
mod sql_support;

use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use axum::{Router, extract::Request};
use deadpool_postgres::{Manager, Runtime};
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use sql_support::Postgres;
use tokio_postgres::NoTls;
use tower::ServiceExt as _;
use tower_webhook::provider::{self, blendfi};
use tower_webhook::runtime::{EventHandler, Failure};
use tower_webhook::store::{RecordState, TxDriver};
use tower_webhook::testing::TestDelivery;
use tower_webhook::{
    DedupeConfig, Delivery, Event, EventKey, Name, PostgresStore, Provider, RouterExt as _,
    Store as _, Tx, Webhook, event_handler,
};
use tower_webhook_drivers::Payment;
use tower_webhook_drivers::deadpool::{self, Deadpool};
use tower_webhook_drivers::diesel::{self, Diesel};

const SECRET: &str = "whsec_test_9f8e7d6c5b4a";

struct Ledger {
    server: Arc<Postgres>,
    provider: Provider,
    store: PostgresStore,
}

impl Ledger {
    async fn open(driver: impl FnOnce(&str) -> PostgresStoreWith) -> Self {
        let server = Arc::new(Postgres::start());
        server.ask("CREATE TABLE payments (event text NOT NULL, cents bigint NOT NULL)");
        let store = driver(&server.url()).migrate().connect().await.unwrap();
        Self {
            server,
            provider: provider::blendfi(blendfi::keys([SECRET]).unwrap()),
            store,
        }
    }

    fn serve<H, Args>(&self, handler: H) -> Router
    where
        H: EventHandler<(), Args>,
        Args: Send + 'static,
    {
        let webhook = Webhook::new(self.provider.clone()).store(self.store.clone());
        let webhook = webhook.dedupe(DedupeConfig::new().shares_name());
        let webhook = webhook.build().unwrap();
        Router::new().webhook("/", webhook, event_handler(handler))
    }

    async fn deliver(&self, app: &Router, id: &str) -> StatusCode {
        let body = format!(
            r#"{{"id":"{id}","type":"paid","created_at":"2026-05-04T13:00:00Z","data":{{"cents":5}}}}"#
        );
        let request: Request<Body> = TestDelivery::new(&self.provider, body).request().unwrap();
        app.clone().oneshot(request).await.unwrap().status()
    }

    fn payments(&self) -> String {
        self.server.ask("SELECT count(*) FROM payments")
    }

    async fn is_done(&self, id: &str) -> bool {
        let key = EventKey::new(Name::new("blendfi").unwrap(), [id]).unwrap();
        let record = self.store.lookup(&key).await.unwrap().unwrap();
        matches!(record.state, RecordState::Done(_))
    }

    /// Checks that no returned connection is in a transaction.
    fn nothing_is_open(&self) {
        let open = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
        sql_support::until("no transaction is open", || self.server.ask(open) == "0");
    }
}

type PostgresStoreWith = tower_webhook::store::PostgresStoreBuilder;

fn deadpool_at(url: &str) -> PostgresStoreWith {
    let manager = Manager::new(url.parse().unwrap(), NoTls);
    let pool = deadpool_postgres::Pool::builder(manager).max_size(4);
    let pool = pool.runtime(Runtime::Tokio1).build().unwrap();
    PostgresStore::builder(url).transactions_by(Deadpool(pool), 4)
}

fn diesel_at(url: &str) -> PostgresStoreWith {
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(url);
    let pool = diesel_async::pooled_connection::deadpool::Pool::builder(manager).max_size(4);
    PostgresStore::builder(url).transactions_by(Diesel(pool.build().unwrap()), 4)
}

/// The handler of the example, and one that then fails as its event says.
macro_rules! story {
    ($driver:ty, $at:path, $handler:path) => {{
        let ledger = Ledger::open($at).await;
        let app = ledger.serve($handler);
        assert_eq!(ledger.deliver(&app, "evt_1").await, StatusCode::OK);
        assert_eq!(ledger.deliver(&app, "evt_1").await, StatusCode::OK);
        assert_eq!(
            (ledger.payments().as_str(), ledger.is_done("evt_1").await),
            ("1", true)
        );

        let server = Arc::clone(&ledger.server);
        let handler = move |payment: Event<Payment>, delivery: Delivery, tx: Tx<$driver>| {
            let (server, id) = (Arc::clone(&server), payment.id.clone());
            async move {
                $handler(payment, tx).await?;
                match (id.as_str(), delivery.attempt()) {
                    ("evt_fails", 1) => return Err(Failure::retry("the ledger is closed")),
                    ("evt_panics", 1) => panic!("as it is told to"),
                    ("evt_lapses", 1) => {
                        server.ask("UPDATE tower_webhook_records SET lease_ends = 1");
                    }
                    _ => {}
                }
                Ok(())
            }
        };
        let app = ledger.serve(handler);
        for (number, id) in ["evt_fails", "evt_panics", "evt_lapses"].iter().enumerate() {
            let status = ledger.deliver(&app, id).await;
            assert!(status.is_server_error(), "{id}: {status}");
            assert_eq!(
                ledger.payments(),
                (number + 1).to_string(),
                "{id}: the effect is undone"
            );
            assert!(!ledger.is_done(id).await, "{id}");
            ledger.nothing_is_open();
            assert_eq!(ledger.deliver(&app, id).await, StatusCode::OK, "{id}");
            assert_eq!(
                ledger.payments(),
                (number + 2).to_string(),
                "{id}: it runs again"
            );
            assert!(ledger.is_done(id).await, "{id}");
        }
        ledger.nothing_is_open();
        ledger
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn the_effect_by_deadpool_stands_with_the_record_or_not_at_all() {
    let ledger = story!(Deadpool, deadpool_at, deadpool::on_payment);
    // A handler that ends the transaction, or continues after an error, gets an error.
    let handler = async |mut tx: Tx<Deadpool>| -> Result<(), Failure> {
        let connection = tx.connection().await?;
        connection
            .batch_execute("INSERT INTO payments VALUES ('x', 1); COMMIT")
            .await?;
        Ok(())
    };
    let app = ledger.serve(handler);
    assert!(ledger.deliver(&app, "evt_commits").await.is_server_error());
    assert!(!ledger.is_done("evt_commits").await);
    let handler = async |mut tx: Tx<Deadpool>| -> Result<(), Failure> {
        let _ = tx.connection().await?.batch_execute("SELECT 1 / 0").await;
        Ok(())
    };
    let app = ledger.serve(handler);
    assert!(ledger.deliver(&app, "evt_goes_on").await.is_server_error());
    assert!(!ledger.is_done("evt_goes_on").await);
    ledger.nothing_is_open();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_effect_by_diesel_stands_with_the_record_or_not_at_all() {
    let ledger = story!(Diesel, diesel_at, diesel::on_payment);
    // A transaction on the connection is part of the whole.
    let handler = async |payment: Event<Payment>, mut tx: Tx<Diesel>| -> Result<(), Failure> {
        use diesel_async::{AsyncConnection as _, SimpleAsyncConnection as _};
        let connection = tx.connection().await?;
        let part = connection.transaction(async |connection| {
            connection
                .batch_execute("INSERT INTO payments VALUES ('part', 1)")
                .await?;
            Err::<(), _>(::diesel::result::Error::RollbackTransaction)
        });
        assert!(part.await.is_err());
        diesel::on_payment(payment, tx).await
    };
    let app = ledger.serve(handler);
    assert_eq!(ledger.deliver(&app, "evt_in_parts").await, StatusCode::OK);
    assert_eq!(ledger.payments(), "5");
    ledger.nothing_is_open();
}

/// An unreachable server is an error of the handler.
#[tokio::test(flavor = "multi_thread")]
async fn a_driver_without_a_server_has_no_transaction() {
    let nowhere = "postgres://app@127.0.0.1:1/app";
    let manager = Manager::new(nowhere.parse().unwrap(), NoTls);
    let pool = deadpool_postgres::Pool::builder(manager).build().unwrap();
    assert!(Deadpool(pool).connect().await.is_err());
}
