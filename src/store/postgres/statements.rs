//! The statements, and how rows are bound and read.
//!
//! Each statement with parameters runs in a transaction: behind PgBouncer, its messages could otherwise
//! go to different servers.

use std::collections::BTreeSet;

use bytes::Bytes;
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::store::sql::{Change, Found, OpenCounts, Place, Placed, Row, Stored, micros};

use super::error::{Cause, Fault};
use super::rows::Rows;
use super::sql::{Preparing, Sql};
use super::table::Tables;
use super::told::{NOW, Told, last_time};

pub(super) const COLUMNS: &str = "namespace, key, name, state, token, attempt, fence, fingerprint, kept_until, \
                       lease_ends, lease, corrected, status, content_type, body";

/// The statements for one table.
#[derive(Debug)]
pub(super) struct Statements {
    read_some: Sql,
    read_many: Sql,
    read_one: Sql,
    insert: Sql,
    update: Sql,
    delete: Sql,
    unfinished: Sql,
    count_open: Sql,
    bound: Sql,
    count_done: Sql,
    prune: Sql,
}

/// Rows as columns, each of them an array.
const ARRAYS: &str = "unnest($1::text[], $2::text[], $3::bytea[], $4::smallint[], $5::bytea[], \
                      $6::bigint[], $7::bigint[], $8::bytea[], $9::bigint[], $10::bigint[], \
                      $11::bigint[], $12::boolean[], $13::integer[], $14::text[], $15::bytea[])";

impl Statements {
    pub(super) fn new(tables: &Tables, preparing: &Preparing) -> Self {
        let records = tables.records();
        let set: Vec<_> = COLUMNS
            .split(", ")
            .skip(2)
            .map(|column| format!("{column} = u.{column}"))
            .collect();
        let set = set.join(", ");
        let some = |which: &str| {
            format!(
                "SELECT {NOW}, l.*, pg_backend_pid() FROM (SELECT 1) one LEFT JOIN (
                     SELECT {COLUMNS} FROM {records} WHERE {which}) l ON true"
            )
        };
        let sql = |text: String| Sql::new(text, preparing);
        Self {
            // Rows are locked in the order of their keys, as everywhere. The time is read outside
            // the locking subquery: with the last row, it is later than the last wait.
            read_some: sql(some(
                "(namespace, key) IN (SELECT * FROM unnest($1::text[], $2::text[])) ORDER BY namespace, key FOR UPDATE",
            )),
            // All keys are of one namespace: a join of pairs takes nearly twice as long.
            read_many: Sql::unnamed(some("namespace = ($1::text[])[1] AND key = ANY ($2::text[])")),
            read_one: Sql::unnamed(format!(
                "SELECT {NOW}, l.* FROM (SELECT 1) one LEFT JOIN (
                     SELECT {COLUMNS} FROM {records} WHERE namespace = $1 AND key = $2) l ON true"
            )),
            insert: sql(format!(
                "INSERT INTO {records} ({COLUMNS})
                 SELECT * FROM {ARRAYS} AS u ({COLUMNS}) ORDER BY namespace, key
                 ON CONFLICT (namespace, key) DO NOTHING"
            )),
            update: sql(format!(
                "UPDATE {records} AS r SET {set} FROM {ARRAYS} AS u ({COLUMNS})
                 WHERE r.namespace = u.namespace AND r.key = u.key"
            )),
            delete: sql(format!(
                "DELETE FROM {records} AS r USING unnest($1::text[], $2::text[]) AS u (namespace, key)
                 WHERE r.namespace = u.namespace AND r.key = u.key"
            )),
            unfinished: Sql::unnamed(format!(
                "SELECT 0::bigint, {COLUMNS} FROM {records}
                 WHERE namespace = $1 AND key >= $2 AND key < $3 AND state <> 2
                   AND kept_until > $4 AND (state = 3 OR lease_ends <= $4)
                 ORDER BY key LIMIT $5"
            )),
            count_open: Sql::unnamed(format!(
                "SELECT count(*) FILTER (WHERE state = 1 AND lease_ends > $3 AND kept_until > $3),
                        count(*) FILTER (WHERE state = 1 AND lease_ends <= $3 AND kept_until > $3),
                        count(*) FILTER (WHERE state = 3 AND kept_until > $3), max(key)
                 FROM (SELECT key, state, lease_ends, kept_until FROM {records}
                       WHERE namespace = $1 AND key > $2 AND state <> 2
                       ORDER BY key LIMIT $4) AS part"
            )),
            bound: Sql::unnamed(format!(
                "SELECT kept_until FROM {records} WHERE kept_until > $1
                 ORDER BY kept_until LIMIT 1 OFFSET $2"
            )),
            count_done: Sql::unnamed(format!(
                "SELECT count(*) FROM {records}
                 WHERE kept_until > $2 AND kept_until <= $3 AND state = 2 AND namespace = $1"
            )),
            // Expired rows are looked up once and removed in place: `IN (SELECT ...)` may be carried out for each
            // row, and find others each time. https://github.com/saurabhnanda/odd-jobs/issues/115
            // A row that is changed between the two is left to a later scan. In a partitioned table, rows of several
            // partitions have the same place, so the condition on the time is repeated.
            prune: sql(format!(
                "DELETE FROM {records} WHERE ctid = ANY (ARRAY(
                     SELECT ctid FROM {records}
                     WHERE kept_until >= $1 AND kept_until <= $2
                     ORDER BY kept_until LIMIT $3 FOR UPDATE SKIP LOCKED))
                     AND kept_until >= $1 AND kept_until <= $2
                 RETURNING kept_until"
            )),
        }
    }

    pub(super) fn prune(&self) -> &Sql {
        &self.prune
    }

    /// Each of them, with its parameters.
    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<(&'static str, &str)> {
        vec![
            ("'{a,b}', '{a,b}'", &self.read_some),
            ("'{a,b}', '{a,b}'", &self.read_many),
            ("'a', 'b'", &self.read_one),
            ("'{a,b}', '{a,b}'", &self.delete),
            ("'a', 'b', 'c', 1, 1", &self.unfinished),
            ("'a', 'b', 1, 1", &self.count_open),
            ("1, 1", &self.bound),
            ("'a', 1, 2", &self.count_done),
            ("1, 2, 1", &self.prune),
        ]
    }

    #[cfg(test)]
    pub(super) fn update(&self) -> &str {
        &self.update
    }
}

