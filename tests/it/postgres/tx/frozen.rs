//! A holder that is stopped with its transaction open, wherever that is, and goes on when another has the event.

use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;
use sqlx::{Executor, Postgres as Db};
use tokio::sync::Notify;
use tower_webhook::{Delivery, Tx};

use super::*;
use crate::support::blendfi::event;

/// Where it is stopped. Each time it has a row locked that its successor wants too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopped {
    BetweenTwoStatements,
    InAStatement,
    /// The server waits for somebody to take the rest.
    WithAResultStreaming,
}

async fn handle(
    stopped: Stopped,
    attempt: u32,
    mut tx: Tx<Db>,
    (stands, go_on): (Arc<Notify>, Arc<Notify>),
) -> Result<(), Box<dyn std::error::Error>> {
    let conn = tx.connection().await?;
    conn.execute("UPDATE account SET cents = cents + 1").await?;
    if attempt > 1 {
        return Ok(());
    }
    match stopped {
        Stopped::BetweenTwoStatements => {
            stands.notify_one();
            go_on.notified().await;
        }
        Stopped::InAStatement => {
            stands.notify_one();
            conn.execute("SELECT pg_sleep(60)").await?;
        }
        Stopped::WithAResultStreaming => {
            let large = "SELECT repeat('x', 10000) FROM generate_series(1, 100000)";
            let mut rows = sqlx::query(large).fetch(conn);
            rows.next().await.unwrap()?;
            stands.notify_one();
            go_on.notified().await;
            while let Some(row) = rows.next().await {
                row?;
            }
        }
    }
    Ok(())
}

async fn who_takes_over_ends_its_transaction(stopped: Stopped) {
    let ledger = Ledger::open().await;
    (ledger.server).ask("CREATE TABLE account (cents int); INSERT INTO account VALUES (0)");
    let (stands, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let both = (Arc::clone(&stands), Arc::clone(&go_on));
    let handler = move |delivery: Delivery, tx: Tx<Db>| async move {
        let done = handle(stopped, delivery.attempt(), tx, both).await;
        done.map_or(failed(), |()| StatusCode::NO_CONTENT)
    };
    let receiver = ledger.serve(handler).await;
    let first = event("evt_1", "{}").spawn(receiver.address);
    stands.notified().await;
    ledger.lapse();
    let over = Instant::now();
    let second = event("evt_1", "{}").send(receiver.address).await;
    assert_eq!(second.status, 204, "{stopped:?}");
    // Its lease was over when it began.
    assert!(over.elapsed() < LEASE + SECOND, "{:?}", over.elapsed());
    go_on.notify_one();
    let first = first.await.unwrap();
    assert!(first.status >= 500, "{}", first.status);
    assert_eq!(ledger.server.ask("SELECT cents FROM account"), "1");
    assert!(ledger.is_done("evt_1").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_over_ends_the_transaction_of_a_frozen_holder() {
    who_takes_over_ends_its_transaction(Stopped::BetweenTwoStatements).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_is_frozen_in_a_statement_blocks_nobody() {
    who_takes_over_ends_its_transaction(Stopped::InAStatement).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_is_frozen_with_a_result_streaming_blocks_nobody() {
    who_takes_over_ends_its_transaction(Stopped::WithAResultStreaming).await;
}
