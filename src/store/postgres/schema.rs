//! The tables and their migrations.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row as _, query, raw_sql};

use super::error::{Cause, Fault};
use super::table::Tables;

/// Tables that belong together and have a version of their own.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) name: &'static str,
    /// The version of the tables that this code makes.
    pub(super) version: i64,
    /// The lowest version of this code that works with them.
    pub(super) works_from: i64,
    /// The migrations from one version to the next. A published step is never changed.
    pub(super) steps: &'static [fn(&Tables) -> String],
}

pub(super) const RECORDS: Part = Part {
    name: "records",
    version: 1,
    works_from: 1,
    steps: &[step_1],
};

/// The lock that lets only one process migrate at a time: the first eight bytes of `tower-webhook`.
const LOCK: i64 = i64::from_be_bytes(*b"tower-we");
/// How long a migration waits for another one, and for transactions that use a table.
const LOCK_LIMIT: &str = "5s";

/// The beginning of a migration's transaction.
fn begin() -> String {
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SET LOCAL client_min_messages = warning;
SET LOCAL lock_timeout = '{LOCK_LIMIT}';
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL search_path = pg_catalog, pg_temp;
SELECT pg_advisory_xact_lock({LOCK})"
    )
}

fn versions(tables: &Tables) -> String {
    let versions = tables.versions();
    format!(
        "CREATE TABLE IF NOT EXISTS {versions} (
    part text PRIMARY KEY,
    version bigint NOT NULL,
    works_from bigint NOT NULL
)"
    )
}

/// From nothing to version 1.
///
/// Columns of eight bytes come first, so that there is no padding between them. The first index is for
/// records that are over and for counting, the second for records that were not handled: it stays small.
/// Keys are compared byte by byte, whatever the collation of the database.
fn step_1(tables: &Tables) -> String {
    let (records, end, open) = (
        tables.records(),
        tables.index("records_end"),
        tables.index("records_open"),
    );
    format!(
        "CREATE TABLE IF NOT EXISTS {records} (
    fence bigint NOT NULL,
    kept_until bigint NOT NULL,
    attempt bigint NOT NULL,
    lease_ends bigint,
    lease bigint,
    status integer,
    state smallint NOT NULL,
    corrected boolean NOT NULL,
    namespace text COLLATE \"C\" NOT NULL,
    key text COLLATE \"C\" NOT NULL,
    token bytea NOT NULL,
    fingerprint bytea,
    name bytea,
    content_type text,
    body bytea,
    PRIMARY KEY (namespace, key)
);
CREATE INDEX IF NOT EXISTS {end} ON {records} (kept_until, namespace, state);
CREATE INDEX IF NOT EXISTS {open} ON {records} (namespace, key) WHERE state <> 2"
    )
}

fn now_at_this_version(part: &Part, tables: &Tables) -> String {
    let versions = tables.versions();
    let Part {
        name,
        version,
        works_from,
        ..
    } = part;
    format!(
        "INSERT INTO {versions} AS v (part, version, works_from)
VALUES ('{name}', {version}, {works_from})
ON CONFLICT (part) DO UPDATE SET version = {version}, works_from = {works_from}
    WHERE v.version < {version}"
    )
}

/// All migrations as SQL, to run them by other means.
pub(super) fn printed(parts: &[Part], tables: &Tables) -> String {
    let mut pieces = vec![
        begin(),
        format!("CREATE SCHEMA IF NOT EXISTS \"{}\"", tables.schema()),
        versions(tables),
    ];
    for part in parts {
        pieces.extend(part.steps.iter().map(|step| step(tables)));
        pieces.push(now_at_this_version(part, tables));
    }
    pieces.push("COMMIT".to_owned());
    pieces.join(";\n") + ";\n"
}

/// Brings the tables to this version.
pub(super) async fn migrate(
    conn: &mut PgConnection,
    parts: &[Part],
    tables: &Tables,
) -> Result<(), Fault> {
    let mut tx = conn.begin_with(AssertSqlSafe(begin())).await?;
    let has_schema = query("SELECT to_regnamespace($1) IS NOT NULL")
        .persistent(false)
        .bind(tables.schema());
    if !has_schema.fetch_one(&mut *tx).await?.try_get(0)? {
        let sql = format!("CREATE SCHEMA \"{}\"", tables.schema());
        raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await?;
    }
    raw_sql(AssertSqlSafe(versions(tables)))
        .execute(&mut *tx)
        .await?;
    for part in parts {
        let version = check_version(&mut tx, part, tables).await?;
        if version.is_none_or(|version| version < part.version) {
            // Without the finished steps: creating an existing index would still lock its table.
            let done = version.and_then(|version| usize::try_from(version).ok());
            let missing = part.steps.iter().skip(done.unwrap_or(0));
            let mut sql: Vec<_> = missing.map(|step| step(tables)).collect();
            sql.push(now_at_this_version(part, tables));
            let sql = sql.join(";\n");
            raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Whether the tables are of this version, or of a later one that this code can work with.
pub(super) async fn are_current(
    conn: &mut PgConnection,
    parts: &[Part],
    tables: &Tables,
) -> Result<bool, Fault> {
    for part in parts {
        match check_version(&mut *conn, part, tables).await {
            Ok(version) if version.is_some_and(|version| version >= part.version) => {}
            Ok(_) => return Ok(false),
            Err(fault) if fault.cause() == Cause::NoSchema => return Ok(false),
            Err(fault) => return Err(fault),
        }
    }
    Ok(true)
}

/// Checks that this code can work with the existing tables.
pub(super) async fn check(
    conn: &mut PgConnection,
    parts: &[Part],
    tables: &Tables,
) -> Result<(), Fault> {
    for part in parts {
        let version = check_version(&mut *conn, part, tables).await?;
        if version.is_none_or(|version| version < part.version) {
            return Err(Fault::new(
                Cause::NoSchema,
                "there are no tables of this version",
            ));
        }
    }
    Ok(())
}

async fn check_version(
    conn: &mut PgConnection,
    part: &Part,
    tables: &Tables,
) -> Result<Option<i64>, Fault> {
    let sql = format!(
        "SELECT version, works_from FROM {} WHERE part = '{}'",
        tables.versions(),
        part.name
    );
    // Without parameters, and thus in one message.
    let Some(row) = raw_sql(AssertSqlSafe(sql)).fetch_optional(conn).await? else {
        return Ok(None);
    };
    let (version, works_from): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    if works_from > part.version {
        return Err(Fault::new(
            Cause::NewerSchema,
            format!(
                "the tables {tables} are of version {version} and need a tower-webhook that knows \
                 version {works_from}; this one knows {}",
                part.version
            ),
        ));
    }
    Ok(Some(version))
}
