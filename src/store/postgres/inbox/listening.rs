//! A session that may listen.
//!
//! It is the session of the server that listens, and behind a pooler in transaction mode that is lent to others next.
//! They would hear what they never asked for: sqlx 0.9.0 takes such a word for a wrong answer, and gives up the
//! connection and the command on it. PgBouncer 1.18 says nothing to that, so it must be known before.

use sqlx::postgres::PgListener;
use sqlx::{AssertSqlSafe, Executor as _, Row as _, raw_sql};
use tokio::time::timeout;

use crate::store::postgres::error::{Cause, Fault};
use crate::store::postgres::link::new_mark;
use crate::store::postgres::session::Sessions;

/// The setting that a session of one's own begins with.
const MARK: &str = "tower_webhook.listener";

/// A listener on a session of its own.
///
/// It asks for a setting as it connects. The server gives that to the session that begins then. A pooler has its
/// sessions already, or begins them by itself, and refuses such a setting or passes it by.
///
/// # Errors
///
/// The server cannot be reached, or a pooler stands before it.
pub(super) async fn listener(sessions: &Sessions) -> Result<PgListener, Fault> {
    let connecting = timeout(sessions.deadline(), own(sessions));
    connecting.await.unwrap_or_else(|_| Err(Fault::slow()))
}

async fn own(sessions: &Sessions) -> Result<PgListener, Fault> {
    let mark = new_mark()?;
    let mut listener = PgListener::connect_with(&sessions.one((MARK, &mark))).await?;
    listener.eager_reconnect(false);
    let asked = format!("SELECT pg_catalog.current_setting('{MARK}', true)");
    let found = listener.fetch_one(raw_sql(AssertSqlSafe(asked))).await?;
    match found.try_get::<Option<String>, _>(0)? {
        Some(found) if found == mark => Ok(listener),
        _ => Err(Fault::new(
            Cause::Connection,
            "a pooler stands before the server, and would lend a session that listens to others",
        )),
    }
}
