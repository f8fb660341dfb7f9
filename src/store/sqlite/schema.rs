//! The tables, and how a file comes to have them.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, raw_sql};

use super::error::{Cause, Fault};

/// Each step, from an empty file on. A step that was published is never changed.
const STEPS: [&str; 1] = [STEP_1];

/// The lowest version of this code that works with the tables of the last step.
const WORKS_FROM: i64 = 1;

/// By primary key alone there is one tree to write, not two. The first index is for what is over and
/// for counting, the second for what was not handled: it stays small.
const STEP_1: &str = "\
CREATE TABLE tower_webhook_records (
    namespace TEXT NOT NULL,
    key TEXT NOT NULL,
    name BLOB,
    state INTEGER NOT NULL,
    token BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    fingerprint BLOB,
    kept_until INTEGER NOT NULL,
    lease_ends INTEGER,
    lease INTEGER,
    corrected INTEGER NOT NULL,
    status INTEGER,
    content_type TEXT,
    body BLOB,
    PRIMARY KEY (namespace, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX tower_webhook_records_end ON tower_webhook_records (kept_until, state);
CREATE INDEX tower_webhook_records_open ON tower_webhook_records (namespace, key)
    WHERE state <> 2;
";

/// Of this crate alone: `user_version` belongs to whoever owns the file.
const VERSIONS: &str = "\
CREATE TABLE IF NOT EXISTS tower_webhook_schema (
    part TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    works_from INTEGER NOT NULL
) STRICT";

/// Brings the tables to this version, or says why it cannot work with them.
///
/// The lock of the file is taken before the version is read: of several processes that start at once
/// one migrates, and the others find it done.
pub(super) async fn migrate(conn: &mut SqliteConnection) -> Result<(), Fault> {
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
    raw_sql(VERSIONS).execute(&mut *tx).await?;
    let found: Option<(i64, i64)> = sqlx::query_as(
        "SELECT version, works_from FROM tower_webhook_schema WHERE part = 'records'",
    )
    .fetch_optional(&mut *tx)
    .await?;
    let (version, works_from) = found.unwrap_or((0, 0));
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if works_from > known {
        return Err(Fault::new(
            Cause::NewerSchema,
            format!(
                "its tables are of version {version} and need a tower-webhook that knows version \
                 {works_from}; this one knows {known}"
            ),
        ));
    }
    if version >= known {
        // On a file that cannot be written the transaction has begun as one that reads.
        raw_sql("UPDATE tower_webhook_schema SET version = version")
            .execute(&mut *tx)
            .await?;
        tx.rollback().await?;
        return Ok(());
    }
    let done = usize::try_from(version).unwrap_or(0);
    for step in STEPS.iter().skip(done) {
        raw_sql(*step).execute(&mut *tx).await?;
    }
    sqlx::query(
        "INSERT INTO tower_webhook_schema (part, version, works_from) VALUES ('records', ?1, ?2)
         ON CONFLICT (part) DO UPDATE SET version = ?1, works_from = ?2",
    )
    .bind(known)
    .bind(WORKS_FROM)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}
