//! The work of one transaction: a batch of commands, or the removal of some rows.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use crate::store::sql::micros;

use super::commands::{Answers, CarriedOut, Commands, Opening};
use super::error::{Cause, Fault};
use super::link::Link;
use super::overdue::Commit;
use super::pruning::{Look, SPARE};
use super::session::Open;
use super::shared::Shared;
use super::statements;

/// How a batch failed.
pub(super) struct Failure {
    pub(super) fault: Fault,
    /// Whether it may nevertheless have been carried out.
    pub(super) unsure: bool,
    /// Whether the connection is as it was before.
    pub(super) is_clean: bool,
}

impl Failure {
    /// Nothing was carried out; the connection is not used again.
    pub(super) fn sure(fault: Fault) -> Self {
        Self {
            fault,
            unsure: false,
            is_clean: false,
        }
    }
}

/// The result of one attempt.
pub(super) enum Outcome<C: Commands> {
    Done(Answers<C>),
    /// Another transaction inserted one of the rows at the same time.
    Collided,
}

/// Carries out these commands in one transaction, within the time limit.
pub(super) async fn attempt<C: Commands>(
    link: &mut Link,
    shared: &Shared<C>,
    orders: &[&C::Order],
    limit: Instant,
    commit: &Commit,
) -> Result<Outcome<C>, Failure> {
    let sent = std::time::Instant::now();
    let opened = shared.sessions.open(link).await;
    let (mut tx, told) = opened.map_err(Failure::sure)?;
    let opening = Opening { sent, told };
    let carrying_out = (shared.commands).carry_out(tx.conn(), orders, &shared.time, &opening);
    let CarriedOut {
        answers,
        wrote,
        effect,
        pid,
    } = match carrying_out.await {
        Ok(Some(carried_out)) => carried_out,
        Ok(None) => {
            let ended = tx.rollback().await;
            return ended.map(|()| Outcome::Collided).map_err(Failure::sure);
        }
        Err(fault) => return Err(undone(tx, fault).await),
    };
    if !wrote {
        let ended = tx.rollback().await;
        return ended
            .map(|()| Outcome::Done(answers))
            .map_err(Failure::sure);
    }
    // The callers have given up: nothing may be committed any more.
    if Instant::now() >= limit {
        return Err(undone(tx, Fault::slow()).await);
    }
    commit.begins(pid);
    match tx.commit().await {
        Ok(()) => {
            shared.commits.fetch_add(1, Ordering::Relaxed);
            shared.commands.committed(effect);
            Ok(Outcome::Done(answers))
        }
        // Without an answer, or from a server that is shutting down, it may or may not be written.
        Err(fault) => Err(Failure {
            unsure: matches!(fault.cause(), Cause::Connection | Cause::Away),
            fault,
            is_clean: false,
        }),
    }
}

/// If the server refused a statement because of other transactions, or nobody waits any more, the
/// connection is usable as soon as the transaction has ended.
async fn undone(tx: Open<'_>, fault: Fault) -> Failure {
    let is_clean = match fault.cause() {
        Cause::Locked | Cause::Undone | Cause::Slow => tx.rollback().await.is_ok(),
        _ => false,
    };
    Failure {
        fault,
        unsure: false,
        is_clean,
    }
}

/// Removes some rows whose retention is over, if any.
pub(super) async fn prune<C: Commands>(
    link: &mut Link,
    shared: &Shared<C>,
    look: Look,
    commit: &Commit,
) -> Result<(), Fault> {
    let (mut tx, told) = shared.sessions.open(link).await?;
    let at = micros(shared.time.of(told.time).saturating_sub(SPARE));
    let span = (look.from, at);
    let ends = statements::prune(tx.conn(), shared.commands.prune(), span, look.most).await?;
    commit.begins(told.pid);
    tx.commit().await?;
    shared.pruning.done(look, Instant::now(), &ends, at);
    Ok(())
}
