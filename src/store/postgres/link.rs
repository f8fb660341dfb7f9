//! A connection that serves one command after another, and the statements prepared on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use data_encoding::HEXLOWER;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _, raw_sql};
use tokio::time::Instant;

use crate::store::token::Token;

use super::error::{Cause, Fault};

/// A plan is not used for more transactions, nor for longer, than this.
const PLANNED_FOR: u32 = 256;
const PLANNED_SO_LONG: Duration = Duration::from_secs(10);

/// The setting that holds the mark of a session.
pub(super) const MARK: &str = "tower_webhook.link";

/// A mark that no other session has.
pub(super) fn new_mark() -> Result<String, Fault> {
    let random = Token::random();
    let random = random.map_err(|error| Fault::new(Cause::Connection, error.to_string()))?;
    Ok(HEXLOWER.encode(random.as_bytes()))
}

/// A connection that serves one command after another.
pub(super) struct Link {
    pub(super) conn: PgConnection,
    /// When it was last used successfully.
    pub(super) used: Instant,
    names: Option<Names>,
    counted: Option<Counted>,
}

/// Counts a connection for as long as it exists.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Statements that are prepared under names.
///
/// A name belongs to a session of the server. A pooler that gives each transaction another session makes names
/// useless and even dangerous: that session may have another client's statement under the same name. So the session
/// has a mark, and each transaction first checks that mark, and the process of the server, since a pooler may carry
/// the mark along.
struct Names {
    mark: String,
    pid: i32,
    /// How many transactions were opened.
    opened: u32,
    planned: Instant,
}

/// How a transaction handles statements.
pub(super) enum Plans {
    /// None is prepared.
    None,
    Kept,
    /// A growing table needs other plans: until it is planned again, Postgres uses a plan for its earlier size.
    Anew,
}

impl Link {
    pub(super) fn new(conn: PgConnection) -> Self {
        Self::of(conn, None)
    }

    fn of(conn: PgConnection, names: Option<Names>) -> Self {
        Self {
            conn,
            used: Instant::now(),
            names,
            counted: None,
        }
    }

    /// Counts this link there for as long as it lives.
    pub(super) fn counted(mut self, count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        self.counted = Some(Counted(Arc::clone(count)));
        self
    }

    /// Whether the server answers on this connection.
    pub(super) async fn answers(&mut self) -> bool {
        self.conn.ping().await.is_ok()
    }

    /// A link on which statements may be prepared.
    pub(super) async fn prepares(conn: PgConnection) -> Result<Self, Fault> {
        let mark = new_mark()?;
        // Outside a transaction, because it must outlast all of them.
        let set = format!("set_config('{MARK}', '{mark}', false)");
        Self::of_marked(conn, mark, &set).await
    }

    /// A link that may prepare statements, if its session began with this mark: others may be lent
    /// out.
    pub(super) async fn prepares_if_own(conn: PgConnection, mark: String) -> Result<Self, Fault> {
        let found = format!("current_setting('{MARK}', true)");
        Self::of_marked(conn, mark, &found).await
    }

    async fn of_marked(mut conn: PgConnection, mark: String, found: &str) -> Result<Self, Fault> {
        let asked = format!("SELECT pg_catalog.{found}, pg_catalog.pg_backend_pid()");
        let row = conn.fetch_one(raw_sql(AssertSqlSafe(asked))).await?;
        let (found, pid): (Option<String>, i32) = (row.try_get(0)?, row.try_get(1)?);
        let names = (found.as_ref() == Some(&mark)).then(|| Names {
            mark,
            pid,
            opened: 0,
            planned: Instant::now(),
        });
        Ok(Self::of(conn, names))
    }

    pub(super) fn has_names(&self) -> bool {
        self.names.is_some()
    }

    /// How the next transaction handles prepared statements.
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

    /// Makes the next transaction plan anew, because a plan was too slow.
    pub(super) fn plan_anew(&mut self) {
        if let Some(names) = &mut self.names {
            names.opened = 0;
        }
    }

    /// Checks that this answer to [`marked`] comes from the session with the names, if any.
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

/// The same query, extended by the mark.
pub(super) fn marked(question: &str) -> String {
    format!("{question}, current_setting('{MARK}', true)")
}
