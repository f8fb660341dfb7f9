//! The statements that commands run, and how rows are bound and read.

use std::collections::BTreeSet;

use bytes::Bytes;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _};

use crate::inbox::Content;
use crate::store::sql::inbox::{At, Changes, EntryRow, FoundRow, NewRow, Placed};
use crate::store::sqlite::error::{Cause, Fault};

/// The columns of an entry, in the order in which they are bound and read.
pub(super) const COLUMNS: &str = "state, due, token, lease, attempts, deaths, fence, fingerprint, corrected, \
     accepted_at, revived_at, since, kept_until, history, order_key, version, order_flags";
/// How many rows one statement reads or writes at most: only a few different texts are prepared.
pub(super) const MOST_ROWS: usize = 128;

pub(super) fn repeated(what: &str, times: usize) -> String {
    vec![what; times].join(", ")
}

/// The largest power of two that exceeds neither this many rows nor [`MOST_ROWS`].
fn at_once(rows: usize) -> usize {
    let rows = rows.min(MOST_ROWS);
    rows.next_power_of_two() >> usize::from(!rows.is_power_of_two())
}

/// The columns of an entry, from this one on.
pub(super) fn entry(row: &SqliteRow, from: usize) -> Result<EntryRow, sqlx::Error> {
    let at = |column: usize| from.saturating_add(column);
    Ok(EntryRow {
        state: row.try_get(at(0))?,
        due: row.try_get(at(1))?,
        token: row.try_get(at(2))?,
        lease: row.try_get(at(3))?,
        attempts: row.try_get(at(4))?,
        deaths: row.try_get(at(5))?,
        fence: row.try_get(at(6))?,
        fingerprint: row.try_get(at(7))?,
        corrected: row.try_get(at(8))?,
        accepted_at: row.try_get(at(9))?,
        revived_at: row.try_get(at(10))?,
        since: row.try_get(at(11))?,
        kept_until: row.try_get(at(12))?,
        history: row.try_get(at(13))?,
        order_key: row.try_get(at(14))?,
        version: row.try_get(at(15))?,
        order_flags: row.try_get(at(16))?,
    })
}

