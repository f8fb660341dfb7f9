//! Work after the answers, which no caller waits for.

use tokio::time::Instant;

use crate::store::postgres::attempt::prune;
use crate::store::postgres::commands::Commands;
use crate::store::postgres::error::Cause;
use crate::store::postgres::overdue::{Commit, finished};

use super::Worker;

impl<C: Commands> Worker<C> {
    /// Does the work left after the answers, and removes some rows whose time is over, if a scan for them is
    /// due.
    pub(super) async fn tidy_up(&mut self) {
        let Some(mut link) = self.link() else {
            return;
        };
        let (limit, commit) = (self.limit(), Commit::default());
        let sessions = &self.shared.sessions;
        let afterwards = self.shared.commands.afterwards(&mut link.conn, sessions);
        if !matches!(
            finished(&self.shared, self.number, afterwards, limit, &commit).await,
            Some(Ok(()))
        ) {
            return;
        }
        let Some(look) = self.shared.pruning.due(Instant::now()) else {
            self.keep(link);
            return;
        };
        let (limit, commit) = (self.limit(), Commit::default());
        let pruning = prune(&mut link, &self.shared, look, &commit);
        match finished(&self.shared, self.number, pruning, limit, &commit).await {
            Some(Ok(())) => self.keep(link),
            Some(Err(fault)) => {
                if fault.cause() == Cause::Slow {
                    self.shared.pruning.was_too_slow(look);
                }
                self.shared.sessions.heed(&fault);
                tracing::warn!(%fault, "{} whose retention is over cannot be removed", C::ROWS);
            }
            None => self.shared.pruning.was_too_slow(look),
        }
    }
}
