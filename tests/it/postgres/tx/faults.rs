//! What becomes of a transaction when its connection, its lease or its server fails.

use std::collections::HashSet;
use std::sync::Arc;

use sqlx::Postgres as Db;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::sync::Notify;
use tower_webhook::layer::Verdict;
use tower_webhook::{Delivery, Reason, Tx};

use super::*;
use crate::sql_support::PgBouncer;
use crate::sql_support::proxy::{Fault, Proxy};
use crate::support::blendfi::event;

async fn credits(delivery: Delivery, mut tx: Tx<Db>) -> StatusCode {
    let credited = async {
        let (query, attempt) = ("INSERT INTO effects VALUES ($1, $2)", delivery.attempt());
        let query = sqlx::query(query).persistent(false);
        let query = query
            .bind(delivery.key().to_string())
            .bind(i64::from(attempt));
        query.execute(tx.connection().await?).await?;
        Ok::<_, Box<dyn std::error::Error>>(())
    };
    match credited.await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => failed(),
    }
}

/// Has the connection of a transaction break at one of its messages; says whether it came to that.
fn breaks_at(proxy: &Proxy, number: usize, fault: Fault) -> Arc<std::sync::atomic::AtomicBool> {
    let struck = Arc::<std::sync::atomic::AtomicBool>::default();
    let (told, mut own, mut seen) = (Arc::clone(&struck), HashSet::new(), 0);
    proxy.plan_each(move |connection, message| {
        let has = |sql: &[u8]| message.windows(sql.len()).any(|part| part == sql);
        if has(b"SET LOCAL tower_webhook.tx") {
            own.insert(connection);
        }
        let ends = matches!(message.first(), Some(b'Q' | b'S'));
        if !own.contains(&connection) || !ends {
            return Fault::Passes;
        }
        seen += 1;
        if seen != number + 1 {
            return Fault::Passes;
        }
        told.store(true, std::sync::atomic::Ordering::Relaxed);
        fault
    });
    struck
}

/// The first of these is BEGIN and the last one COMMIT.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_at_any_message_doubles_and_loses_nothing() {
    let server = Postgres::start();
    let proxy = Proxy::before(server.port).await;
    let ledger = Ledger::at(server, &proxy.url()).await;
    let receiver = ledger.serve(credits).await;
    for fault in [Fault::CutsBefore, Fault::CutsAfter] {
        for number in 0.. {
            ledger.server.ask("TRUNCATE effects");
            let struck = breaks_at(&proxy, number, fault);
            let (id, mut answers) = (format!("evt_{fault:?}_{number}"), Vec::new());
            while answers.last() != Some(&204) {
                assert!(answers.len() < 5, "{number} {fault:?}: {answers:?}");
                answers.push(event(&id, "{}").send(receiver.address).await.status);
            }
            assert_eq!(ledger.effects(), "1", "{number} {fault:?}: {answers:?}");
            assert!(ledger.is_done(&id).await);
            let struck = struck.load(std::sync::atomic::Ordering::Relaxed);
            if !struck {
                assert!(number >= 4, "{number} messages");
                break;
            }
        }
    }
    // The commit whose answer was lost was looked up: that event was answered with success at once.
    let lost = |it: &_| {
        matches!(
            it,
            crate::support::observer::Seen {
                verdict: Verdict::Handled,
                attempt: Some(1),
                ..
            }
        )
    };
    let seen = ledger.recorder.seen();
    assert!(seen.iter().filter(|it| lost(*it)).count() >= 3, "{seen:?}");
}

