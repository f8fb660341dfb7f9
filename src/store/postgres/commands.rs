//! What is to be done to the tables of a store or of an inbox.

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

/// What is written to some of the tables: the records of a store, or the entries of an inbox.
pub(super) trait Commands: Send + Sync + 'static {
    /// A command.
    type Order: Send + Sync + 'static;
    type Answer: Send + 'static;
    /// What to note once the commit is made.
    type Effect: Send;

    /// The name of the thread.
    const THREAD: &'static str;
    /// What the rows are, for the log.
    const ROWS: &'static str;

    /// What is logged at the start.
    const STARTED: &'static str;
    /// The tables that they need.
    const PARTS: &'static [Part];

    /// The tables whose rows must not be lost.
    fn kept_in(tables: &Tables) -> Vec<String>;

    /// What the role must be allowed to do in which table.
    fn rights(tables: &Tables) -> Vec<(String, &'static [&'static str])>;

    /// What mends the tables behind a dump that was restored without its sequences, where the role may do so.
    fn numbering(_: &Tables) -> Option<String> {
        None
    }

    /// Where the row is that a command is about, if it is about one.
    fn place(order: &Self::Order) -> Option<&Place>;

    /// How many bytes of content a command brings.
    fn size(order: &Self::Order) -> usize;

    /// Whether a command may wait a moment for others that go with it while some are under way.
    fn gathers(_: &Self::Order) -> bool {
        false
    }

    /// Whether a command that is sent again can say what it came to the first time.
    fn may_be_repeated(order: &Self::Order) -> bool;

    /// Carries commands out in a transaction that is open, in their order. `None` where another transaction
    /// has inserted one of the rows meanwhile: then all is to be undone.
    fn carry_out(
        &self,
        conn: &mut PgConnection,
        orders: &[&Self::Order],
        time: &ServerTime,
        opening: &Opening,
    ) -> impl Future<Output = Result<Option<CarriedOut<Self>>, Fault>> + Send;

    fn committed(&self, effect: Self::Effect);

    /// Something may have been committed that no [`Effect`](Self::Effect) tells of: by a handler's transaction, or
    /// by a batch whose answer was lost.
    fn may_have_changed(&self) {}

    /// What is left to do when commands were answered, outside of a transaction.
    fn afterwards(
        &self,
        conn: &mut PgConnection,
        sessions: &Sessions,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// What goes on beside the workers, for as long as they do.
    fn beside(&self, sessions: Sessions) -> BoxFuture<'static, ()>;

    /// Removes up to `$3` rows whose time ended from `$1` to `$2`, and says when each did.
    fn prune(&self) -> &Sql;
}

/// The beginning of a transaction.
#[cfg_attr(
    not(feature = "inbox"),
    expect(dead_code, reason = "records are read with the time that they go by")
)]
pub(super) struct Opening {
    /// When that was sent.
    pub(super) sent: Instant,
    /// What the server has told of itself then: its time is earlier than any wait for a lock.
    pub(super) told: Told,
}

/// What commands came to.
pub(super) struct CarriedOut<C: Commands + ?Sized> {
    pub(super) answers: Answers<C>,
    /// Whether there is anything to commit.
    pub(super) wrote: bool,
    pub(super) effect: C::Effect,
    /// The process of the server that has done it.
    pub(super) pid: i32,
}

pub(super) type Answer<C> = Result<<C as Commands>::Answer, StoreError>;
pub(super) type Answers<C> = Vec<Answer<C>>;

/// The time that rows go by.
pub(super) struct ServerTime {
    /// Instead of the server's clock, for tests.
    pub(super) clock: Option<Arc<dyn Clock>>,
    seen: ServerClock,
    /// Whose it is, for the log.
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
    /// The same, where it was asked for at this moment; a step of the server's clock is logged.
    pub(super) fn answered(&self, sent: Instant, told: UnixTime) -> UnixTime {
        if let Some(moved) = self.seen.step(0, sent, told) {
            server_clock::log("Postgres", &self.server, moved);
        }
        self.of(told)
    }

    /// The time where the server says this.
    pub(super) fn of(&self, told: UnixTime) -> UnixTime {
        match &self.clock {
            Some(clock) => UnixTime::from_micros(clock.now().as_micros()),
            None => told,
        }
    }
}
