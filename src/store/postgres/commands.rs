//! The commands on the tables of a store or of an inbox.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use sqlx::postgres::PgConnection;

use crate::clock::{Clock, UnixTime};
use crate::store::error::StoreError;
use crate::store::server_clock::{self, ServerClock};
use crate::store::sql::Place;

use super::error::Fault;
use super::schema::Part;
use super::session::Sessions;
use super::sql::Sql;
use super::table::Tables;
use super::told::Told;

/// The writes to a set of tables: the records of a store, or the entries of an inbox.
pub(super) trait Commands: Send + Sync + 'static {
    /// A command.
    type Order: Send + Sync + 'static;
    type Answer: Send + 'static;
    /// What to note after the commit.
    type Effect: Send;

    /// The name of the worker thread.
    const THREAD: &'static str;
    /// What the rows are called in the log.
    const ROWS: &'static str;

    /// The message logged at the start.
    const STARTED: &'static str;
    /// The tables that the commands need.
    const PARTS: &'static [Part];

    /// The tables whose rows must not be lost.
    fn kept_in(tables: &Tables) -> Vec<String>;

    /// Which rights the role needs in which table.
    fn rights(tables: &Tables) -> Vec<(String, &'static [&'static str])>;

    /// Fixes the tables after a dump was restored without its sequences, if the role may do so.
    fn numbering(_: &Tables) -> Option<String> {
        None
    }

    /// The place of the row that a command concerns, if any.
    fn place(order: &Self::Order) -> Option<&Place>;

    /// How many bytes of content a command carries.
    fn size(order: &Self::Order) -> usize;

    /// Whether a command may wait briefly for others to share its transaction while some are under way.
    fn gathers(_: &Self::Order) -> bool {
        false
    }

    /// Whether a command that is sent again can return its first result.
    fn may_be_repeated(order: &Self::Order) -> bool;

    /// Carries commands out in an open transaction, in their order. `None` if another transaction has
    /// inserted one of the rows in the meantime: then everything must be undone.
    fn carry_out(
        &self,
        conn: &mut PgConnection,
        orders: &[&Self::Order],
        time: &ServerTime,
        opening: &Opening,
    ) -> impl Future<Output = Result<Option<CarriedOut<Self>>, Fault>> + Send;

    fn committed(&self, effect: Self::Effect);

    /// Something may have been committed that no [`Effect`](Self::Effect) describes, by a handler's transaction or
    /// by a batch whose answer was lost.
    fn may_have_changed(&self) {}

    /// What remains to be done after commands were answered, outside a transaction.
    fn afterwards(
        &self,
        conn: &mut PgConnection,
        sessions: &Sessions,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Work that runs alongside the workers, for as long as they run.
    fn beside(&self, sessions: Sessions) -> BoxFuture<'static, ()>;

    /// Removes up to `$3` rows whose time ended from `$1` to `$2`, and returns those times.
    fn prune(&self) -> &Sql;
}

/// The start of a transaction.
#[cfg_attr(
    not(feature = "inbox"),
    expect(dead_code, reason = "records are read with the time that they go by")
)]
pub(super) struct Opening {
    /// When the start of the transaction was sent.
    pub(super) sent: Instant,
    /// The server's report at that moment: its time is earlier than any wait for a lock.
    pub(super) told: Told,
}

/// The result of commands.
pub(super) struct CarriedOut<C: Commands + ?Sized> {
    pub(super) answers: Answers<C>,
    /// Whether there is anything to commit.
    pub(super) wrote: bool,
    pub(super) effect: C::Effect,
    /// The process of the server that carried them out.
    pub(super) pid: i32,
}

pub(super) type Answer<C> = Result<<C as Commands>::Answer, StoreError>;
pub(super) type Answers<C> = Vec<Answer<C>>;

/// The time that applies to rows.
pub(super) struct ServerTime {
    /// Replaces the server's clock in tests.
    pub(super) clock: Option<Arc<dyn Clock>>,
    seen: ServerClock,
    /// The name of the server, for the log.
    pub(super) server: String,
}

impl Default for ServerTime {
    fn default() -> Self {
        Self {
            clock: None,
            seen: ServerClock::new(1),
            server: String::new(),
        }
    }
}

impl ServerTime {
    /// The time for `told`, which was requested at `sent`; a step of the server's clock is logged.
    pub(super) fn answered(&self, sent: Instant, told: UnixTime) -> UnixTime {
        if let Some(moved) = self.seen.step(0, sent, told) {
            server_clock::log("Postgres", &self.server, moved);
        }
        self.of(told)
    }

    /// The time that applies when the server reports this.
    pub(super) fn of(&self, told: UnixTime) -> UnixTime {
        match &self.clock {
            Some(clock) => UnixTime::from_micros(clock.now().as_micros()),
            None => told,
        }
    }
}
