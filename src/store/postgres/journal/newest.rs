//! Reads a journal backwards from its newest line.

use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row as _, query};
use tokio::time::timeout;

use super::{DEADLINE, PostgresJournal, micros, place};
use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::recorded::{JournalError, JournalPosition, Newest, NewestLines, Reading};
use crate::store::postgres::error::Fault;

/// Lines may be written slightly later than others whose outcome was known before.
const SLACK: i64 = 10_000_000;

/// The statements for this table.
pub(in crate::store::postgres) struct Statements {
    floor: String,
    at: String,
    lines: String,
    of_key: String,
}

impl Statements {
    pub(in crate::store::postgres) fn of(table: &str) -> Self {
        Self {
            floor: format!(
                "SELECT xid::text, seq FROM (SELECT xid, seq FROM {table}
                     WHERE (xid, seq) < ($1::text::xid8, $2) ORDER BY xid DESC, seq DESC LIMIT $3) AS looked
                 ORDER BY looked.xid, looked.seq LIMIT 1"
            ),
            at: format!(
                "SELECT xid::text, seq FROM {table} WHERE authenticated = $1 AND at < $2
                 ORDER BY at DESC LIMIT 1"
            ),
            lines: format!(
                "SELECT xid::text, seq, line FROM {table}
                 WHERE (xid, seq) < ($1::text::xid8, $2) AND (xid, seq) >= ($3::text::xid8, $4)
                     AND ($5::text IS NULL OR provider = $5) AND at >= $6 AND at < $7
                 ORDER BY {table}.xid DESC, seq DESC LIMIT $8"
            ),
            // `OFFSET 0` forces a lookup by key first: if the server has few statistics on the table, it
            // would otherwise scan all places before that one.
            of_key: format!(
                "SELECT xid::text, seq, line
                 FROM (SELECT xid, seq, line FROM {table} WHERE key = $1 OFFSET 0) AS kept
                 WHERE (xid, seq) < ($2::text::xid8, $3)
                 ORDER BY kept.xid DESC, seq DESC LIMIT $4"
            ),
        }
    }

    /// Each of them, with parameters of the right types.
    #[cfg(test)]
    pub(in crate::store::postgres) fn all(&self) -> [(&str, &str); 4] {
        [
            ("'9', 9, 50", &self.floor),
            ("true, 9", &self.at),
            ("'9', 9, '1', 1, 'acme', 1, 9, 50", &self.lines),
            (
                "'acme:1', '18446744073709551615', 9223372036854775807, 2000",
                &self.of_key,
            ),
        ]
    }
}

type At = (String, i64);

fn position((xid, seq): &At) -> JournalPosition {
    JournalPosition::new(format!("{xid}:{seq}"))
}

/// The numbers of transactions increase, and so do those of lines within one.
fn order((xid, seq): &At) -> (u64, i64) {
    (xid.parse().unwrap_or(u64::MAX), *seq)
}

impl PostgresJournal {
    /// Reads the newest matching lines. The connection is opened if there is none yet.
    pub(crate) async fn newest(
        &self,
        conn: &mut Option<PgConnection>,
        newest: Newest<'_>,
    ) -> Result<NewestLines, JournalError> {
        // A read that fails, or is dropped half-way, leaves no connection behind.
        let reading = async {
            let mut open = match conn.take() {
                Some(open) => open,
                None => self.sessions.connect().await?,
            };
            let found = self.newest_on(&mut open, newest).await?;
            *conn = Some(open);
            Ok(found)
        };
        let done = timeout(DEADLINE, Box::pin(reading)).await;
        let done = done.unwrap_or_else(|_| Err(Fault::slow()));
        done.map_err(|fault| self.failed("read", fault))
    }

    async fn newest_on(
        &self,
        conn: &mut PgConnection,
        newest: Newest<'_>,
    ) -> Result<NewestLines, Fault> {
        let filter = newest.filter;
        let Statements {
            floor,
            at,
            lines,
            of_key,
        } = Statements::of(&self.tables.journal());
        let mut before = match newest.before {
            Some(_) => place(newest.before),
            None => (u64::MAX.to_string(), i64::MAX),
        };
        let most = i64::try_from(newest.looked_at()).unwrap_or(i64::MAX);
        let one = |row: PgRow| Ok::<At, sqlx::Error>((row.try_get(0)?, row.try_get(1)?));
        let mut tx = self.sessions.begin(conn, true).await?;
        let mut last: Option<At> = None;
        let mut rows = match &filter.key {
            Some(key) => query(AssertSqlSafe(of_key))
                .persistent(false)
                .bind(EventKey::encoded(key))
                .bind(before.0)
                .bind(before.1)
                .bind(most)
                .fetch(&mut *tx),
            None => {
                let until = filter.until.map(micros);
                if let Some(until) = until {
                    let mut newest_then: At = ("0".to_owned(), 0);
                    for authenticated in [true, false] {
                        let found = query(AssertSqlSafe(at.clone()))
                            .persistent(false)
                            .bind(authenticated)
                            .bind(until.saturating_add(SLACK));
                        if let Some(row) = found.fetch_optional(&mut *tx).await? {
                            let then = one(row)?;
                            if order(&then) > order(&newest_then) {
                                newest_then = then;
                            }
                        }
                    }
                    let (xid, seq) = newest_then;
                    let behind = (xid, seq.saturating_add(1));
                    if order(&behind) < order(&before) {
                        before = behind;
                    }
                }
                let found = query(AssertSqlSafe(floor.clone()))
                    .persistent(false)
                    .bind(before.0.clone())
                    .bind(before.1)
                    .bind(most);
                let found = found.fetch_optional(&mut *tx).await?;
                last = found.map(one).transpose()?;
                let (xid, seq) = last.clone().unwrap_or_else(|| before.clone());
                query(AssertSqlSafe(lines))
                    .persistent(false)
                    .bind(before.0)
                    .bind(before.1)
                    .bind(xid)
                    .bind(seq)
                    .bind(filter.provider.as_ref().map(Name::as_str))
                    .bind(micros(filter.from.unwrap_or(UnixTime::EPOCH)))
                    .bind(until.unwrap_or(i64::MAX))
                    .bind(most)
                    .fetch(&mut *tx)
            }
        };
        let mut reading = Reading::default();
        let mut is_full = false;
        while let Some(row) = rows.try_next().await? {
            let at = (row.try_get(0)?, row.try_get(1)?);
            if !reading.take(&newest, position(&at), row.try_get(2)?) {
                is_full = true;
                break;
            }
        }
        drop(rows);
        let mut found = reading.found;
        if !is_full {
            // All of them were read: continue from the last one, if there are lines before it.
            found.next = last.as_ref().map(position);
        }
        if let Some(next) = &found.next {
            let (xid, seq) = place(Some(next));
            let earlier = query(AssertSqlSafe(floor))
                .persistent(false)
                .bind(xid)
                .bind(seq)
                .bind(1_i64);
            if earlier.fetch_optional(&mut *tx).await?.is_none() {
                found.next = None;
            }
        }
        tx.commit().await?;
        Ok(found)
    }
}
