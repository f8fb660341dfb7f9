//! A session that may listen.
//!
//! Listening belongs to the server's session, which a pooler in transaction mode lends to other clients next. They
//! would receive notifications that they never asked for: sqlx 0.9.0 takes one for a wrong answer, and gives up the
//! connection and the command on it. PgBouncer 1.18 does not prevent this, so it must be detected before listening.

use sqlx::postgres::PgListener;
use sqlx::{AssertSqlSafe, Executor as _, Row as _, raw_sql};
use tokio::time::timeout;

use crate::store::postgres::error::{Cause, Fault};
use crate::store::postgres::link::new_mark;
use crate::store::postgres::session::Sessions;

/// The setting that marks a session started for this connection.
const MARK: &str = "tower_webhook.listener";

/// A listener on a session of its own.
///
/// It requests a setting as it connects, which the server gives to the new session. A pooler already has its
/// sessions, or starts them itself, and refuses or ignores such a setting.
///
/// # Errors
///
/// The server cannot be reached, or only through a pooler.
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
