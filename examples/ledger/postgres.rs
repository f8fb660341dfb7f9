//! The ledger in Postgres.

use std::error::Error;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use sqlx::{PgPool, Postgres};
use tower_webhook::runtime::Failure;
use tower_webhook::{Event, PostgresStore, RouterExt, Tx, event_handler};

use crate::{Balance, Payment, webhook};

pub(crate) async fn app(url: &str) -> Result<Router, Box<dyn Error>> {
    // The store connects first, and reports in plain words if the server has a problem.
    let pool = PgPool::connect_lazy(url).map_err(|error| format!("DATABASE_URL: {error}"))?;
    let store = PostgresStore::on_pool(pool.clone())
        .migrate()
        .connect()
        .await?;
    let table = "CREATE TABLE IF NOT EXISTS payments (event text NOT NULL, cents bigint NOT NULL)";
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
async fn on_payment(Event(payment): Event<Payment>, mut tx: Tx<Postgres>) -> Result<(), Failure> {
    sqlx::query("INSERT INTO payments (event, cents) VALUES ($1, $2)")
        .bind(payment.id)
        .bind(payment.cents)
        .execute(tx.connection().await?)
        .await?;
    Ok(())
}

async fn balance(State(pool): State<PgPool>) -> Result<Json<Balance>, StatusCode> {
    let sql = "SELECT count(*), coalesce(sum(cents), 0)::bigint FROM payments";
    let (payments, cents) = (sqlx::query_as(sql).fetch_one(&pool).await)
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(Json(Balance { payments, cents }))
}
