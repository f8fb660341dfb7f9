//! What becomes of a transaction when its connection, its lease or its server fails.

use std::collections::HashSet;
use std::sync::Arc;

use sqlx::Postgres as Db;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::sync::{Notify, watch};
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

/// What a connection broke at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Struck {
    Nothing,
    AStatement,
    TheCommit,
}

/// Has the connection of a transaction break at one of its messages; says at which.
fn breaks_at(proxy: &Proxy, number: usize, fault: Fault) -> watch::Receiver<Struck> {
    let (told, struck) = watch::channel(Struck::Nothing);
    let (mut own, mut seen) = (HashSet::new(), 0);
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
        told.send_replace(match has(b"COMMIT\0") {
            true => Struck::TheCommit,
            false => Struck::AStatement,
        });
        fault
    });
    struck
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_at_any_message_doubles_and_loses_nothing() {
    let server = Postgres::start();
    let proxy = Proxy::before(server.port).await;
    let ledger = Ledger::at(server, &proxy.url()).await;
    let receiver = ledger.serve(credits).await;
    for fault in [Fault::CutsBefore, Fault::CutsAfter] {
        let mut commits = 0;
        for number in 0.. {
            ledger.server.ask("TRUNCATE effects");
            let struck = breaks_at(&proxy, number, fault);
            let id = format!("evt_{fault:?}_{number}");
            deliver(&id, receiver.address).await;
            assert_eq!(ledger.effects(), "1", "{number} {fault:?}");
            assert!(ledger.is_done(&id).await);
            let struck = *struck.borrow();
            match struck {
                Struck::Nothing => break,
                Struck::AStatement => {}
                // Where it was made it was looked up, and not run again.
                Struck::TheCommit => {
                    let attempts = if fault == Fault::CutsAfter { 1 } else { 2 };
                    assert_eq!(ledger.record(&id).await.attempt, attempts);
                    commits += 1;
                }
            }
        }
        assert_eq!(commits, 1);
    }
}

/// Where the commit was not sent yet nothing stands; where it was made, it is looked up.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_at_the_end_is_not_waited_for() {
    let server = Postgres::start();
    let proxy = Proxy::before(server.port).await;
    let ledger = Ledger::at(server, &proxy.url()).await;
    let receiver = ledger.serve(credits).await;
    for (at, statuses, attempts) in [
        ("SET state = 2", [500, 204], 2),
        ("COMMIT\0", [204, 200], 1),
    ] {
        ledger.server.ask("TRUNCATE effects");
        let (mut own, mut stalled) = (HashSet::new(), false);
        proxy.plan_each(move |connection, message| {
            let has = |sql: &str| {
                message
                    .windows(sql.len())
                    .any(|part| part == sql.as_bytes())
            };
            if has("SET LOCAL tower_webhook.tx") {
                own.insert(connection);
            }
            if stalled || !own.contains(&connection) || !has(at) {
                return Fault::Passes;
            }
            stalled = true;
            Fault::Stalls
        });
        let id = format!("evt_{attempts}");
        for status in statuses {
            let answer = event(&id, "{}").send(receiver.address).await;
            assert_eq!(answer.status, status, "{at}");
        }
        assert_eq!(
            (ledger.effects().as_str(), ledger.record(&id).await.attempt),
            ("1", attempts)
        );
    }
}

/// Somebody else does something to the record while the handler is at work.
async fn while_at_work(deed: impl FnOnce(&Ledger)) -> (Ledger, u16) {
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
    deed(&ledger);
    go_on.notify_one();
    let status = answer.await.unwrap().status;
    (ledger, status)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_is_over_by_the_servers_clock_rolls_the_effect_back() {
    let (ledger, status) = while_at_work(Ledger::lapse).await;
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
        let (ledger, status) = while_at_work(|ledger| drop(ledger.server.ask(taken))).await;
        assert_eq!((status, ledger.effects().as_str()), (503, "0"), "{taken}");
        let seen = ledger.recorder.next().await;
        assert_eq!(seen.reason, Some(Reason::LeaseLost), "{taken}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_stands_idle_for_a_lease_is_undone() {
    let ledger = Ledger::open().await;
    let handler = |delivery: Delivery, mut tx: Tx<Db>| async move {
        credit(&mut tx, "a", delivery.attempt()).await.unwrap();
        tokio::time::sleep(2 * LEASE).await;
        StatusCode::NO_CONTENT
    };
    let receiver = ledger.serve(handler).await;
    let answer = event("evt_1", "{}").send(receiver.address).await;
    assert_eq!(answer.status, 500);
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
    let sent = (0..200).map(|number| {
        let to = receiver.address;
        tokio::spawn(async move { deliver(&format!("evt_{}", number / 2), to).await })
    });
    for sent in sent.collect::<Vec<_>>() {
        sent.await.unwrap();
    }
    assert_eq!(ledger.effects(), "100");
    assert_eq!(
        ledger.server.ask("SELECT count(DISTINCT key) FROM effects"),
        "100"
    );
}
