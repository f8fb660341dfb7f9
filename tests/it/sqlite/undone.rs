//! Statements at which SQLite undoes the whole transaction, and a handler that goes on behind them.

use sqlx::{Executor, Sqlite};
use tower_webhook::layer::Verdict;
use tower_webhook::{Delivery, Reason, Tx};

use super::*;
use crate::support::blendfi::event;

/// A handler whose first attempt meets this, and has another effect behind it.
async fn goes_on_behind(meets: &'static [&'static str]) {
    let ledger = Ledger::with(|builder| builder.transaction_limit(20 * SECOND)).await;
    let handler = move |delivery: Delivery, mut tx: Tx<Sqlite>| async move {
        credit(&mut tx, "before", delivery.attempt()).await.unwrap();
        if delivery.attempt() == 1 {
            let conn = tx.connection().await.unwrap();
            for sql in meets {
                let _ = conn.execute(*sql).await;
            }
            let behind = "INSERT INTO effects VALUES ('behind', 1)";
            let _ = conn.execute(behind).await;
        }
        StatusCode::NO_CONTENT
    };
    let server = ledger.serve(handler).await;
    assert_eq!(event("evt_1", "{}").send(server.address).await.status, 500);
    let seen = ledger.recorder.next().await;
    let broken = (Verdict::Failed, Some(Reason::TransactionBroken));
    assert_eq!((seen.verdict, seen.reason), broken, "{seen:?}");
    assert_eq!(ledger.effects().await, 0, "none of it was committed alone");
    // The next attempt finds a connection on which things are committed.
    assert_eq!(event("evt_1", "{}").send(server.address).await.status, 204);
    assert_eq!(ledger.effects().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_behind_a_full_disk_is_not_committed_alone() {
    goes_on_behind(&[
        "PRAGMA max_page_count = 1",
        "INSERT INTO effects VALUES (zeroblob(10000000), 1)",
        "PRAGMA max_page_count = 1000000",
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_behind_a_conflict_that_rolls_back_is_not_committed_alone() {
    goes_on_behind(&[
        "INSERT INTO accounts VALUES (1)",
        "INSERT OR ROLLBACK INTO accounts VALUES (1)",
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_behind_a_rollback_of_the_handlers_own_is_not_committed_alone() {
    goes_on_behind(&["ROLLBACK"]).await;
    goes_on_behind(&[
        "ROLLBACK",
        "BEGIN",
        "INSERT INTO effects VALUES ('a', 1)",
        "COMMIT",
    ])
    .await;
}