/// The server's report, and the rows that these commands concern, locked.
pub(super) async fn read(
    conn: &mut PgConnection,
    statements: &Statements,
    orders: &[&Placed],
) -> Result<(Told, Found), Fault> {
    let places = orders.iter().map(|placed| &placed.place);
    read_by(conn, &statements.read_some, places).await
}

/// The time of the server and the rows at these places, without locks.
pub(super) async fn many(
    conn: &mut PgConnection,
    statements: &Statements,
    places: &[Place],
) -> Result<(UnixTime, Found), Fault> {
    let (told, found) = read_by(conn, &statements.read_many, places.iter()).await?;
    Ok((told.time, found))
}

async fn read_by<'a>(
    conn: &mut PgConnection,
    sql: &Sql,
    places: impl Iterator<Item = &'a Place>,
) -> Result<(Told, Found), Fault> {
    let places: BTreeSet<_> = places
        .map(|place| (place.namespace.as_str(), place.key.as_str()))
        .collect();
    let (namespaces, keys): (Vec<_>, Vec<_>) = places.into_iter().unzip();
    let rows = sql.query().bind(namespaces).bind(keys);
    let rows = rows.fetch_all(conn).await?;
    let mut found = Found::new();
    for row in &rows {
        if let Some(at) = place_of(row)? {
            found.insert(at, stored(row));
        }
    }
    let time = last_time(&rows)?;
    let pid = rows.last().map(|row| row.try_get(16)).transpose()?;
    let pid = pid.unwrap_or_default();
    Ok((Told { time, pid }, found))
}

/// One record and the time of the server.
pub(super) async fn one(
    conn: &mut PgConnection,
    statements: &Statements,
    place: &Place,
) -> Result<(UnixTime, Option<Stored>), Fault> {
    let one = statements.read_one.query().bind(place.namespace.as_str());
    let rows = one.bind(place.key.as_str()).fetch_all(conn).await?;
    let mut found = None;
    for row in &rows {
        if place_of(row)?.is_some() {
            found = Some(stored(row));
        }
    }
    Ok((last_time(&rows)?, found))
}

/// Namespace and key; `None` if the row holds only the time.
pub(super) fn place_of(row: &PgRow) -> Result<Option<(String, String)>, Fault> {
    let (namespace, key): (Option<String>, Option<String>) = (row.try_get(1)?, row.try_get(2)?);
    Ok(namespace.zip(key))
}

pub(super) fn stored(row: &PgRow) -> Stored {
    let record = columns(row).ok().and_then(Row::record);
    record.map_or(Stored::Unreadable, Stored::Record)
}

fn columns(row: &PgRow) -> Result<Row, sqlx::Error> {
    Ok(Row {
        state: row.try_get(4)?,
        token: row.try_get(5)?,
        attempt: row.try_get(6)?,
        fence: row.try_get(7)?,
        fingerprint: row.try_get(8)?,
        kept_until: row.try_get(9)?,
        lease_ends: row.try_get(10)?,
        lease: row.try_get(11)?,
        corrected: row.try_get(12)?,
        status: row.try_get(13)?,
        content_type: row.try_get(14)?,
        body: row.try_get::<Option<Vec<u8>>, _>(15)?.map(Bytes::from),
    })
}

