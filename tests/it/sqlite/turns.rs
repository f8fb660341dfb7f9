//! Who waits for whom at the file.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Executor, Sqlite};
use tower_webhook::layer::Verdict;
use tower_webhook::store::{Claim, SqliteConnectErrorKind, Token};
use tower_webhook::{Delivery, EventKey, Fingerprint, Name, Reason, Tx};

use super::*;
use crate::support::blendfi::event;

/// A handler with this statement in its transaction, and then this pause.
async fn slow(sql: &'static str, pause: Duration) {
    let ledger = Ledger::with(|builder| builder.transaction_limit(SECOND / 5)).await;
    let goes_on = Arc::<AtomicU32>::default();
    let own = Arc::clone(&goes_on);
    let handler = move |delivery: Delivery, mut tx: Tx<Sqlite>| async move {
        credit(&mut tx, "a", delivery.attempt()).await.unwrap();
        if delivery.attempt() == 1 {
            let conn = tx.connection().await.unwrap();
            let done = conn.execute(sql).await;
            tokio::time::sleep(pause).await;
            own.fetch_add(1, Ordering::Relaxed);
            if done.is_err() {
                return failed();
            }
        }
        StatusCode::NO_CONTENT
    };
    let server = ledger.serve(handler).await;
    let begun = std::time::Instant::now();
    assert_eq!(event("evt_1", "{}").send(server.address).await.status, 500);
    assert!(begun.elapsed() < 20 * SECOND);
    let seen = ledger.recorder.next().await;
    let failed = (Verdict::Failed, Some(Reason::HandlerFailed));
    assert_eq!((seen.verdict, seen.reason), failed);
    assert_eq!(
        (ledger.effects().await, goes_on.load(Ordering::Relaxed)),
        (0, 0)
    );
    // The next attempt finds the file free.
    assert_eq!(event("evt_1", "{}").send(server.address).await.status, 204);
    assert_eq!(ledger.effects().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_stands_idle_in_its_transaction_is_ended() {
    slow("SELECT 1", 60 * SECOND).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_does_not_end_is_interrupted() {
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    slow(endless, 60 * SECOND).await;
}

fn claim(number: u32) -> Claim {
    let key = EventKey::new(Name::new("other").unwrap(), [number.to_string()]).unwrap();
    let token = Token::random().unwrap();
    Claim::new(key, token, Fingerprint::of(b"a"), SECOND, SECOND)
}

/// However many handlers stand in line for their transaction.
#[tokio::test(flavor = "multi_thread")]
async fn commands_go_between_two_transactions() {
    let ledger = Ledger::open().await;
    let at_work = Arc::<AtomicU32>::default();
    let own = Arc::clone(&at_work);
    let handler = move |delivery: Delivery, mut tx: Tx<Sqlite>| async move {
        credit(&mut tx, &delivery.key().to_string(), 1)
            .await
            .unwrap();
        assert_eq!(own.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
        tokio::time::sleep(SECOND / 20).await;
        own.fetch_sub(1, Ordering::SeqCst);
        StatusCode::NO_CONTENT
    };
    let server = ledger.serve(handler).await;
    let sent = (0..12).map(|number| event(&format!("evt_{number}"), "{}").spawn(server.address));
    let sent: Vec<_> = sent.collect();
    // Each waits for one of them at most.
    let mut between = 0;
    while !sent.iter().all(tokio::task::JoinHandle::is_finished) {
        ledger.store.claim(&claim(between)).await.unwrap();
        between += 1;
    }
    assert!(between >= 5, "{between}");
    for answer in sent {
        assert_eq!(answer.await.unwrap().status, 204);
    }
    assert_eq!(ledger.effects().await, 12);
}

#[tokio::test]
async fn a_limit_that_is_none_is_refused() {
    let ledger = Ledger::open().await;
    for limit in [Duration::ZERO, 61 * SECOND] {
        let builder = SqliteStore::on_pool(&ledger.pool).transaction_limit(limit);
        let error = builder.connect().await.unwrap_err();
        assert_eq!(error.kind(), SqliteConnectErrorKind::Setting);
    }
}
