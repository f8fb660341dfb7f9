//! Each way in which a handler can end, and what is left of its effect and of its event.

use std::sync::Arc;

use sqlx::{Connection, Executor, Postgres};
use tower_webhook::runtime::{EventHandler, Failure};
use tower_webhook::{Delivery, Event, Tx, event_handler};

use super::*;
use crate::support::blendfi::event;
use crate::tx_ends::{BROKEN, CASES, Case, FAILED, How, Kept, Payload, Words, check, go_on};

/// What only Postgres can do, or does otherwise: behind an error it takes no more statements.
const OWN_CASES: [Case; 2] = [
    (How::IsDropped, 0, FAILED),
    (How::GoesOnBehindAnError, 0, BROKEN),
];

const WORDS: Words = Words {
    commits_and_begins: &["COMMIT AND CHAIN"],
    is_wrong: "SELECT 1 / 0",
    takes_a_minute: Some("SELECT pg_sleep(60)"),
    is_wrong_at_the_commit: "INSERT INTO once VALUES (1), (1)",
};

async fn handle(
    how: How,
    delivery: Delivery,
    mut tx: Tx<Postgres>,
    kept: Kept<Postgres>,
) -> Result<(), Failure> {
    if how == How::TouchesNothing {
        return Ok(());
    }
    credit(&mut tx, &delivery.key().to_string(), delivery.attempt()).await?;
    go_on(how, tx, &WORDS, &kept).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_effect_stands_with_the_record_or_not_at_all() {
    each_way_to_end(Ledger::open().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_does_for_a_role_that_sets_everything_otherwise() {
    each_way_to_end(Ledger::of_hostile_role().await).await;
}

async fn each_way_to_end(ledger: Ledger) {
    (ledger.server).ask("CREATE TABLE once (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    let kept = Kept::default();
    let own = Arc::clone(&kept);
    let handler = move |Event(payload): Event<Payload>, delivery: Delivery, tx: Tx<Postgres>| {
        handle(payload.data, delivery, tx, Arc::clone(&own))
    };
    let server = ledger.serve(event_handler(handler)).await;
    for case in CASES.into_iter().chain(OWN_CASES) {
        let (how, effects, _) = case;
        ledger.server.ask("TRUNCATE effects");
        let id = format!("evt_{how:?}");
        let answer = event(&id, &format!("\"{how:?}\""))
            .send(server.address)
            .await;
        let seen = ledger.recorder.next().await;
        check(case, answer.status, &seen, &ledger.record(&id).await.state);
        assert_eq!(ledger.effects(), effects.to_string(), "{how:?}");
        // What was kept is good for nothing.
        let late = kept.lock().unwrap().take();
        if let Some(mut tx) = late {
            assert_eq!(how, How::Keeps);
            let late = tx.connection();
            let late = futures_util::FutureExt::now_or_never(late)
                .unwrap()
                .unwrap();
            late.execute("SELECT 1").await.unwrap();
        }
        // The connections are as good as before.
        for _ in 0..4 {
            let mut conn = ledger.pool.acquire().await.unwrap();
            let row: (i64,) = sqlx::query_as(
                "SELECT count(*) FROM pg_catalog.pg_locks
                WHERE pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
                AND locktype OPERATOR(pg_catalog.=) 'advisory'",
            )
            .fetch_one(&mut *conn)
            .await
            .unwrap();
            assert_eq!((row.0, conn.is_in_transaction()), (0, false), "{how:?}");
        }
    }
    assert_eq!(ledger.effects(), "0");
}

/// `sqlx` would take the end of the outer one for the end of the inner one.
#[tokio::test(flavor = "multi_thread")]
async fn a_savepoint_that_is_forgotten_does_not_keep_the_effect_from_being_committed() {
    let ledger = Ledger::open().await;
    let handler = |delivery: Delivery, tx: Tx<Postgres>| async move {
        let done = handle(How::ForgetsASavepoint, delivery, tx, Kept::default());
        done.await.map_or(failed(), |()| StatusCode::NO_CONTENT)
    };
    let server = ledger.serve(handler).await;
    let answer = event("evt_1", "{}").send(server.address).await;
    assert_eq!((answer.status, ledger.effects().as_str()), (204, "1"));
    assert!(ledger.is_done("evt_1").await);
}

/// A failure leaves the event to the next attempt, whose effect is the only one.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_failed_leaves_no_trace_for_the_next_one() {
    let ledger = Ledger::open().await;
    let handler = |delivery: Delivery, mut tx: Tx<Postgres>| async move {
        credit(&mut tx, "a", delivery.attempt()).await.unwrap();
        match delivery.attempt() {
            1 => failed(),
            _ => StatusCode::NO_CONTENT,
        }
    };
    let server = ledger.serve(handler).await;
    for status in [500, 204, 200] {
        let answer = event("evt_1", "{}").send(server.address).await;
        assert_eq!(answer.status, status);
    }
    let attempts = ledger
        .server
        .ask("SELECT string_agg(attempt::text, ',') FROM effects");
    assert_eq!(attempts, "2");
}

fn takes<Args>(_: impl EventHandler<(), Args>) {}

#[test]
fn it_is_an_argument_of_an_event_handler() {
    takes(async |_: Tx<Postgres>| {});
}
