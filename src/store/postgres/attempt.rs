//! One attempt at a batch of commands, and what all workers of a store share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::clock::{Clock, UnixTime};
use crate::store::error::StoreError;
use crate::store::sql::{Answer, Change, Placed, decide};

use super::error::{Cause, Fault};
use super::session::Sessions;
use super::statements::{self, Statements};

pub(super) type Answers = Vec<Result<Answer, StoreError>>;

/// Something that is read, in a transaction of its own.
pub(super) type Work =
    Box<dyn for<'c> FnOnce(Result<&'c mut PgConnection, Fault>) -> BoxFuture<'c, bool> + Send>;

/// What a caller waits for.
pub(super) enum Job {
    Write {
        orders: Vec<Placed>,
        give_up: Instant,
        reply: oneshot::Sender<Answers>,
    },
    Read(Work),
}

/// What the workers of a store share.
pub(super) struct Shared {
    pub(super) sessions: Sessions,
    pub(super) statements: Statements,
    /// Instead of the server's clock, for tests.
    pub(super) clock: Option<Arc<dyn Clock>>,
    pub(super) jobs: Mutex<mpsc::Receiver<Job>>,
    pub(super) commits: AtomicU64,
    /// When to look for records that are over.
    pub(super) prune_at: std::sync::Mutex<Instant>,
}

impl Shared {
    /// Whether the server answers on this connection.
    pub(super) async fn is_there(&self, conn: &mut PgConnection) -> bool {
        let limit = Instant::now() + self.sessions.deadline();
        matches!(timeout_at(limit, conn.ping()).await, Ok(Ok(())))
    }

    /// The time that records go by, where the server says this.
    pub(super) fn time(&self, told: UnixTime) -> UnixTime {
        match &self.clock {
            Some(clock) => UnixTime::from_micros(clock.now().as_micros()),
            None => told,
        }
    }
}

/// What a batch met.
pub(super) struct Failure {
    pub(super) fault: Fault,
    /// Whether it may have been carried out all the same.
    pub(super) unsure: bool,
}

/// What one attempt came to.
pub(super) enum Outcome {
    Done(Answers),
    /// Another transaction has inserted one of the records at the same time.
    Collided,
}

/// Carries out these commands in one transaction.
pub(super) async fn attempt(
    conn: &mut PgConnection,
    shared: &Shared,
    orders: &[&Placed],
) -> Result<Outcome, Failure> {
    let sure = |fault| Failure {
        fault,
        unsure: false,
    };
    let is_alone = orders.len() == 1;
    let mut tx = shared.sessions.begin(conn, is_alone).await.map_err(sure)?;
    let (answers, changes) = read_and_decide(&mut tx, shared, orders)
        .await
        .map_err(sure)?;
    if changes.is_empty() {
        let ended = tx.rollback().await.map_err(Fault::from);
        return ended.map(|()| Outcome::Done(answers)).map_err(sure);
    }
    let written = statements::write(&mut tx, &shared.statements, changes).await;
    if !written.map_err(sure)? {
        let ended = tx.rollback().await.map_err(Fault::from);
        return ended.map(|()| Outcome::Collided).map_err(sure);
    }
    match tx.commit().await.map_err(Fault::from) {
        Ok(()) => {
            shared.commits.fetch_add(1, Ordering::Relaxed);
            Ok(Outcome::Done(answers))
        }
        // With no answer, or from a server that is being ended, it may be written or not.
        Err(fault) => Err(Failure {
            unsure: matches!(fault.cause(), Cause::Connection | Cause::Away),
            fault,
        }),
    }
}

async fn read_and_decide(
    conn: &mut PgConnection,
    shared: &Shared,
    orders: &[&Placed],
) -> Result<(Answers, Vec<Change>), Fault> {
    let (now, found) = statements::read(conn, &shared.statements, orders).await?;
    Ok(decide(orders.iter().copied(), &found, shared.time(now)))
}
