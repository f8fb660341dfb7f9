//! The receiver: what runs in the processes that the tests start and kill.

use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Postgres, Sqlite, SqlitePool};
use tokio::net::TcpListener;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::runtime::Failure;
use tower_webhook::store::{PostgresStore, SqliteStore};
use tower_webhook::{
    DedupeConfig, Event, Name, PathTokens, Provider, RetriedStatuses, RetrySchedule, RouterExt,
    SenderContract, Store, Tx, Webhook, WebhookLayer, event_handler, provider,
};

use super::sender::{SECRET, TOKEN};

/// Short, so that what was held by the dead is soon free.
pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// So few that frozen and living receivers meet at them.
pub(crate) const ACCOUNTS: u64 = 8;

/// What a receiver process is told at its start: the URL of Postgres, or the path of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) store: String,
}

/// A payment, of an amount that its id tells.
#[derive(Debug, Deserialize)]
struct Paid {
    id: String,
}

impl Paid {
    fn number(&self) -> u64 {
        self.id.trim_start_matches("evt_").parse().unwrap()
    }
}

pub(crate) fn cents(number: u64) -> i64 {
    i64::try_from(number % 1_000 + 1).unwrap()
}

fn account(number: u64) -> i64 {
    i64::try_from(number % ACCOUNTS).unwrap()
}

/// Prints its address, and serves until it is killed or its standard input ends.
pub(crate) async fn run(orders: Orders) -> ExitCode {
    let router = Router::new();
    let app = if orders.store.starts_with("postgres:") {
        let pool = PgPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(LEASE)
            .connect_lazy(&orders.store);
        let store = PostgresStore::on_pool(pool.unwrap());
        let store = store.connect().await.unwrap();
        router
            .webhook(
                "/hooks",
                webhook(payments(), store.clone()),
                event_handler(in_postgres),
            )
            .webhook(
                "/lists",
                webhook(lists(), store),
                event_handler(in_postgres),
            )
    } else {
        let options = SqliteConnectOptions::new().filename(&orders.store);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let store = SqliteStore::on_pool(&pool);
        let store = store.connect().await.unwrap();
        router
            .webhook(
                "/hooks",
                webhook(payments(), store.clone()),
                event_handler(in_a_file),
            )
            .webhook("/lists", webhook(lists(), store), event_handler(in_a_file))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    axum::serve(listener, app).await.unwrap();
    ExitCode::SUCCESS
}

fn webhook(provider: Provider, store: impl Store) -> WebhookLayer {
    let webhook = Webhook::new(provider).store(store);
    let webhook = webhook.dedupe(DedupeConfig::new().lease(LEASE));
    webhook.build().unwrap()
}

/// One payment a delivery.
fn payments() -> Provider {
    provider::blendfi(provider::blendfi::keys([SECRET]).unwrap())
}

/// Several: each has a record and a transaction of its own.
fn lists() -> Provider {
    let payment = Shape::new("payment", ["/id"]).unwrap();
    let rule = EventRule::each("/payments", EventRule::members([payment]).unwrap());
    let schedule = RetrySchedule::Fixed {
        interval: Duration::from_secs(30),
        attempts: 1_000,
    };
    Provider::by_secret_path(
        Name::new("lists").unwrap(),
        PathTokens::parse([TOKEN]).unwrap(),
        rule.unwrap(),
        SenderContract::new(schedule, RetriedStatuses::AllButSuccess),
    )
}

async fn in_postgres(Event(paid): Event<Paid>, mut tx: Tx<Postgres>) -> Result<(), Failure> {
    let number = paid.number();
    let conn = tx.connection().await?;
    sqlx::query("UPDATE accounts SET cents = cents + $1 WHERE id = $2")
        .bind(cents(number))
        .bind(account(number))
        .execute(&mut *conn)
        .await?;
    sqlx::query("INSERT INTO entries (event, cents) VALUES ($1, $2)")
        .bind(&paid.id)
        .bind(cents(number))
        .execute(conn)
        .await?;
    Ok(())
}

async fn in_a_file(Event(paid): Event<Paid>, mut tx: Tx<Sqlite>) -> Result<(), Failure> {
    let number = paid.number();
    let conn = tx.connection().await?;
    sqlx::query("UPDATE accounts SET cents = cents + ? WHERE id = ?")
        .bind(cents(number))
        .bind(account(number))
        .execute(&mut *conn)
        .await?;
    sqlx::query("INSERT INTO entries (event, cents) VALUES (?, ?)")
        .bind(&paid.id)
        .bind(cents(number))
        .execute(conn)
        .await?;
    Ok(())
}
