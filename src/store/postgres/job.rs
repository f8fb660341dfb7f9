//! What callers ask for.

use futures_util::future::BoxFuture;
use sqlx::postgres::PgConnection;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::store::error::StoreError;
use crate::store::sql::{Answer, Placed};

use super::error::Fault;

pub(super) type Answers = Vec<Result<Answer, StoreError>>;

/// Something that is read, in a transaction of its own.
pub(super) type Work =
    Box<dyn for<'c> FnOnce(Result<&'c mut PgConnection, Fault>) -> BoxFuture<'c, bool> + Send>;

/// What a caller waits for.
pub(super) enum Job {
    Write(Write),
    Read(Work),
}

/// Commands of one caller.
pub(super) struct Write {
    pub(super) orders: Vec<Placed>,
    pub(super) give_up: Instant,
    pub(super) reply: oneshot::Sender<Answers>,
}

impl Write {
    pub(super) fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    /// Answers each command with this.
    pub(super) fn refuse(self, fault: &Fault) {
        let answers = self.orders.iter().map(|_| Err(fault.clone().into()));
        let _ = self.reply.send(answers.collect());
    }
}
