//! What callers ask for.

use futures_util::future::BoxFuture;
use sqlx::postgres::PgConnection;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::store::error::StoreError;
use crate::store::sql::{self, Order, Place, Placed};

use super::error::Fault;

pub(super) type Answer = Result<sql::Answer, StoreError>;
pub(super) type Answers = Vec<Answer>;

/// Something that is read, in a transaction of its own.
pub(super) type Work =
    Box<dyn for<'c> FnOnce(Result<&'c mut PgConnection, Fault>) -> BoxFuture<'c, bool> + Send>;

/// What a caller waits for.
pub(super) enum Job {
    Write(Write),
    Read(Work),
}

/// A command, and who waits for its answer.
pub(super) struct Write {
    pub(super) order: Placed,
    pub(super) give_up: Instant,
    pub(super) reply: oneshot::Sender<Answer>,
}

impl Write {
    pub(super) fn place(&self) -> &Place {
        &self.order.place
    }

    pub(super) fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    /// Whether a second look can say the same as the first: not whether there was a record.
    pub(super) fn may_be_repeated(&self) -> bool {
        !matches!(self.order.order, Order::Forget(_))
    }

    pub(super) fn answer(self, answer: Answer) {
        // Who gave up sends it again, or does not care.
        let _ = self.reply.send(answer);
    }
}
