//! The commands of a store, as its writer carries them out.

use sqlx::sqlite::SqliteConnection;

use crate::clock::UnixTime;
use crate::store::sql::{Answer, Placed, decide};

use super::error::Fault;
use super::writer::{CarriedOut, Commands};
use super::{schema, statements};

pub(super) struct RecordCommands;

impl Commands for RecordCommands {
    type Order = Placed;
    type Answer = Answer;
    type Effect = ();

    const THREAD: &'static str = "webhook-sqlite";
    const ROWS: &'static str = "records";
    const IS_OVER: &'static str = statements::IS_OVER;
    const PRUNE: &'static [&'static str] = &[statements::PRUNE];

    async fn set_up(&mut self, conn: &mut SqliteConnection) -> Result<(), Fault> {
        schema::migrate(conn, &schema::RECORDS).await
    }

    async fn prepare(&mut self, _: &mut SqliteConnection) -> Result<(), Fault> {
        Ok(())
    }

    async fn carry_out(
        &self,
        conn: &mut SqliteConnection,
        orders: &[&Placed],
        now: UnixTime,
    ) -> Result<CarriedOut<Self>, Fault> {
        let found = statements::read(conn, orders).await?;
        let (answers, changes) = decide(orders.iter().copied(), &found, now);
        let wrote = !changes.is_empty();
        statements::write(conn, changes).await?;
        Ok(CarriedOut {
            answers,
            wrote,
            effect: (),
        })
    }

    fn committed(&mut self, (): ()) {}
}
