//! A connection that serves one command after the other, and what the server keeps prepared for it.

use std::time::Duration;

use data_encoding::HEXLOWER;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Executor as _, Row as _, raw_sql};
use tokio::time::Instant;

use crate::store::token::Token;

use super::error::{Cause, Fault};

/// A plan is not used for more transactions than this, nor for longer.
const PLANNED_FOR: u32 = 256;
const PLANNED_SO_LONG: Duration = Duration::from_secs(10);

/// The setting of a session that has its mark.
const MARK: &str = "tower_webhook.link";

/// A connection that serves one command after the other.
pub(super) struct Link {
    pub(super) conn: PgConnection,
    names: Option<Names>,
}

/// Statements that are prepared under names.
///
/// A name belongs to a session of the server. A pooler that gives each transaction another session makes names of no use,
/// and worse: under one name that session may know a statement of somebody else. So the session has a mark, and each
/// transaction first says which mark it finds, and which process of the server: a pooler may carry the mark along.
struct Names {
    mark: String,
    pid: i32,
    /// How often a transaction was opened.
    opened: u32,
    planned: Instant,
}

/// How a transaction goes about statements.
pub(super) enum Plans {
    /// None is prepared.
    None,
    Kept,
    /// A table that grows wants other plans: until Postgres looks at it again it goes by what it was.
    Anew,
}

impl Link {
    pub(super) fn new(conn: PgConnection) -> Self {
        Self { conn, names: None }
    }

    /// The same, on which statements may be prepared.
    pub(super) async fn prepares(mut conn: PgConnection) -> Result<Self, Fault> {
        let random =
            Token::random().map_err(|error| Fault::new(Cause::Connection, error.to_string()))?;
        let mark = HEXLOWER.encode(random.as_bytes());
        // Outside of a transaction: it is to outlast all of them.
        let set = format!(
            "SELECT pg_catalog.set_config('{MARK}', '{mark}', false), pg_catalog.pg_backend_pid()"
        );
        let row = conn.fetch_one(raw_sql(AssertSqlSafe(set))).await?;
        let names = Some(Names {
            mark,
            pid: row.try_get(1)?,
            opened: 0,
            planned: Instant::now(),
        });
        Ok(Self { conn, names })
    }

    pub(super) fn has_names(&self) -> bool {
        self.names.is_some()
    }

    /// How the next transaction goes about them.
    pub(super) fn plans(&mut self) -> Plans {
        let Some(names) = &mut self.names else {
            return Plans::None;
        };
        names.opened = names.opened.wrapping_add(1);
        let is_due = names.opened.is_power_of_two()
            || names.opened.is_multiple_of(PLANNED_FOR)
            || names.planned.elapsed() >= PLANNED_SO_LONG;
        if !is_due {
            return Plans::Kept;
        }
        names.planned = Instant::now();
        Plans::Anew
    }

    /// Has the next transaction plan anew: a plan was too slow.
    pub(super) fn plan_anew(&mut self) {
        if let Some(names) = &mut self.names {
            names.opened = 0;
        }
    }

    /// Whether this answer to [`marked`] comes from the session that knows the names, if there are any.
    pub(super) fn goes_on(&self, rows: &[PgRow]) -> Result<(), Fault> {
        let Some(names) = &self.names else {
            return Ok(());
        };
        let Some(last) = rows.last() else {
            return Err(Fault::new(Cause::Connection, "no answer at all"));
        };
        let (pid, mark): (i32, Option<String>) = (last.try_get(1)?, last.try_get(2)?);
        match pid == names.pid && mark.is_some_and(|mark| mark == names.mark) {
            true => Ok(()),
            false => Err(Fault::new(
                Cause::Unprepared,
                "another session of the server answers than the one that knows the statements",
            )),
        }
    }
}

/// The same question, and for the mark.
pub(super) fn marked(question: &str) -> String {
    format!("{question}, current_setting('{MARK}', true)")
}
