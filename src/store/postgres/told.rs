//! The server's report with each answer: its time, and which of its processes serves.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row as _};

use crate::clock::UnixTime;
use crate::store::sql::from_micros;

use super::error::{Cause, Fault};

/// The clock of the server, in microseconds.
pub(super) const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// The report of a server.
pub(super) struct Told {
    pub(super) time: UnixTime,
    /// The process that serves this transaction.
    pub(super) pid: i32,
}

/// The query for the server's report, without a record.
pub(super) fn tell() -> String {
    format!("SELECT {NOW}, pg_backend_pid()")
}

/// The server's report, without a record.
pub(super) async fn told(conn: &mut PgConnection) -> Result<Told, Fault> {
    let rows = sqlx::raw_sql(AssertSqlSafe(tell()));
    told_by(&rows.fetch_all(conn).await?)
}

/// The answer to [`tell`].
pub(super) fn told_by(rows: &[PgRow]) -> Result<Told, Fault> {
    let pid = rows.last().map(|row| row.try_get(1)).transpose()?;
    Ok(Told {
        time: last_time(rows)?,
        pid: pid.unwrap_or_default(),
    })
}

/// From the last row, which arrived after the last wait.
pub(super) fn last_time(rows: &[PgRow]) -> Result<UnixTime, Fault> {
    let last = rows.last().map(|row| row.try_get::<i64, _>(0));
    let time = last.transpose()?.and_then(from_micros);
    time.ok_or_else(|| Fault::new(Cause::Corrupt, "the server tells no time"))
}
