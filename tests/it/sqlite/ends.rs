//! Each way in which a handler can end, and what is left of its effect and of its event.

use std::sync::{Arc, Mutex};

use serde::Deserialize;
use sqlx::{Connection, Executor, Sqlite};
use tower_webhook::layer::Verdict;
use tower_webhook::runtime::Failure;
use tower_webhook::{Delivery, Event, Permanent, Reason, Tx, event_handler};

use super::*;
use crate::support::blendfi::event;
use crate::support::wait::until;

#[derive(Deserialize)]
struct Payload {
    data: How,
}

/// How a handler goes on once it has had its effect.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
enum How {
    Succeeds,
    TouchesNothing,
    Fails,
    GivesUp,
    Panics,
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
type Kept = Arc<Mutex<Option<Tx<Sqlite>>>>;

async fn handle(
    how: How,
    delivery: Delivery,
    mut tx: Tx<Sqlite>,
    kept: Kept,
) -> Result<(), Failure> {
    if how == How::TouchesNothing {
        return Ok(());
    }
    credit(&mut tx, &delivery.key().to_string(), delivery.attempt()).await?;
    let conn = tx.connection().await?;
    let own: &[&'static str] = match how {
        How::Commits => &["COMMIT"],
        How::CommitsAndBeginsAnew => &["COMMIT", "BEGIN"],
        How::RollsBack => &["ROLLBACK"],
        How::LeavesASavepoint => &["SAVEPOINT a"],
        // What is checked at the commit alone.
        How::FailsAtTheCommit => &["INSERT INTO entries VALUES (1)"],
        _ => &[],
    };
    for sql in own {
        conn.execute(*sql).await?;
    }
    match how {
        How::Fails => return Err(Failure::retry("as asked")),
        How::GivesUp => return Err(Permanent("as asked").into()),
        How::Panics => panic!("as asked"),
        How::GoesOnBehindAnError => assert!(conn.execute("SELECT nothing").await.is_err()),
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
        _ => {}
    }
    Ok(())
}

const BROKEN: Option<Reason> = Some(Reason::TransactionBroken);
const FAILED: Option<Reason> = Some(Reason::HandlerFailed);
const PANICKED: Option<Reason> = Some(Reason::HandlerPanicked);

/// How many effects are left of a handler that ends so, and why its event is not done.
const CASES: [(How, i64, Option<Reason>); 15] = [
    (How::Succeeds, 1, None),
    (How::TouchesNothing, 0, None),
    (How::UndoesAPart, 1, None),
    (How::LeavesASavepoint, 1, None),
    // One statement fails alone.
    (How::GoesOnBehindAnError, 1, None),
    (How::GivesUp, 0, None),
    (How::Fails, 0, FAILED),
    (How::ForgetsASavepointAndFails, 0, FAILED),
    (How::Panics, 0, PANICKED),
    // It was told not to: its effect stands, and the event will run again.
    (How::Commits, 1, BROKEN),
    (How::CommitsAndBeginsAnew, 1, BROKEN),
    (How::RollsBack, 0, BROKEN),
    (How::ForgetsASavepoint, 0, FAILED),
    (How::Keeps, 0, BROKEN),
    (How::FailsAtTheCommit, 0, FAILED),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_effect_stands_with_the_record_or_not_at_all() {
    let ledger = Ledger::open().await;
    let kept = Kept::default();
    let own = Arc::clone(&kept);
    let handler = move |Event(payload): Event<Payload>, delivery: Delivery, tx: Tx<Sqlite>| {
        handle(payload.data, delivery, tx, Arc::clone(&own))
    };
    let server = ledger.serve(event_handler(handler)).await;
    for (how, effects, reason) in CASES {
        let (is_done, status) = match reason {
            None => (true, 200),
            Some(_) => (false, 500),
        };
        let id = format!("evt_{how:?}");
        let sent = event(&id, &format!("\"{how:?}\"")).spawn(server.address);
        if how == How::Keeps {
            // It keeps the file too, until it lets go of it: so long nobody is told that the event is free.
            until("it is kept", || kept.lock().unwrap().is_some()).await;
            tokio::time::sleep(SECOND / 10).await;
            drop(kept.lock().unwrap().take());
        }
        let answer = sent.await.unwrap();
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
        assert_eq!(ledger.effects().await, effects, "{how:?}");
        assert_eq!(ledger.is_done(&id).await, is_done, "{how:?}");
        // Released, not left until the end of the lease.
        let state = ledger.record(&id).await.state;
        assert!(
            is_done || matches!(state, RecordState::Released),
            "{how:?}: {state:?}"
        );
        // The file can be written as before.
        sqlx::query("DELETE FROM effects")
            .execute(&ledger.pool)
            .await
            .unwrap();
    }
}