/// The rows that these commands concern.
pub(super) async fn read(
    conn: &mut SqliteConnection,
    orders: &[&Placed],
) -> Result<Vec<(At, FoundRow)>, Fault> {
    let places: BTreeSet<_> = (orders.iter())
        .filter_map(|placed| placed.place.as_ref())
        .map(|place| (place.namespace.as_str(), place.key.as_str()))
        .collect();
    let places: Vec<_> = places.into_iter().collect();
    let mut found = Vec::new();
    for places in places.chunks(MOST_ROWS) {
        // Padded to a power of two by repeating the last place.
        let wanted = places.len().next_power_of_two();
        let sql = format!(
            "SELECT namespace, key, id, route, size, {COLUMNS} FROM tower_webhook_inbox
             WHERE (namespace, key) IN (VALUES {})",
            repeated("(?, ?)", wanted)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        let last = places.last().into_iter().cycle();
        for (namespace, key) in places.iter().chain(last).take(wanted) {
            query = query.bind((*namespace).to_owned()).bind((*key).to_owned());
        }
        for row in query.fetch_all(&mut *conn).await? {
            let at = (row.try_get(0)?, row.try_get(1)?);
            let found_row = FoundRow {
                id: row.try_get(2)?,
                route: row.try_get(3)?,
                size: row.try_get(4)?,
                entry: entry(&row, 5).ok().and_then(|row| row.entry()),
            };
            found.push((at, found_row));
        }
    }
    Ok(found)
}

const NEXT_ID: &str = "SELECT coalesce(max(id), 0) + 1 FROM tower_webhook_inbox";

/// A number larger than that of every row.
pub(super) async fn next_id(conn: &mut SqliteConnection) -> Result<i64, Fault> {
    Ok(sqlx::query_scalar(NEXT_ID).fetch_one(conn).await?)
}

/// Writes the changes to rows, except those to order keys.
pub(super) async fn write(conn: &mut SqliteConnection, changes: Changes) -> Result<(), Fault> {
    let Changes {
        removed,
        rows,
        contents,
        dropped,
        order_keys: _,
        freed: _,
        opened: _,
    } = changes;
    let removed: Vec<_> = removed.into_iter().map(|(id, _)| id).collect();
    delete(conn, "tower_webhook_inbox_content", &removed).await?;
    delete(conn, "tower_webhook_inbox", &removed).await?;
    delete(conn, "tower_webhook_inbox_content", &dropped).await?;
    upsert(conn, rows).await?;
    put(conn, contents).await
}

async fn delete(
    conn: &mut SqliteConnection,
    table: &'static str,
    ids: &[i64],
) -> Result<(), Fault> {
    let mut rest = ids;
    while !rest.is_empty() {
        let (some, others) = rest.split_at(at_once(rest.len()));
        rest = others;
        let places = repeated("?", some.len());
        let sql = format!("DELETE FROM {table} WHERE id IN ({places})");
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for id in some {
            query = query.bind(*id);
        }
        query.execute(&mut *conn).await?;
    }
    Ok(())
}

/// Writes these rows, both new and existing ones.
pub(super) async fn upsert(
    conn: &mut SqliteConnection,
    mut rows: Vec<NewRow>,
) -> Result<(), Fault> {
    while !rows.is_empty() {
        let rest = rows.split_off(at_once(rows.len()));
        let some = std::mem::replace(&mut rows, rest);
        let count = some.len();
        let values = repeated(
            "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            count,
        );
        let sql = format!(
            "INSERT INTO tower_webhook_inbox (id, namespace, key, name, route, size, {COLUMNS})
             VALUES {values}
             ON CONFLICT (id) DO UPDATE SET size = excluded.size, state = excluded.state,
             due = excluded.due, token = excluded.token, lease = excluded.lease,
             attempts = excluded.attempts, deaths = excluded.deaths, fence = excluded.fence,
             fingerprint = excluded.fingerprint, corrected = excluded.corrected,
             revived_at = excluded.revived_at, since = excluded.since,
             kept_until = excluded.kept_until, history = excluded.history,
             order_key = excluded.order_key, version = excluded.version,
             order_flags = excluded.order_flags"
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for NewRow {
            id,
            place,
            route,
            size,
            row,
        } in some
        {
            query = query
                .bind(id)
                .bind(place.namespace.as_str().to_owned())
                .bind(place.key)
                .bind(place.name.map(String::into_bytes))
                .bind(route)
                .bind(size)
                .bind(row.state)
                .bind(row.due)
                .bind(row.token)
                .bind(row.lease)
                .bind(row.attempts)
                .bind(row.deaths)
                .bind(row.fence)
                .bind(row.fingerprint)
                .bind(row.corrected)
                .bind(row.accepted_at)
                .bind(row.revived_at)
                .bind(row.since)
                .bind(row.kept_until)
                .bind(row.history)
                .bind(row.order_key)
                .bind(row.version)
                .bind(row.order_flags);
        }
        let written = query.execute(&mut *conn).await?.rows_affected();
        if u64::try_from(count).is_ok_and(|count| count != written) {
            let text = format!(
                "{written} of {count} rows were written: a trigger keeps others as they are"
            );
            return Err(Fault::new(Cause::Other, text));
        }
    }
    Ok(())
}

async fn put(conn: &mut SqliteConnection, mut contents: Vec<(i64, Content)>) -> Result<(), Fault> {
    while !contents.is_empty() {
        let rest = contents.split_off(at_once(contents.len()));
        let some = std::mem::replace(&mut contents, rest);
        let values = repeated("(?, ?, ?)", some.len());
        let sql = format!(
            "INSERT INTO tower_webhook_inbox_content (id, envelope, body) VALUES {values}
             ON CONFLICT (id) DO UPDATE SET envelope = excluded.envelope, body = excluded.body"
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (id, Content { envelope, body, .. }) in some {
            query = query
                .bind(id)
                .bind(Vec::from(envelope))
                .bind(Vec::from(body));
        }
        query.execute(&mut *conn).await?;
    }
    Ok(())
}

/// The existing contents of these rows.
pub(super) async fn contents(
    conn: &mut SqliteConnection,
    ids: &[i64],
) -> Result<Vec<(i64, Content)>, Fault> {
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(MOST_ROWS) {
        let wanted = ids.len().next_power_of_two();
        let sql = format!(
            "SELECT id, envelope, body FROM tower_webhook_inbox_content WHERE id IN ({})",
            repeated("?", wanted)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        let last = ids.last().into_iter().cycle();
        for id in ids.iter().chain(last).take(wanted) {
            query = query.bind(*id);
        }
        for row in query.fetch_all(&mut *conn).await? {
            let (Ok(envelope), Ok(body)) =
                (row.try_get::<Vec<u8>, _>(1), row.try_get::<Vec<u8>, _>(2))
            else {
                continue;
            };
            let content = Content::new(Bytes::from(envelope), Bytes::from(body));
            found.push((row.try_get(0)?, content));
        }
    }
    Ok(found)
}
