//! The commands of a store, as its workers carry them out.

use std::future::pending;
use std::time::Instant;

use futures_util::future::BoxFuture;
use sqlx::postgres::PgConnection;

use crate::store::sql::{Answer, Order, Place, Placed, decide};

use super::commands::{CarriedOut, Commands, Opening, ServerTime};
use super::error::Fault;
use super::rights::ALL;
use super::schema::{Part, RECORDS};
use super::session::Sessions;
use super::sql::{Preparing, Sql};
use super::statements::{self, Statements};
use super::table::Tables;

/// The commands of a store.
pub(super) struct RecordCommands {
    pub(super) statements: Statements,
}

impl RecordCommands {
    pub(super) fn new(tables: &Tables, preparing: &Preparing) -> Self {
        Self {
            statements: Statements::new(tables, preparing),
        }
    }
}

impl Commands for RecordCommands {
    type Order = Placed;
    type Answer = Answer;
    type Effect = ();

    const THREAD: &'static str = "webhook-postgres";
    const ROWS: &'static str = "records";
    const STARTED: &'static str = "events are remembered in Postgres";
    const PARTS: &'static [Part] = &[RECORDS];

    fn kept_in(tables: &Tables) -> Vec<String> {
        vec![tables.records()]
    }

    fn rights(tables: &Tables) -> Vec<(String, &'static [&'static str])> {
        vec![(tables.records(), ALL)]
    }

    fn place(order: &Placed) -> Option<&Place> {
        Some(&order.place)
    }

    /// The size of a handler's answer is limited where it is stored.
    fn size(_: &Placed) -> usize {
        0
    }

    /// A second try cannot tell whether there was a record.
    fn may_be_repeated(order: &Placed) -> bool {
        !matches!(order.order, Order::Forget(_) | Order::ForgetDone(_))
    }

    async fn carry_out(
        &self,
        conn: &mut PgConnection,
        orders: &[&Placed],
        time: &ServerTime,
        _: &Opening,
    ) -> Result<Option<CarriedOut<Self>>, Fault> {
        let sent = Instant::now();
        let (told, found) = statements::read(&mut *conn, &self.statements, orders).await?;
        let now = time.answered(sent, told.time);
        let (answers, changes) = decide(orders.iter().copied(), &found, now);
        let wrote = !changes.is_empty();
        let is_alone = statements::write(conn, &self.statements, changes).await?;
        Ok(is_alone.then_some(CarriedOut {
            answers,
            wrote,
            effect: (),
            pid: told.pid,
        }))
    }

    fn committed(&self, (): ()) {}

    async fn afterwards(&self, _: &mut PgConnection, _: &Sessions) -> Result<(), Fault> {
        Ok(())
    }

    fn beside(&self, _: Sessions) -> BoxFuture<'static, ()> {
        Box::pin(pending())
    }

    fn prune(&self) -> &Sql {
        self.statements.prune()
    }
}
