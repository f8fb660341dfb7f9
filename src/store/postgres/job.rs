//! The requests of callers.

use futures_util::future::BoxFuture;
use sqlx::postgres::PgConnection;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::store::sql::Place;

use super::commands::{Answer, Commands};
use super::error::Fault;

/// A read in a transaction of its own.
pub(super) type Work =
    Box<dyn for<'c> FnOnce(Result<&'c mut PgConnection, Fault>) -> BoxFuture<'c, bool> + Send>;

/// A request that a caller waits for.
pub(super) enum Job<C: Commands> {
    Write(Write<C>),
    Read(Work),
}

/// A command, and the caller that waits for its answer.
pub(super) struct Write<C: Commands> {
    pub(super) order: C::Order,
    pub(super) give_up: Instant,
    pub(super) reply: oneshot::Sender<Answer<C>>,
}

impl<C: Commands> Write<C> {
    pub(super) fn place(&self) -> Option<&Place> {
        C::place(&self.order)
    }

    pub(super) fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    pub(super) fn answer(self, answer: Answer<C>) {
        // A caller that gave up sends it again, or does not care.
        let _ = self.reply.send(answer);
    }
}
