//! Reads for inspecting an inbox.

use bytes::Bytes;
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use crate::clock::UnixTime;
use crate::event::Name;
use crate::inbox::{EntryCounts, EntryStatus, EntryView, List, Route};
use crate::store::postgres::commands::ServerTime;
use crate::store::postgres::error::{Cause, Fault};
use crate::store::postgres::told::{last_time, told};
use crate::store::sql::{Place, micros};

use super::rows::entry;
use super::statements::EntryStatements;

/// The key of the entry in a row that begins with the time, as it is stored; `None` if the row holds only
/// the time.
fn key(row: &PgRow) -> Result<Option<String>, Fault> {
    Ok(row.try_get(1)?)
}

fn view(namespace: &Name, key: &str, row: &PgRow, now: UnixTime) -> Option<EntryView> {
    let name: Option<Vec<u8>> = row.try_get(2).ok()?;
    let route: String = row.try_get(3).ok()?;
    let entry = entry(row, 4)?.entry()?;
    let event = Place::read(namespace, key, name.as_deref())?;
    Some(EntryView::new(event, Route::parse(&route)?, entry, now))
}

/// The entry of an event, while it counts.
pub(super) async fn one(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    place: &Place,
    time: &ServerTime,
) -> Result<Option<EntryView>, Fault> {
    let rows = statements
        .one
        .query()
        .bind(place.namespace.as_str())
        .bind(place.key.as_str())
        .fetch_all(conn)
        .await?;
    let now = time.of(last_time(&rows)?);
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let Some(key) = key(row)? else {
        return Ok(None);
    };
    let Some(view) = view(&place.namespace, &key, row, now) else {
        return Err(Fault::new(
            Cause::Corrupt,
            "a row that no version of this crate writes",
        ));
    };
    if !view.entry.is_kept(now) {
        return Ok(None);
    }
    let body: Option<Vec<u8>> = row.try_get(21)?;
    Ok(Some(view.body(body.map(Bytes::from))))
}

/// How many rows one statement reads: some milliseconds of work.
const AT_ONCE: i64 = 5_000;
const COUNTED_AT_ONCE: i64 = 20_000;

/// Entries with one status among some thousand rows after this key; and the last of those keys, if
/// there may be more.
pub(super) async fn some(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    namespace: &Name,
    list: &List,
    behind: String,
    time: &ServerTime,
) -> Result<(Vec<EntryView>, Option<String>), Fault> {
    let at_once = list.rows_at_once(AT_ONCE);
    let sql = match list.status {
        EntryStatus::Dead => &statements.some_dead,
        _ => &statements.some,
    };
    let rows = sql
        .query()
        .bind(namespace.as_str())
        .bind(behind)
        .bind(at_once)
        .fetch_all(conn)
        .await?;
    let now = time.of(last_time(&rows)?);
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows >= at_once);
    let (mut views, mut last) = (Vec::new(), None);
    for row in &rows {
        let Some(key) = key(row)? else {
            continue;
        };
        views.extend(view(namespace, &key, row, now).filter(|view| {
            let provider = (list.provider.as_ref()).is_none_or(|it| it == view.key.provider());
            provider && view.status == list.status && view.entry.is_kept(now)
        }));
        last = Some(key);
    }
    Ok((views, last.filter(|_| is_full)))
}

/// How many entries with each status there are among some thousand rows after this key; and the last of
/// those keys, if any.
pub(super) async fn count(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    namespace: &Name,
    behind: String,
    time: &ServerTime,
) -> Result<(EntryCounts, Option<String>), Fault> {
    let now = time.of(told(&mut *conn).await?.time);
    let row = statements
        .count
        .query()
        .bind(namespace.as_str())
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

/// How many unfinished entries there are in all namespaces, as far as they are counted.
pub(super) async fn open(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    most: u64,
) -> Result<u64, Fault> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let row = statements.open.query().bind(most).fetch_one(conn).await?;
    let open: i64 = row.try_get(0)?;
    Ok(u64::try_from(open).unwrap_or(0))
}

/// The providers that are paused.
pub(super) async fn paused(
    conn: &mut PgConnection,
    statements: &EntryStatements,
    namespace: &Name,
) -> Result<Vec<Name>, Fault> {
    let rows = statements.paused.query().bind(namespace.as_str());
    let mut names = Vec::new();
    for row in rows.fetch_all(conn).await? {
        let name: String = row.try_get(0)?;
        names.extend(Name::new(name).ok());
    }
    Ok(names)
}
