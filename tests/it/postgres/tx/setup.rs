//! What a store needs for handlers that take a transaction, and what they get without.

use sqlx::Postgres as Db;
use tower_webhook::store::PostgresConnectErrorKind;
use tower_webhook::{Delivery, Tx, TxErrorKind};

use super::*;
use crate::support::blendfi::event;

#[tokio::test]
async fn a_pool_that_is_not_larger_than_the_number_of_transactions_is_refused() {
    let lazy = |connections| {
        let options = PgPoolOptions::new().max_connections(connections);
        options
            .connect_lazy("postgres://app@127.0.0.1:1/app")
            .unwrap()
    };
    for (connections, at_once) in [(1, None), (4, Some(4)), (4, Some(5)), (4, Some(0))] {
        let mut builder = PostgresStore::on_pool(lazy(connections));
        if let Some(at_once) = at_once {
            builder = builder.transactions_at_once(at_once);
        }
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), PostgresConnectErrorKind::Setting, "{error}");
    }
    for (connections, at_once) in [(2, 1), (4, 3)] {
        let builder = PostgresStore::on_pool(lazy(connections));
        builder.transactions_at_once(at_once).build().unwrap();
    }
    let builder = PostgresStore::builder("postgres://app@127.0.0.1:1/app");
    let error = builder.transactions_at_once(1).build().unwrap_err();
    assert_eq!(error.kind(), PostgresConnectErrorKind::Setting, "{error}");
}

/// Else two handlers might each have one of two connections and wait for another.
#[tokio::test(flavor = "multi_thread")]
async fn a_handler_with_a_transaction_gets_a_second_connection() {
    let ledger = Ledger::open().await;
    let pool = pool(&ledger.server.url(), 2).await;
    let store = PostgresStore::on_pool(pool.clone()).deadline(PATIENCE);
    let ledger = Ledger {
        store: store.connect().await.unwrap(),
        ..ledger
    };
    let handler = move |delivery: Delivery, mut tx: Tx<Db>| async move {
        credit(&mut tx, &delivery.key().to_string(), 1)
            .await
            .unwrap();
        let query = sqlx::query("SELECT count(*) FROM effects");
        query.fetch_one(&pool).await.unwrap();
        StatusCode::NO_CONTENT
    };
    let receiver = ledger.serve(handler).await;
    let sent = (0..20).map(|number| {
        let to = receiver.address;
        tokio::spawn(async move { deliver(&format!("evt_{number}"), to).await })
    });
    for sent in sent.collect::<Vec<_>>() {
        sent.await.unwrap();
    }
    assert_eq!(ledger.effects(), "20");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_does_not_touch_it_needs_no_connection() {
    let ledger = Ledger::open().await;
    ledger.pool.close().await;
    let receiver = ledger
        .serve(|_: Tx<Db>| async { StatusCode::NO_CONTENT })
        .await;
    let answer = event("evt_1", "{}").send(receiver.address).await;
    assert_eq!(answer.status, 204);
    assert!(ledger.is_done("evt_1").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_one_of_the_same_run_is_refused() {
    let ledger = Ledger::open().await;
    let handler = |mut first: Tx<Db>, mut second: Tx<Db>| async move {
        credit(&mut first, "a", 1).await.unwrap();
        let error = second.connection().await.unwrap_err();
        assert_eq!(error.kind(), TxErrorKind::Used);
        StatusCode::NO_CONTENT
    };
    let receiver = ledger.serve(handler).await;
    let answer = event("evt_1", "{}").send(receiver.address).await;
    assert_eq!((answer.status, ledger.effects().as_str()), (204, "1"));
}

/// Where handlers run unchecked while the store cannot be asked, this one does not: there is no record to
/// commit with its effect.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_a_claim_has_none() {
    let ledger = Ledger::open().await;
    let store = PostgresStore::on_pool(ledger.pool.clone()).table_prefix("nothing_");
    let store = store.build().unwrap();
    let handler = |delivery: Delivery, mut tx: Tx<Db>| async move {
        assert!(delivery.is_unchecked());
        let error = tx.connection().await.unwrap_err();
        assert_eq!(error.kind(), TxErrorKind::NoClaim);
        failed()
    };
    let webhook = blendfi::webhook_answering_in(2 * SECOND, store)
        .dedupe(DedupeConfig::new().with_insecure_fail_open());
    let receiver = blendfi::serve(&webhook, handler).await;
    let answer = event("evt_1", "{}").send(receiver.address).await;
    assert_eq!(answer.status, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_a_pool_runs_no_handler_that_takes_one() {
    let ledger = Ledger::open().await;
    let store = PostgresStore::connect(ledger.server.url()).await.unwrap();
    let ledger = Ledger { store, ..ledger };
    let receiver = ledger
        .serve(|_: Tx<Db>| async { StatusCode::NO_CONTENT })
        .await;
    let answer = event("evt_1", "{}").send(receiver.address).await;
    assert_eq!(answer.status, 500);
    assert!(!ledger.is_done("evt_1").await);
}