/// Somebody else does something to the record while the handler is at work.
async fn while_at_work(sql: &str) -> (Ledger, u16) {
    let ledger = Ledger::open().await;
    let (at_work, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (told, may) = (Arc::clone(&at_work), Arc::clone(&go_on));
    let handler = move |delivery: Delivery, mut tx: Tx<Db>| async move {
        credit(&mut tx, "a", delivery.attempt()).await.unwrap();
        told.notify_one();
        may.notified().await;
        StatusCode::NO_CONTENT
    };
    let receiver = ledger.serve(handler).await;
    let answer = event("evt_1", "{}").spawn(receiver.address);
    at_work.notified().await;
    ledger.server.ask(sql);
    go_on.notify_one();
    let status = answer.await.unwrap().status;
    (ledger, status)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_is_over_by_the_servers_clock_rolls_the_effect_back() {
    let sql = "UPDATE tower_webhook_records
               SET lease_ends = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - 1";
    let (ledger, status) = while_at_work(sql).await;
    assert_eq!((status, ledger.effects().as_str()), (503, "0"));
    let seen = ledger.recorder.next().await;
    assert_eq!(seen.reason, Some(Reason::LeaseLost));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_anothers_rolls_the_effect_back() {
    for taken in [
        "UPDATE tower_webhook_records SET token = sha256('another')::bytea || ''",
        "UPDATE tower_webhook_records SET fence = fence + 1",
        "UPDATE tower_webhook_records SET state = 3, lease_ends = NULL, lease = NULL",
        "DELETE FROM tower_webhook_records",
    ] {
        let (ledger, status) = while_at_work(taken).await;
        assert_eq!((status, ledger.effects().as_str()), (503, "0"), "{taken}");
        let seen = ledger.recorder.next().await;
        assert_eq!(seen.reason, Some(Reason::LeaseLost), "{taken}");
    }
}

/// As a process does that is stopped with its transaction open, and later goes on.
#[tokio::test(flavor = "multi_thread")]
async fn who_takes_over_ends_the_transaction_of_a_frozen_holder() {
    let ledger = Ledger::open().await;
    let (at_work, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (told, may) = (Arc::clone(&at_work), Arc::clone(&go_on));
    ledger
        .server
        .ask("CREATE TABLE account (cents int); INSERT INTO account VALUES (0)");
    let handler = move |delivery: Delivery, mut tx: Tx<Db>| async move {
        let Ok(conn) = tx.connection().await else {
            return failed();
        };
        // Both want this row.
        let query = sqlx::query("UPDATE account SET cents = cents + 1");
        if query.execute(&mut *conn).await.is_err() {
            return failed();
        }
        if delivery.attempt() == 1 {
            told.notify_one();
            may.notified().await;
        }
        StatusCode::NO_CONTENT
    };
    let receiver = ledger.serve(handler).await;
    let first = event("evt_1", "{}").spawn(receiver.address);
    at_work.notified().await;
    let begun = std::time::Instant::now();
    ledger
        .server
        .ask("UPDATE tower_webhook_records SET lease_ends = 1");
    let second = event("evt_1", "{}").send(receiver.address).await;
    assert_eq!(second.status, 204);
    assert!(begun.elapsed() < LEASE + SECOND, "{:?}", begun.elapsed());
    go_on.notify_one();
    let first = first.await.unwrap();
    assert!(first.status >= 500, "{}", first.status);
    assert_eq!(ledger.server.ask("SELECT cents FROM account"), "1");
    assert!(ledger.is_done("evt_1").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_stands_idle_for_a_lease_is_undone() {
    let ledger = Ledger::open().await;
    let handler = |delivery: Delivery, mut tx: Tx<Db>| async move {
        credit(&mut tx, "a", delivery.attempt()).await.unwrap();
        tokio::time::sleep(LEASE + SECOND / 2).await;
        StatusCode::NO_CONTENT
    };
    let receiver = ledger.serve(handler).await;
    let answer = event("evt_1", "{}").send(receiver.address).await;
    assert!(answer.is_not_now(), "{}", answer.status);
    let failed = |it: &crate::support::observer::Seen| it.verdict == Verdict::Failed;
    let seen = ledger.recorder.wait_for(failed).await;
    assert_eq!(seen.reason, Some(Reason::HandlerFailed));
    assert_eq!(ledger.effects(), "0");
    assert_eq!(ledger.record("evt_1").await.state, RecordState::Released);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_behind_pgbouncer() {
    let server = Postgres::start();
    let bouncer = PgBouncer::before(&server, 4);
    server.ask("CREATE TABLE effects (key text NOT NULL, attempt int NOT NULL)");
    let options: PgConnectOptions = bouncer.url().parse().unwrap();
    let options = options.statement_cache_capacity(0).extra_float_digits(None);
    let pool = PgPoolOptions::new()
        .max_connections(8)
        .connect_lazy_with(options);
    let store = PostgresStore::on_pool(pool.clone()).deadline(PATIENCE);
    let store = store.migrate().connect().await.unwrap();
    let recorder = Recorder::new();
    let ledger = Ledger {
        server,
        pool,
        store,
        recorder,
    };
    let receiver = ledger.serve(credits).await;
    let sent =
        (0..200).map(|number| event(&format!("evt_{}", number / 2), "{}").spawn(receiver.address));
    for answer in sent.collect::<Vec<_>>() {
        assert!(answer.await.unwrap().is_success());
    }
    assert_eq!(ledger.effects(), "100");
    assert_eq!(
        ledger.server.ask("SELECT count(DISTINCT key) FROM effects"),
        "100"
    );
}
