//! Each way in which a handler can end, and what is left of its effect and of its event.

use std::sync::{Arc, Mutex};

use serde::Deserialize;
use sqlx::{Connection, Executor, Postgres};
use tower_webhook::layer::Verdict;
use tower_webhook::runtime::{EventHandler, Failure};
use tower_webhook::{Delivery, Event, Permanent, Reason, Tx, event_handler};

use super::*;
use crate::support::blendfi::event;

#[derive(Deserialize)]
struct Payload {
    data: How,
}

/// How a handler goes on once it has had its effect.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
enum How {
    Succeeds,
    TouchesNothing,
    Fails,
    GivesUp,
    Panics,
    IsDropped,
    Commits,
    CommitsAndBeginsAnew,
    RollsBack,
    GoesOnBehindAnError,
    LeavesASavepoint,
    ForgetsASavepoint,
    ForgetsASavepointAndFails,
    UndoesAPart,
    Keeps,
    FailsAtTheCommit,
}

/// What a handler has kept beyond its end.
type Kept = Arc<Mutex<Option<Tx<Postgres>>>>;

async fn handle(
    how: How,
    delivery: Delivery,
    mut tx: Tx<Postgres>,
    kept: Kept,
) -> Result<(), Failure> {
    if how == How::TouchesNothing {
        return Ok(());
    }
    credit(&mut tx, &delivery.key().to_string(), delivery.attempt()).await?;
    let conn = tx.connection().await?;
    let own = match how {
        How::Commits => Some("COMMIT"),
        How::CommitsAndBeginsAnew => Some("COMMIT AND CHAIN"),
        How::RollsBack => Some("ROLLBACK"),
        How::LeavesASavepoint => Some("SAVEPOINT a"),
        _ => None,
    };
    if let Some(sql) = own {
        conn.execute(sql).await?;
        return Ok(());
    }
    match how {
        How::Fails => return Err(Failure::retry("as asked")),
        How::GivesUp => return Err(Permanent("as asked").into()),
        How::Panics => panic!("as asked"),
        How::IsDropped => {
            let asked = conn.execute("SELECT pg_sleep(60)");
            let _ = tokio::time::timeout(SECOND / 10, asked).await;
            return Err(Failure::retry("as asked"));
        }
        How::GoesOnBehindAnError => assert!(conn.execute("SELECT 1 / 0").await.is_err()),
        How::ForgetsASavepoint => std::mem::forget(conn.begin().await?),
        How::ForgetsASavepointAndFails => {
            std::mem::forget(conn.begin().await?);
            return Err(Failure::retry("as asked"));
        }
        How::UndoesAPart => {
            let mut part = conn.begin().await?;
            part.execute("INSERT INTO effects VALUES ('undone', 0)")
                .await?;
            part.rollback().await?;
        }
        How::Keeps => *kept.lock().unwrap() = Some(tx),
        // What is checked at the commit alone.
        How::FailsAtTheCommit => {
            conn.execute("INSERT INTO once VALUES (1), (1)").await?;
        }
        _ => {}
    }
    Ok(())
}

const BROKEN: Option<Reason> = Some(Reason::TransactionBroken);
const FAILED: Option<Reason> = Some(Reason::HandlerFailed);
const PANICKED: Option<Reason> = Some(Reason::HandlerPanicked);

/// How many effects are left of a handler that ends so, and why its event is not done.
const CASES: [(How, &str, Option<Reason>); 15] = [
    (How::Succeeds, "1", None),
    (How::TouchesNothing, "0", None),
    (How::UndoesAPart, "1", None),
    (How::LeavesASavepoint, "1", None),
    (How::GivesUp, "0", None),
    (How::Fails, "0", FAILED),
    (How::ForgetsASavepointAndFails, "0", FAILED),
    (How::Panics, "0", PANICKED),
    (How::IsDropped, "0", FAILED),
    // It was told not to: its effect stands, and the event will run again.
    (How::Commits, "1", BROKEN),
    (How::CommitsAndBeginsAnew, "1", BROKEN),
    (How::RollsBack, "0", BROKEN),
    (How::GoesOnBehindAnError, "0", BROKEN),
    (How::Keeps, "0", BROKEN),
    (How::FailsAtTheCommit, "0", FAILED),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_effect_stands_with_the_record_or_not_at_all() {
    let ledger = Ledger::open().await;
    (ledger.server).ask("CREATE TABLE once (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    let kept = Kept::default();
    let own = Arc::clone(&kept);
    let handler = move |Event(payload): Event<Payload>, delivery: Delivery, tx: Tx<Postgres>| {
        handle(payload.data, delivery, tx, Arc::clone(&own))
    };
    let server = ledger.serve(event_handler(handler)).await;
    for (how, effects, reason) in CASES {
        let (is_done, status) = match reason {
            None => (true, 200),
            Some(_) => (false, 500),
        };
        ledger.server.ask("TRUNCATE effects");
        let id = format!("evt_{how:?}");
        let data = text(how);
        let answer = event(&id, &data).send(server.address).await;
        assert_eq!(answer.status, status, "{how:?}");
        let seen = ledger.recorder.next().await;
        let verdict = if is_done {
            Verdict::Handled
        } else {
            Verdict::Failed
        };
        assert_eq!(
            (seen.verdict, seen.reason),
            (verdict, reason),
            "{how:?}: {seen:?}"
        );
        assert_eq!(ledger.effects(), effects, "{how:?}");
        assert_eq!(ledger.is_done(&id).await, is_done, "{how:?}");
        // Released, not left until the end of the lease.
        let state = ledger.record(&id).await.state;
        assert!(
            is_done || matches!(state, RecordState::Released),
            "{how:?}: {state:?}"
        );
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
                "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()
                AND locktype = 'advisory'",
            )
            .fetch_one(&mut *conn)
            .await
            .unwrap();
            assert_eq!((row.0, conn.is_in_transaction()), (0, false), "{how:?}");
        }
    }
    assert_eq!(ledger.effects(), "0");
}

fn text(how: How) -> String {
    let name = format!("{how:?}");
    let mut text = String::from("\"");
    for (at, letter) in name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text + "\""
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
