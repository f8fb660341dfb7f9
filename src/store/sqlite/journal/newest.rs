//! Reads a journal backwards from its newest line.

use futures_util::TryStreamExt as _;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Row as _, query, query_scalar};

use super::{SqliteJournal, micros};
use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::recorded::{JournalError, JournalPosition, Newest, NewestLines, Reading};
use crate::store::sqlite::error::Fault;

/// Lines may be written slightly later than others whose outcome was known before.
const SLACK: i64 = 10_000_000;

const FLOOR: &str = "\
SELECT min(seq) FROM (SELECT seq FROM tower_webhook_journal WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2)";

const AT: &str = "\
SELECT seq FROM tower_webhook_journal WHERE authenticated = ?1 AND at < ?2 ORDER BY at DESC LIMIT 1";

const LINES: &str = "\
SELECT seq, line FROM tower_webhook_journal
WHERE seq < ?1 AND seq >= ?2 AND (?3 IS NULL OR provider = ?3) AND at >= ?4 AND at < ?5
ORDER BY seq DESC";

const OF_KEY: &str = "\
SELECT seq, line FROM tower_webhook_journal WHERE key = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";

impl SqliteJournal {
    /// Reads the newest matching lines. The connection is opened if there is none yet.
    pub(crate) async fn newest(
        &self,
        conn: &mut Option<SqliteConnection>,
        newest: Newest<'_>,
    ) -> Result<NewestLines, JournalError> {
        // A read that fails, or is dropped half-way, leaves no connection behind.
        let reading = async {
            let mut open = match conn.take() {
                Some(open) => open,
                None => self.opener.reader().await?,
            };
            let found = read(&mut open, newest).await?;
            *conn = Some(open);
            Ok(found)
        };
        Box::pin(reading)
            .await
            .map_err(|fault| self.failed("read", fault))
    }
}

async fn read(conn: &mut SqliteConnection, newest: Newest<'_>) -> Result<NewestLines, Fault> {
    let filter = newest.filter;
    let before = newest.before.and_then(|it| it.as_str().parse().ok());
    let mut before: i64 = before.unwrap_or(i64::MAX);
    let most = i64::try_from(newest.looked_at()).unwrap_or(i64::MAX);
    let mut reading = Reading::default();
    let mut floor: Option<i64> = None;
    let mut rows = match &filter.key {
        Some(key) => query(OF_KEY)
            .bind(EventKey::encoded(key))
            .bind(before)
            .bind(most)
            .fetch(&mut *conn),
        None => {
            let until = filter.until.map(micros);
            if let Some(until) = until {
                let mut last: Option<i64> = None;
                for authenticated in [true, false] {
                    let found = query_scalar(AT)
                        .bind(authenticated)
                        .bind(until.saturating_add(SLACK));
                    last = last.max(found.fetch_optional(&mut *conn).await?);
                }
                before = before.min(last.unwrap_or(0).saturating_add(1));
            }
            let found = query_scalar(FLOOR).bind(before).bind(most);
            floor = found.fetch_one(&mut *conn).await?;
            query(LINES)
                .bind(before)
                .bind(floor.unwrap_or(i64::MAX))
                .bind(filter.provider.as_ref().map(Name::as_str))
                .bind(micros(filter.from.unwrap_or(UnixTime::EPOCH)))
                .bind(until.unwrap_or(i64::MAX))
                .fetch(&mut *conn)
        }
    };
    let mut is_full = false;
    while let Some(row) = rows.try_next().await? {
        let seq: i64 = row.try_get(0)?;
        if !reading.take(
            &newest,
            JournalPosition::new(seq.to_string()),
            row.try_get(1)?,
        ) {
            is_full = true;
            break;
        }
    }
    drop(rows);
    let mut found = reading.found;
    if !is_full {
        // All of them were read: continue from the last one, if there are lines before it.
        found.next = floor.map(|floor| JournalPosition::new(floor.to_string()));
    }
    if let Some(next) = &found.next {
        let next: i64 = next.as_str().parse().unwrap_or(0);
        let earlier: Option<i64> = query_scalar(FLOOR)
            .bind(next)
            .bind(1_i64)
            .fetch_one(conn)
            .await?;
        if earlier.is_none() {
            found.next = None;
        }
    }
    Ok(found)
}

/// Every statement that reads here.
#[cfg(test)]
pub(in crate::store::sqlite) const ALL: [&str; 4] = [FLOOR, AT, LINES, OF_KEY];
