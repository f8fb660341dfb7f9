//! What goes in one transaction: a batch of commands, or the removal of some rows.

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

/// What a batch met.
pub(super) struct Failure {
    pub(super) fault: Fault,
    /// Whether it may have been carried out all the same.
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

/// What one attempt came to.
pub(super) enum Outcome<C: Commands> {
    Done(Answers<C>),
    /// Another transaction has inserted one of the rows at the same time.
    Collided,
}

/// Carries out these commands in one transaction, unless it takes until the limit.
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
    // Who asked has given up: this is not to happen any more.
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
        // With no answer, or from a server that is being ended, it may be written or not.
        Err(fault) => Err(Failure {
            unsure: matches!(fault.cause(), Cause::Connection | Cause::Away),
            fault,
            is_clean: false,
        }),
    }
}

/// Where the server has refused a statement because of others, or nobody waits any more, the connection
/// is good as soon as the transaction has ended.
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

/// Removes some rows whose retention is over, if there are any.
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
