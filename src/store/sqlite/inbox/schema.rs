//! The tables of an inbox, and how a file comes to have them.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, raw_sql};

use crate::store::sqlite::error::{Cause, Fault};

/// Each step, from a file without an inbox on. A step that was published is never changed.
const STEPS: [&str; 1] = [STEP_1];

/// The lowest version of this code that works with the tables of the last step.
const WORKS_FROM: i64 = 1;

/// Content stands apart from its entry, which is written at each step of its way: a large body is
/// written once. The first index is for what is due, the second for the dead letters, which are few, the
/// third for what is over.
const STEP_1: &str = "\
CREATE TABLE tower_webhook_inbox (
    id INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    key TEXT NOT NULL,
    name BLOB,
    route TEXT NOT NULL,
    state INTEGER NOT NULL,
    due INTEGER,
    token BLOB,
    lease INTEGER,
    attempts INTEGER NOT NULL,
    deaths INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    corrected INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    revived_at INTEGER,
    since INTEGER,
    kept_until INTEGER,
    history TEXT,
    size INTEGER NOT NULL,
    UNIQUE (namespace, key)
) STRICT;
CREATE INDEX tower_webhook_inbox_due ON tower_webhook_inbox (namespace, route, due, id)
    WHERE due IS NOT NULL;
CREATE INDEX tower_webhook_inbox_dead ON tower_webhook_inbox (namespace, key) WHERE state = 5;
CREATE INDEX tower_webhook_inbox_end ON tower_webhook_inbox (kept_until)
    WHERE kept_until IS NOT NULL;
CREATE TABLE tower_webhook_inbox_content (
    id INTEGER PRIMARY KEY,
    envelope BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE TABLE tower_webhook_inbox_paused (
    namespace TEXT NOT NULL,
    provider TEXT NOT NULL,
    PRIMARY KEY (namespace, provider)
) STRICT, WITHOUT ROWID;
";

/// Brings the tables of the inbox to this version, behind those of the records, or says why it cannot
/// work with them.
pub(super) async fn migrate(conn: &mut SqliteConnection) -> Result<(), Fault> {
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
    let found: Option<(i64, i64)> =
        sqlx::query_as("SELECT version, works_from FROM tower_webhook_schema WHERE part = 'inbox'")
            .fetch_optional(&mut *tx)
            .await?;
    let (version, works_from) = found.unwrap_or((0, 0));
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if works_from > known {
        return Err(Fault::new(
            Cause::NewerSchema,
            format!(
                "its inbox is of version {version} and needs a tower-webhook that knows version \
                 {works_from}; this one knows {known}"
            ),
        ));
    }
    if version >= known {
        tx.rollback().await?;
        return Ok(());
    }
    let done = usize::try_from(version).unwrap_or(0);
    for step in STEPS.iter().skip(done) {
        raw_sql(*step).execute(&mut *tx).await?;
    }
    sqlx::query(
        "INSERT INTO tower_webhook_schema (part, version, works_from) VALUES ('inbox', ?1, ?2)
         ON CONFLICT (part) DO UPDATE SET version = ?1, works_from = ?2",
    )
    .bind(known)
    .bind(WORKS_FROM)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}