/// Writes what was decided. `false` if another transaction has inserted a row in the meantime: then
/// this one must be undone.
pub(super) async fn write(
    conn: &mut PgConnection,
    statements: &Statements,
    changes: Vec<Change>,
) -> Result<bool, Fault> {
    let (mut new, mut old, mut gone) = (Rows::default(), Rows::default(), (vec![], vec![]));
    for change in changes {
        match change {
            Change::Insert(place, row) => new.push(place, row),
            Change::Update(place, row) => old.push(place, row),
            Change::Delete(Place { namespace, key, .. }) => {
                gone.0.push(namespace.as_str().to_owned());
                gone.1.push(key);
            }
        }
    }
    if !gone.0.is_empty() {
        let count = gone.0.len();
        let query = statements.delete.query().bind(gone.0).bind(gone.1);
        all_of(count, query.execute(&mut *conn).await?.rows_affected())?;
    }
    if old.len() > 0 {
        let (count, query) = (old.len(), old.bound_to(statements.update.query()));
        all_of(count, query.execute(&mut *conn).await?.rows_affected())?;
    }
    if new.len() > 0 {
        let (count, query) = (new.len(), new.bound_to(statements.insert.query()));
        let inserted = query.execute(&mut *conn).await?.rows_affected();
        return Ok(all_of(count, inserted).is_ok());
    }
    Ok(true)
}

/// The rows are locked, so each is written unless something in the database prevents it.
pub(super) fn all_of(wanted: usize, written: u64) -> Result<(), Fault> {
    if u64::try_from(wanted).is_ok_and(|wanted| wanted == written) {
        return Ok(());
    }
    Err(Fault::new(
        Cause::Refused,
        format!(
            "{written} of {wanted} rows were written: a trigger, a rule or a policy of the table keeps \
             others as they are"
        ),
    ))
}

/// Events in a range of keys that were not handled and that nobody is at work on.
pub(super) async fn unfinished(
    conn: &mut PgConnection,
    statements: &Statements,
    namespace: &Name,
    (from, to): (String, String),
    now: UnixTime,
    limit: i64,
) -> Result<Vec<(EventKey, Row)>, Fault> {
    let rows = statements
        .unfinished
        .query()
        .bind(namespace.as_str())
        .bind(from)
        .bind(to)
        .bind(micros(now))
        .bind(limit)
        .fetch_all(conn)
        .await?;
    let read = |row: &PgRow| {
        let (key, name): (String, Option<Vec<u8>>) = (row.try_get(2).ok()?, row.try_get(3).ok()?);
        Some((
            Place::read(namespace, &key, name.as_deref())?,
            columns(row).ok()?,
        ))
    };
    // An unreadable record concerns only its event, whose next delivery reports it.
    Ok(rows.iter().filter_map(read).collect())
}

/// How many rows one statement counts: some milliseconds of work.
const AT_ONCE: i64 = 20_000;

/// Counts unhandled records among some thousand keys after this one.
pub(super) async fn count_open(
    conn: &mut PgConnection,
    statements: &Statements,
    namespace: &Name,
    behind: String,
    now: UnixTime,
) -> Result<OpenCounts, Fault> {
    let row = statements
        .count_open
        .query()
        .bind(namespace.as_str())
        .bind(behind)
        .bind(micros(now))
        .bind(AT_ONCE)
        .fetch_one(conn)
        .await?;
    Ok((
        row.try_get(0)?,
        row.try_get(1)?,
        row.try_get(2)?,
        row.try_get(3)?,
    ))
}

/// How many handled records there are among some thousand that are kept longer than this; and the
/// last of their times, if any records are left after them.
pub(super) async fn count_done(
    conn: &mut PgConnection,
    statements: &Statements,
    namespace: &Name,
    after: i64,
) -> Result<(i64, Option<i64>), Fault> {
    let bound = statements.bound.query().bind(after).bind(AT_ONCE);
    let bound = bound.fetch_optional(&mut *conn).await?;
    let to = bound.map(|row| row.try_get(0)).transpose()?;
    let row = statements
        .count_done
        .query()
        .bind(namespace.as_str())
        .bind(after)
        .bind(to.unwrap_or(i64::MAX))
        .fetch_one(conn)
        .await?;
    Ok((row.try_get(0)?, to))
}

/// Removes up to this many rows whose time ended between these two, of all namespaces, and returns
/// those times. Locked rows are left to the next time.
pub(super) async fn prune(
    conn: &mut PgConnection,
    sql: &Sql,
    (from, to): (i64, i64),
    limit: i64,
) -> Result<Vec<i64>, Fault> {
    let query = sql.query().bind(from).bind(to).bind(limit);
    let rows = query.fetch_all(conn).await?;
    let ends: Result<Vec<_>, _> = rows.iter().map(|row| row.try_get(0)).collect();
    Ok(ends?)
}
