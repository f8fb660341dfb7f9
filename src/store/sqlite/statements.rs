//! The statements, and how rows are bound and read.

use std::collections::BTreeSet;

use bytes::Bytes;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _};

use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::store::sql::{Change, Found, OpenCounts, Place, Placed, Row, Stored, micros};

use super::error::{Cause, Fault};

/// The columns of a row, in the order in which they are bound and read.
const COLUMNS: &str = "namespace, key, name, state, token, attempt, fence, fingerprint, kept_until, \
                       lease_ends, lease, corrected, status, content_type, body";
/// How many rows one statement reads or writes at most: only a few different texts are prepared.
const MOST_ROWS: usize = 256;

fn select_some(places: usize) -> String {
    let places = repeated("(?, ?)", places);
    format!(
        "SELECT {COLUMNS} FROM tower_webhook_records WHERE (namespace, key) IN (VALUES {places})"
    )
}

fn select_one() -> String {
    format!("SELECT {COLUMNS} FROM tower_webhook_records WHERE namespace = ? AND key = ?")
}

const DELETE: &str = "DELETE FROM tower_webhook_records WHERE namespace = ? AND key = ?";

/// The rows that these commands concern.
pub(super) async fn read(conn: &mut SqliteConnection, orders: &[&Placed]) -> Result<Found, Fault> {
    read_places(conn, orders.iter().map(|placed| &placed.place)).await
}

/// The rows at these places.
pub(super) async fn read_places(
    conn: &mut SqliteConnection,
    places: impl Iterator<Item = &Place>,
) -> Result<Found, Fault> {
    let places: BTreeSet<_> = places
        .map(|place| (place.namespace.as_str(), place.key.as_str()))
        .collect();
    let places: Vec<_> = places.into_iter().collect();
    let mut found = Found::new();
    for places in places.chunks(MOST_ROWS) {
        // Padded to a power of two by repeating the last place.
        let wanted = places.len().next_power_of_two();
        let mut query = sqlx::query(AssertSqlSafe(select_some(wanted)));
        let last = places.last().into_iter().cycle();
        for (namespace, key) in places.iter().chain(last).take(wanted) {
            query = query.bind((*namespace).to_owned()).bind((*key).to_owned());
        }
        for row in query.fetch_all(&mut *conn).await? {
            let at = (row.try_get(0)?, row.try_get(1)?);
            let record = columns(&row).ok().and_then(Row::record);
            let stored = record.map_or(Stored::Unreadable, Stored::Record);
            found.insert(at, stored);
        }
    }
    Ok(found)
}

/// Writes what was decided.
pub(super) async fn write(conn: &mut SqliteConnection, changes: Vec<Change>) -> Result<(), Fault> {
    let mut rows = Vec::new();
    for change in changes {
        match change {
            Change::Insert(place, row) | Change::Update(place, row) => rows.push((place, row)),
            Change::Delete(Place { namespace, key, .. }) => {
                sqlx::query(DELETE)
                    .bind(namespace.as_str())
                    .bind(key)
                    .execute(&mut *conn)
                    .await?;
            }
        }
    }
    while !rows.is_empty() {
        let count = rows.len().min(MOST_ROWS);
        // The largest power of two that fits.
        let count = count.next_power_of_two() >> usize::from(!count.is_power_of_two());
        let rest = rows.split_off(count);
        upsert(conn, std::mem::replace(&mut rows, rest)).await?;
    }
    Ok(())
}

async fn upsert(conn: &mut SqliteConnection, rows: Vec<(Place, Row)>) -> Result<(), Fault> {
    let values = repeated("(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows.len());
    let sql = format!(
        "INSERT INTO tower_webhook_records ({COLUMNS}) VALUES {values}
         ON CONFLICT (namespace, key) DO UPDATE SET name = excluded.name, state = excluded.state,
         token = excluded.token, attempt = excluded.attempt, fence = excluded.fence,
         fingerprint = excluded.fingerprint, kept_until = excluded.kept_until,
         lease_ends = excluded.lease_ends, lease = excluded.lease,
         corrected = excluded.corrected, status = excluded.status,
         content_type = excluded.content_type, body = excluded.body"
    );
    let (mut query, count) = (sqlx::query(AssertSqlSafe(sql)), rows.len());
    for (place, row) in rows {
        query = query
            .bind(place.namespace.as_str().to_owned())
            .bind(place.key)
            .bind(place.name.map(String::into_bytes))
            .bind(row.state)
            .bind(row.token)
            .bind(row.attempt)
            .bind(row.fence)
            .bind(row.fingerprint)
            .bind(row.kept_until)
            .bind(row.lease_ends)
            .bind(row.lease)
            .bind(row.corrected)
            .bind(row.status)
            .bind(row.content_type)
            .bind(row.body.map(Vec::from));
    }
    let written = query.execute(conn).await?.rows_affected();
    if u64::try_from(count).is_ok_and(|count| count == written) {
        return Ok(());
    }
    let text =
        format!("{written} of {count} rows were written: a trigger keeps others as they are");
    Err(Fault::new(Cause::Other, text))
}

fn repeated(what: &str, times: usize) -> String {
    vec![what; times].join(", ")
}

/// Reads the columns of a row.
fn columns(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    Ok(Row {
        state: row.try_get(3)?,
        token: row.try_get(4)?,
        attempt: row.try_get(5)?,
        fence: row.try_get(6)?,
        fingerprint: row.try_get(7)?,
        kept_until: row.try_get(8)?,
        lease_ends: row.try_get(9)?,
        lease: row.try_get(10)?,
        corrected: row.try_get(11)?,
        status: row.try_get(12)?,
        content_type: row.try_get(13)?,
        body: row.try_get::<Option<Vec<u8>>, _>(14)?.map(Bytes::from),
    })
}

/// One record, while it is kept.
pub(super) async fn one(
    conn: &mut SqliteConnection,
    place: &Place,
) -> Result<Option<Stored>, Fault> {
    let row = sqlx::query(AssertSqlSafe(select_one()))
        .bind(place.namespace.as_str().to_owned())
        .bind(place.key.clone())
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|row| {
        let record = columns(&row).ok().and_then(Row::record);
        record.map_or(Stored::Unreadable, Stored::Record)
    }))
}

