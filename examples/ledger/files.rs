//! The ledger in a SQLite file.

use std::error::Error;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Sqlite, SqlitePool};
use tower_webhook::runtime::Failure;
use tower_webhook::{Event, RouterExt, SqliteStore, Tx, event_handler};

use crate::{Balance, Payment, webhook};

pub(crate) async fn app(path: &str) -> Result<Router, Box<dyn Error>> {
    let options = SqliteConnectOptions::new().filename(path);
    // The store opens the file first, and reports in plain words if that fails.
    let pool = SqlitePool::connect_lazy_with(options.create_if_missing(true));
    let store = SqliteStore::on_pool(&pool).connect().await?;
    let table = "CREATE TABLE IF NOT EXISTS payments (event TEXT NOT NULL, cents INTEGER NOT NULL)";
    sqlx::query(table).execute(&pool).await?;
    Ok(Router::new()
        .webhook(
            "/webhooks/blendfi",
            webhook(store)?,
            event_handler(on_payment),
        )
        .route("/balance", get(balance))
        .with_state(pool))
}

/// Nothing here is unique, and nothing checks for an earlier row: it is committed with the record
/// of the event, or not at all.
async fn on_payment(Event(payment): Event<Payment>, mut tx: Tx<Sqlite>) -> Result<(), Failure> {
    sqlx::query("INSERT INTO payments (event, cents) VALUES (?, ?)")
        .bind(payment.id)
        .bind(payment.cents)
        .execute(tx.connection().await?)
        .await?;
    Ok(())
}

async fn balance(State(pool): State<SqlitePool>) -> Result<Json<Balance>, StatusCode> {
    let sql = "SELECT count(*), coalesce(sum(cents), 0) FROM payments";
    let (payments, cents) = (sqlx::query_as(sql).fetch_one(&pool).await)
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(Json(Balance { payments, cents }))
}
