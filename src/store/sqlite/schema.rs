//! The tables of the records, and the migrations of a file.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, raw_sql};

use super::error::{Cause, Fault};

/// Tables that belong together and have a version of their own.
pub(super) struct Part {
    pub(super) name: &'static str,
    /// The steps, starting from a file without these tables. A published step is never changed.
    pub(super) steps: &'static [&'static str],
    /// The lowest version of this code that works with the tables of the last step.
    pub(super) works_from: i64,
}

pub(super) const RECORDS: Part = Part {
    name: "records",
    steps: &[STEP_1],
    works_from: 1,
};

/// With `WITHOUT ROWID`, there is only one tree to write instead of two. The first index is for
/// records that are over and for counting, the second for records that were not handled: it stays
/// small.
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

/// This crate's own version table, since `user_version` belongs to the owner of the file.
const VERSIONS: &str = "\
CREATE TABLE IF NOT EXISTS tower_webhook_schema (
    part TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    works_from INTEGER NOT NULL
) STRICT";

/// Brings the tables of this part to this version, or returns why it cannot work with them.
///
/// The lock of the file is taken before the version is read: if several processes start at once, one
/// migrates, and the others find it done.
pub(super) async fn migrate(conn: &mut SqliteConnection, part: &Part) -> Result<(), Fault> {
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
    raw_sql(VERSIONS).execute(&mut *tx).await?;
    let found: Option<(i64, i64)> =
        sqlx::query_as("SELECT version, works_from FROM tower_webhook_schema WHERE part = ?")
            .bind(part.name)
            .fetch_optional(&mut *tx)
            .await?;
    let (version, works_from) = found.unwrap_or((0, 0));
    let known = i64::try_from(part.steps.len()).unwrap_or(i64::MAX);
    if works_from > known {
        return Err(Fault::new(
            Cause::NewerSchema,
            format!(
                "its tables of the {} are of version {version} and need a tower-webhook that knows \
                 version {works_from}; this one knows {known}",
                part.name
            ),
        ));
    }
    if version >= known {
        // On a file that cannot be written, the transaction has begun as read-only.
        raw_sql("UPDATE tower_webhook_schema SET version = version")
            .execute(&mut *tx)
            .await?;
        tx.rollback().await?;
        return Ok(());
    }
    let done = usize::try_from(version).unwrap_or(0);
    for step in part.steps.iter().skip(done) {
        raw_sql(*step).execute(&mut *tx).await?;
    }
    sqlx::query(
        "INSERT INTO tower_webhook_schema (part, version, works_from) VALUES (?1, ?2, ?3)
         ON CONFLICT (part) DO UPDATE SET version = ?2, works_from = ?3",
    )
    .bind(part.name)
    .bind(known)
    .bind(part.works_from)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}
