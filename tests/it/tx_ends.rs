//! Each way in which a handler that takes a [`Tx`] can end, and what is left of its effect and of its event: the
//! same cases on Postgres and on SQLite, but for what only one of them can do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;
use sqlx::{Connection, Database, Executor};
use tower_webhook::layer::Verdict;
use tower_webhook::runtime::Failure;
use tower_webhook::store::RecordState;
use tower_webhook::{Permanent, Reason, Tx, TxDatabase};

use crate::support::observer::Seen;

#[derive(Deserialize)]
pub(crate) struct Payload {
    pub(crate) data: How,
}

/// How a handler goes on once it has had its effect.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
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

/// A way to end, how many effects are left of it, and why the event is not done.
pub(crate) type Case = (How, i64, Option<Reason>);

pub(crate) const BROKEN: Option<Reason> = Some(Reason::TransactionBroken);
pub(crate) const FAILED: Option<Reason> = Some(Reason::HandlerFailed);
const PANICKED: Option<Reason> = Some(Reason::HandlerPanicked);

/// What comes to the same on both.
pub(crate) const CASES: [Case; 13] = [
    (How::Succeeds, 1, None),
    (How::TouchesNothing, 0, None),
    (How::UndoesAPart, 1, None),
    (How::LeavesASavepoint, 1, None),
    (How::GivesUp, 0, None),
    (How::Fails, 0, FAILED),
    (How::ForgetsASavepointAndFails, 0, FAILED),
    (How::Panics, 0, PANICKED),
    // It was told not to: its effect stands, and the event will run again.
    (How::Commits, 1, BROKEN),
    (How::CommitsAndBeginsAnew, 1, BROKEN),
    (How::RollsBack, 0, BROKEN),
    (How::Keeps, 0, BROKEN),
    (How::FailsAtTheCommit, 0, FAILED),
];

/// What a handler has kept beyond its end.
pub(crate) type Kept<D> = Arc<Mutex<Option<Tx<D>>>>;

/// Statements that each database has in words of its own.
pub(crate) struct Words {
    pub(crate) commits_and_begins: &'static [&'static str],
    pub(crate) is_wrong: &'static str,
    pub(crate) takes_a_minute: Option<&'static str>,
    /// What is checked at the commit alone.
    pub(crate) is_wrong_at_the_commit: &'static str,
}

/// What a handler does behind its effect.
pub(crate) async fn go_on<D>(
    how: How,
    mut tx: Tx<D>,
    words: &Words,
    kept: &Kept<D>,
) -> Result<(), Failure>
where
    D: Database + TxDatabase<Connection = <D as Database>::Connection>,
    for<'c> &'c mut <D as Database>::Connection: Executor<'c, Database = D>,
{
    let conn = tx.connection().await?;
    let own = match how {
        How::Commits => &["COMMIT"],
        How::CommitsAndBeginsAnew => words.commits_and_begins,
        How::RollsBack => &["ROLLBACK"],
        How::LeavesASavepoint => &["SAVEPOINT a"],
        How::FailsAtTheCommit => &[words.is_wrong_at_the_commit],
        _ => [].as_slice(),
    };
    for sql in own {
        conn.execute(*sql).await?;
    }
    match how {
        How::Fails => return Err(Failure::retry("as asked")),
        How::GivesUp => return Err(Permanent("as asked").into()),
        How::Panics => panic!("as asked"),
        How::IsDropped => {
            let asked = conn.execute(words.takes_a_minute.unwrap());
            let _ = tokio::time::timeout(Duration::from_millis(100), asked).await;
            return Err(Failure::retry("as asked"));
        }
        How::GoesOnBehindAnError => assert!(conn.execute(words.is_wrong).await.is_err()),
        How::ForgetsASavepoint => std::mem::forget(conn.begin().await?),
        How::ForgetsASavepointAndFails => {
            std::mem::forget(conn.begin().await?);
            return Err(Failure::retry("as asked"));
        }
        How::UndoesAPart => {
            let mut part = conn.begin().await?;
            let undone = "INSERT INTO effects VALUES ('undone', 0)";
            (&mut *part).execute(undone).await?;
            part.rollback().await?;
        }
        How::Keeps => *kept.lock().unwrap() = Some(tx),
        _ => {}
    }
    Ok(())
}

/// The sender is told, the observer sees and the record says what this case comes to.
pub(crate) fn check((how, _, reason): Case, status: u16, seen: &Seen, state: &RecordState) {
    let (verdict, told) = match reason {
        None => (Verdict::Handled, 200),
        Some(_) => (Verdict::Failed, 500),
    };
    assert_eq!(status, told, "{how:?}");
    assert_eq!(
        (seen.verdict, seen.reason),
        (verdict, reason),
        "{how:?}: {seen:?}"
    );
    // Released, not left until the end of the lease.
    let is_right = match reason {
        None => matches!(state, RecordState::Done(_)),
        Some(_) => matches!(state, RecordState::Released),
    };
    assert!(is_right, "{how:?}: {state:?}");
}
