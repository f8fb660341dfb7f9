//! A transaction whose beginning fails or is given up, and what is left of it in the user's pool.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use sqlx::Postgres as Db;
use tower_webhook::{Delivery, Tx, TxErrorKind};

use super::*;
use crate::support::blendfi::event;

/// How many connections of the pool are in a transaction, once each is back there.
async fn open(ledger: &Ledger) -> String {
    while ledger.pool.num_idle() < usize::try_from(ledger.pool.size()).unwrap() {
        tokio::time::sleep(SECOND / 100).await;
    }
    ledger.server.ask(
        "SELECT count(*) FROM pg_stat_activity
         WHERE application_name = 'handlers' AND state LIKE 'idle in transaction%'",
    )
}

/// A pool of this role, whose connections can be told from the store's own.
async fn ledger_of(role: &str, ledger: Ledger) -> Ledger {
    let pool = pool(&ledger.server.url_of(role), 2).await;
    let store = PostgresStore::on_pool(pool.clone()).deadline(PATIENCE);
    let store = store.connect().await.unwrap();
    let options = pool.connect_options().as_ref().clone();
    pool.set_connect_options(options.application_name("handlers"));
    pool.acquire().await.unwrap().close().await.unwrap();
    Ledger {
        store,
        pool,
        ..ledger
    }
}

/// Else whoever takes the connection next would write into a transaction that nobody commits.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_given_up_at_any_moment_leaves_no_connection_in_a_transaction() {
    let ledger = ledger_of("app", Ledger::open().await).await;
    let (told, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let handler = move |delivery: Delivery, mut tx: Tx<Db>| async move {
        let key = delivery.key().to_string();
        let polls: u32 = key.rsplit('_').next().unwrap().parse().unwrap();
        let is_begun = {
            let mut beginning = pin!(tx.connection());
            let mut is_begun = false;
            for _ in 0..polls {
                is_begun = poll_fn(|cx| Poll::Ready(beginning.as_mut().poll(cx).is_ready())).await;
                if is_begun {
                    break;
                }
                // What it waits for comes.
                tokio::time::sleep(SECOND / 50).await;
            }
            is_begun
        };
        told.send(is_begun).unwrap();
        failed()
    };
    let receiver = ledger.serve(handler).await;
    for polls in 1.. {
        let answer = event(&format!("evt_{polls}"), "{}")
            .send(receiver.address)
            .await;
        assert_eq!(answer.status, 500);
        assert_eq!(open(&ledger).await, "0", "{polls}");
        if begun.recv().await.unwrap() {
            // It was given up at least while it waited for the connection and for the server.
            assert!(polls > 1);
            break;
        }
    }
}

/// A server may refuse what stands beside `BEGIN`.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_refused_leaves_no_connection_in_a_transaction() {
    let ledger = Ledger::open().await;
    (ledger.server).ask(
        "CREATE ROLE plain LOGIN;
         REVOKE EXECUTE ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(bigint) FROM PUBLIC;
         GRANT ALL ON ALL TABLES IN SCHEMA public TO plain",
    );
    let ledger = ledger_of("plain", ledger).await;
    let handler = move |mut tx: Tx<Db>| async move {
        let error = tx.connection().await.unwrap_err();
        assert_eq!(error.kind(), TxErrorKind::Database, "{error:?}");
        StatusCode::NO_CONTENT
    };
    let receiver = ledger.serve(handler).await;
    let answer = event("evt_1", "{}").send(receiver.address).await;
    assert_eq!(answer.status, 204);
    assert_eq!(open(&ledger).await, "0");
}

/// Whatever the role is set to; and what was set for it is gone with it.
#[tokio::test(flavor = "multi_thread")]
async fn it_runs_at_read_committed_and_leaves_no_setting_behind() {
    const ASKED: &str = "SELECT concat_ws(' ', current_setting('transaction_isolation'),
        current_setting('transaction_read_only'),
        current_setting('idle_in_transaction_session_timeout'),
        nullif(current_setting('tower_webhook.tx', true), ''))";
    let ledger = Ledger::open().await;
    (ledger.server).ask(
        "ALTER ROLE app SET default_transaction_isolation = 'serializable';
         ALTER ROLE app SET default_transaction_read_only = on;
         ALTER ROLE app SET idle_in_transaction_session_timeout = '77s'",
    );
    let pool = pool(&ledger.server.url(), 2).await;
    let store = PostgresStore::on_pool(pool.clone()).deadline(PATIENCE);
    let store = store.connect().await.unwrap();
    let ledger = Ledger {
        store,
        pool,
        ..ledger
    };
    let (told, mut seen) = tokio::sync::mpsc::unbounded_channel::<String>();
    let handler = move |mut tx: Tx<Db>| async move {
        let conn = tx.connection().await.unwrap();
        let found = sqlx::query_scalar(ASKED).fetch_one(conn).await.unwrap();
        told.send(found).unwrap();
        StatusCode::NO_CONTENT
    };
    let receiver = ledger.serve(handler).await;
    let answer = event("evt_1", "{}").send(receiver.address).await;
    assert_eq!(answer.status, 204);
    let within = seen.recv().await.unwrap();
    let begins = format!("read committed off {}s ", LEASE.as_secs());
    assert!(within.starts_with(&begins), "{within}");
    for _ in 0..2 {
        let behind: String = sqlx::query_scalar(ASKED)
            .fetch_one(&ledger.pool)
            .await
            .unwrap();
        assert_eq!(behind, "serializable on 77s");
    }
}