/// Events in a range of keys that were not handled and that nobody is at work on.
pub(super) async fn unfinished(
    conn: &mut SqliteConnection,
    namespace: &Name,
    (from, to): (String, String),
    now: UnixTime,
    limit: i64,
) -> Result<Vec<(EventKey, Row)>, Fault> {
    let rows = sqlx::query(AssertSqlSafe(select_unfinished()))
        .bind(namespace.as_str().to_owned())
        .bind(from)
        .bind(to)
        .bind(micros(now))
        .bind(limit)
        .fetch_all(conn)
        .await?;
    let read = |row: &SqliteRow| {
        let key: String = row.try_get(1).ok()?;
        let name: Option<Vec<u8>> = row.try_get(2).ok()?;
        Some((
            Place::read(namespace, &key, name.as_deref())?,
            columns(row).ok()?,
        ))
    };
    // An unreadable record concerns only its event, whose next delivery reports it.
    Ok(rows.iter().filter_map(read).collect())
}

fn select_unfinished() -> String {
    format!(
        "SELECT {COLUMNS} FROM tower_webhook_records INDEXED BY tower_webhook_records_open
         WHERE namespace = ?1 AND key >= ?2 AND key < ?3 AND state <> 2 AND kept_until > ?4
           AND (state = 3 OR lease_ends <= ?4)
         ORDER BY key LIMIT ?5"
    )
}

/// Counts unhandled records among some thousand keys after this one.
pub(super) async fn count_open(
    conn: &mut SqliteConnection,
    namespace: &Name,
    behind: String,
    now: UnixTime,
) -> Result<OpenCounts, Fault> {
    let counts = sqlx::query_as(COUNT_OPEN)
        .bind(namespace.as_str().to_owned())
        .bind(behind)
        .bind(micros(now))
        .bind(AT_ONCE)
        .fetch_one(conn)
        .await?;
    Ok(counts)
}

/// How many rows one statement counts: some milliseconds of work.
const AT_ONCE: i64 = 20_000;

const COUNT_OPEN: &str = "\
SELECT count(*) FILTER (WHERE state = 1 AND lease_ends > ?3 AND kept_until > ?3),
       count(*) FILTER (WHERE state = 1 AND lease_ends <= ?3 AND kept_until > ?3),
       count(*) FILTER (WHERE state = 3 AND kept_until > ?3),
       max(key)
FROM (SELECT key, state, lease_ends, kept_until
      FROM tower_webhook_records INDEXED BY tower_webhook_records_open
      WHERE namespace = ?1 AND key > ?2 AND state <> 2 ORDER BY key LIMIT ?4)";

/// How many handled records there are among some thousand that are kept longer than this; and the
/// last of their times, if any records are left after them.
pub(super) async fn count_done(
    conn: &mut SqliteConnection,
    namespace: &Name,
    after: i64,
) -> Result<(i64, Option<i64>), Fault> {
    let to: Option<(i64,)> = sqlx::query_as(BOUND)
        .bind(after)
        .bind(AT_ONCE)
        .fetch_optional(&mut *conn)
        .await?;
    let to = to.map(|(to,)| to);
    let (count,): (i64,) = sqlx::query_as(COUNT_DONE)
        .bind(namespace.as_str().to_owned())
        .bind(after)
        .bind(to.unwrap_or(i64::MAX))
        .fetch_one(conn)
        .await?;
    Ok((count, to))
}

const BOUND: &str = "\
SELECT kept_until FROM tower_webhook_records INDEXED BY tower_webhook_records_end
WHERE kept_until > ?1 ORDER BY kept_until LIMIT 1 OFFSET ?2";

const COUNT_DONE: &str = "\
SELECT count(*) FROM tower_webhook_records INDEXED BY tower_webhook_records_end
WHERE kept_until > ?2 AND kept_until <= ?3 AND state = 2 AND namespace = ?1";

/// A record whose time was over, of any namespace.
pub(super) const IS_OVER: &str = "\
SELECT 1 FROM tower_webhook_records INDEXED BY tower_webhook_records_end
WHERE kept_until <= ?1 LIMIT 1";

/// Removes records whose time was over, of all namespaces.
pub(super) const PRUNE: &str = "\
DELETE FROM tower_webhook_records WHERE (namespace, key) IN (
    SELECT namespace, key FROM tower_webhook_records INDEXED BY tower_webhook_records_end
    WHERE kept_until <= ?1 ORDER BY kept_until LIMIT ?2)";

/// Every statement that reads or removes.
#[cfg(test)]
pub(super) fn all() -> Vec<String> {
    let fixed = [DELETE, COUNT_OPEN, BOUND, COUNT_DONE, IS_OVER, PRUNE];
    let made = [
        select_some(1),
        select_some(64),
        select_one(),
        select_unfinished(),
    ];
    fixed.map(str::to_owned).into_iter().chain(made).collect()
}
