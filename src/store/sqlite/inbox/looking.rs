//! Reads for inspecting an inbox.

use bytes::Bytes;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _};

use crate::clock::UnixTime;
use crate::event::Name;
use crate::inbox::{EntryCounts, EntryStatus, EntryView, List, Route};
use crate::store::sql::{Place, micros};
use crate::store::sqlite::error::{Cause, Fault};

use super::statements::{COLUMNS, contents, entry};

fn select_one() -> String {
    format!(
        "SELECT id, key, name, route, {COLUMNS} FROM tower_webhook_inbox
         WHERE namespace = ? AND key = ?"
    )
}

fn view(namespace: &Name, row: &SqliteRow, now: UnixTime) -> Option<EntryView> {
    let key: String = row.try_get(1).ok()?;
    let name: Option<Vec<u8>> = row.try_get(2).ok()?;
    let route: String = row.try_get(3).ok()?;
    let entry = entry(row, 4).ok()?.entry()?;
    let event = Place::read(namespace, &key, name.as_deref())?;
    Some(EntryView::new(event, Route::parse(&route)?, entry, now))
}

/// The entry of an event, while it counts.
pub(super) async fn one(
    conn: &mut SqliteConnection,
    place: &Place,
    now: UnixTime,
) -> Result<Option<EntryView>, Fault> {
    let row = sqlx::query(AssertSqlSafe(select_one()))
        .bind(place.namespace.as_str().to_owned())
        .bind(place.key.clone())
        .fetch_optional(&mut *conn)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let Some(view) = view(&place.namespace, &row, now) else {
        return Err(Fault::new(
            Cause::Corrupt,
            "a row that no version of this crate writes",
        ));
    };
    if !view.entry.is_kept(now) {
        return Ok(None);
    }
    let mut body: Option<Bytes> = None;
    if view.entry.needs_content() {
        let found = contents(conn, &[row.try_get(0)?]).await?;
        body = found.into_iter().next().map(|(_, content)| content.body);
    }
    Ok(Some(view.body(body)))
}

/// How many rows one statement reads: some milliseconds of work.
const AT_ONCE: i64 = 5_000;

fn select_some(status: EntryStatus) -> String {
    let (index, only) = match status {
        EntryStatus::Dead => ("INDEXED BY tower_webhook_inbox_dead", "AND state = 5"),
        _ => ("", ""),
    };
    format!(
        "SELECT id, key, name, route, {COLUMNS} FROM tower_webhook_inbox {index}
         WHERE namespace = ?1 AND key > ?2 {only} ORDER BY key LIMIT ?3"
    )
}

/// Entries with one status among some thousand rows after this key; and the last of those keys, if
/// there may be more.
pub(super) async fn some(
    conn: &mut SqliteConnection,
    namespace: &Name,
    list: &List,
    behind: String,
    now: UnixTime,
) -> Result<(Vec<EntryView>, Option<String>), Fault> {
    let at_once = list.rows_at_once(AT_ONCE);
    let rows = sqlx::query(AssertSqlSafe(select_some(list.status)))
        .bind(namespace.as_str().to_owned())
        .bind(behind)
        .bind(at_once)
        .fetch_all(conn)
        .await?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows >= at_once);
    let last = rows.last().filter(|_| is_full);
    let last = last.and_then(|row| row.try_get::<String, _>(1).ok());
    let wanted = |view: &EntryView| {
        let provider = (list.provider.as_ref()).is_none_or(|it| it == view.key.provider());
        provider && view.status == list.status && view.entry.is_kept(now)
    };
    let views = rows.iter().filter_map(|row| view(namespace, row, now));
    Ok((views.filter(wanted).collect(), last))
}

/// How many entries with each status there are among some thousand rows after this number; and the last
/// of those numbers, if any.
pub(super) async fn count(
    conn: &mut SqliteConnection,
    namespace: &Name,
    behind: i64,
    now: UnixTime,
) -> Result<(EntryCounts, Option<i64>), Fault> {
    let row = sqlx::query(COUNT)
        .bind(namespace.as_str().to_owned())
        .bind(behind)
        .bind(micros(now))
        .bind(COUNTED_AT_ONCE)
        .fetch_one(conn)
        .await?;
    let mut counts = EntryCounts::default();
    for (column, status) in EntryStatus::ALL.iter().enumerate() {
        let number: i64 = row.try_get(column)?;
        counts.add(*status, u64::try_from(number).unwrap_or(0));
    }
    Ok((counts, row.try_get(EntryStatus::ALL.len())?))
}

const COUNTED_AT_ONCE: i64 = 20_000;

/// In the order of [`EntryStatus::ALL`].
const COUNT: &str = "\
SELECT count(*) FILTER (WHERE ours AND state = 1 AND attempts = 0),
       count(*) FILTER (WHERE ours AND state = 1 AND attempts > 0),
       count(*) FILTER (WHERE ours AND state IN (2, 3) AND due > ?3),
       count(*) FILTER (WHERE ours AND state IN (2, 3) AND due <= ?3),
       count(*) FILTER (WHERE ours AND state = 4 AND kept_until > ?3),
       count(*) FILTER (WHERE ours AND state = 5),
       count(*) FILTER (WHERE ours AND state = 6 AND kept_until > ?3),
       count(*) FILTER (WHERE ours AND state = 7 AND kept_until > ?3),
       count(*) FILTER (WHERE ours AND state = 8 AND kept_until > ?3),
       max(id)
FROM (SELECT id, namespace = ?1 AS ours, state, attempts, due, kept_until
      FROM tower_webhook_inbox WHERE id > ?2 ORDER BY id LIMIT ?4)";

/// How many unfinished entries there are in all namespaces.
pub(super) async fn open(conn: &mut SqliteConnection) -> Result<u64, Fault> {
    let (due, dead): (i64, i64) = sqlx::query_as(OPEN).fetch_one(conn).await?;
    Ok(u64::try_from(due.saturating_add(dead)).unwrap_or(0))
}

const OPEN: &str = "\
SELECT (SELECT count(*) FROM tower_webhook_inbox INDEXED BY tower_webhook_inbox_due
        WHERE due IS NOT NULL),
       (SELECT count(*) FROM tower_webhook_inbox INDEXED BY tower_webhook_inbox_dead
        WHERE state = 5)";

const PAUSED: &str = "SELECT provider FROM tower_webhook_inbox_paused WHERE namespace = ?";

/// The providers that are paused.
pub(super) async fn paused(
    conn: &mut SqliteConnection,
    namespace: &Name,
) -> Result<Vec<Name>, Fault> {
    let names: Vec<(String,)> = sqlx::query_as(PAUSED)
        .bind(namespace.as_str().to_owned())
        .fetch_all(conn)
        .await?;
    Ok(names
        .into_iter()
        .filter_map(|(name,)| Name::new(name).ok())
        .collect())
}

/// Every statement that reads here.
#[cfg(test)]
pub(super) fn all() -> Vec<String> {
    vec![
        select_one(),
        select_some(EntryStatus::Dead),
        select_some(EntryStatus::Queued),
        COUNT.to_owned(),
        OPEN.to_owned(),
        PAUSED.to_owned(),
    ]
}
