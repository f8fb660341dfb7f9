//! A journal in a table of Postgres.

#[cfg(feature = "page")]
pub(super) mod newest;

use std::fmt;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row as _, query};
use tokio::time::timeout;

use super::error::{Fault, PostgresConnectError, PostgresConnectErrorKind};
use super::schema::{self, Part};
use super::session::{Origin, Sessions};
use super::settings::options;
use super::sql::Preparing;
use super::table::Tables;
use crate::recorded::{
    JournalError, JournalFilter, JournalLine, JournalPage, JournalPosition, JournalSink, Retained,
};
use crate::store::sql::journal::{Asked, BATCH, Desk, Filling};
use crate::store::sql::micros;

const JOURNAL: Part = Part {
    name: "journal",
    version: 2,
    works_from: 1,
    steps: &[step_1, step_2],
};

/// How long a write or a read may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long creating or upgrading the table may take: an index over some million lines takes minutes. Only the
/// thread of the journal waits for it.
const MIGRATION_LIMIT: Duration = Duration::from_secs(600);

/// A line is written once, however often it is sent. Lines of earlier versions have no number.
fn step_2(tables: &Tables) -> String {
    let (journal, line) = (tables.journal(), tables.index("journal_line"));
    format!(
        "ALTER TABLE {journal} ADD COLUMN IF NOT EXISTS number bigint;
CREATE UNIQUE INDEX IF NOT EXISTS {line} ON {journal} (id, number)"
    )
}

/// `xid` is the transaction that wrote a row: everything with a lower number than the oldest transaction under way
/// is visible. <https://www.postgresql.org/docs/13/functions-info.html>, table 9.75
fn step_1(tables: &Tables) -> String {
    let (journal, end, key) = (
        tables.journal(),
        tables.index("journal_end"),
        tables.index("journal_key"),
    );
    format!(
        "CREATE TABLE IF NOT EXISTS {journal} (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    seq bigint GENERATED ALWAYS AS IDENTITY,
    at bigint NOT NULL,
    authenticated boolean NOT NULL,
    id text COLLATE \"C\" NOT NULL,
    provider text COLLATE \"C\" NOT NULL,
    key text COLLATE \"C\",
    line text NOT NULL,
    PRIMARY KEY (xid, seq)
);
CREATE INDEX IF NOT EXISTS {end} ON {journal} (authenticated, at);
CREATE INDEX IF NOT EXISTS {key} ON {journal} (key) WHERE key IS NOT NULL"
    )
}

/// A journal in a table of Postgres 13 or later, `tower_webhook_journal`, which all receivers share.
///
/// A line whose commit was not answered is sent again, but is stored once.
///
/// Reading page by page misses nothing: a page ends before the oldest transaction that is under way in the server,
/// because lines of that transaction and later ones may not all be visible yet. So nothing newer is read while a
/// transaction is open, even for minutes.
///
/// If a dump of it is restored in another server, whose transactions have lower numbers, the restored lines come
/// before those that are written there. A reader that continues from a place among the restored lines continues with
/// the new ones. Some lines may be read twice then: those whose numbers the new server has reached.
///
/// ```no_run
/// use tower_webhook::journal::{Journal, JournalFilter, PostgresJournal};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let table = PostgresJournal::new("postgres://app@localhost/app")?.migrate();
/// let journal = Journal::start(table.clone())?;
/// // … configure the webhooks with `.journal(&journal)` …
/// let page = table.read(&JournalFilter::new(), None, 100).await?;
/// let later = table.read(&JournalFilter::new(), Some(&page.next), 100).await?;
/// # drop((journal, later));
/// # Ok(())
/// # }
/// ```
pub struct PostgresJournal {
    sessions: Sessions,
    tables: Tables,
    migrate: bool,
    desk: Desk<PgConnection>,
}

impl Clone for PostgresJournal {
    /// The same table, with connections of its own.
    fn clone(&self) -> Self {
        Self {
            sessions: self.sessions.clone(),
            tables: self.tables.clone(),
            migrate: self.migrate,
            desk: Desk::new(),
        }
    }
}

impl PostgresJournal {
    /// The journal in the database of this URL, without connecting to it; the documentation of
    /// [`PostgresStore`](crate::PostgresStore) about its URL applies here too.
    ///
    /// # Errors
    ///
    /// A URL that cannot be used.
    pub fn new(url: impl AsRef<str>) -> Result<Self, PostgresConnectError> {
        let origin = Origin::Url(Box::new(options(url.as_ref())?));
        Ok(Self {
            sessions: Sessions::new(origin, DEADLINE, Preparing::never()),
            tables: Tables::default(),
            migrate: false,
            desk: Desk::new(),
        })
    }

    /// The schema that holds the table, and the prefix of its name; `public` and `tower_webhook_` unless set.
    ///
    /// # Errors
    ///
    /// As for [`PostgresStoreBuilder::schema`](crate::store::PostgresStoreBuilder::schema) and
    /// [`table_prefix`](crate::store::PostgresStoreBuilder::table_prefix).
    ///
    /// ```
    /// use tower_webhook::journal::PostgresJournal;
    ///
    /// let journal = PostgresJournal::new("postgres://app@localhost/app")?.tables("ops", "wh_")?;
    /// assert!(journal.migration_sql().contains("\"ops\".\"wh_journal\""));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tables(
        mut self,
        schema: impl Into<String>,
        prefix: impl Into<String>,
    ) -> Result<Self, PostgresConnectError> {
        let tables = Tables::new(Some(schema.into()), Some(prefix.into()));
        self.tables = tables.map_err(|message| {
            PostgresConnectError::new(PostgresConnectErrorKind::Setting, message)
        })?;
        Ok(self)
    }

    /// Creates the table before the first write, for which the role needs the rights.
    #[must_use]
    pub fn migrate(mut self) -> Self {
        self.migrate = true;
        self
    }

    /// The SQL that makes the table, to run migrations by other means.
    pub fn migration_sql(&self) -> String {
        schema::printed(&[JOURNAL], &self.tables)
    }

    /// Reads up to `limit` matching lines, in the order of the transactions that wrote them, from the beginning or
    /// from the end of another page.
    ///
    /// # Errors
    ///
    /// The table cannot be read, or does not exist.
    pub async fn read(
        &self,
        filter: &JournalFilter,
        after: Option<&JournalPosition>,
        limit: usize,
    ) -> Result<JournalPage, JournalError> {
        let reading = Box::pin(self.read_page(filter, after, limit)).await;
        reading.map_err(|fault| self.failed("read", fault))
    }

    async fn read_page(
        &self,
        filter: &JournalFilter,
        after: Option<&JournalPosition>,
        limit: usize,
    ) -> Result<JournalPage, Fault> {
        let sql = page(&self.tables.journal());
        let (mut xid, mut seq) = place(after);
        let (asked, mut page) = (Asked::of(filter), Filling::new(filter, limit));
        let mut conn = self.sessions.connect().await?;
        while page.wants_more() {
            let mut tx = self.sessions.begin(&mut conn, true).await?;
            let rows = query(AssertSqlSafe(sql.clone()))
                .persistent(false)
                .bind(xid.clone())
                .bind(seq)
                .bind(asked.provider.clone())
                .bind(asked.key.clone())
                .bind(asked.from)
                .bind(asked.until)
                .fetch_all(&mut *tx)
                .await?;
            tx.commit().await?;
            page.read(rows.len());
            for row in rows {
                if !page.has_room() {
                    break;
                }
                (xid, seq) = (row.try_get(0)?, row.try_get(1)?);
                page.take(row.try_get(2)?);
            }
        }
        Ok(page.ends_at(format!("{xid}:{seq}")))
    }

    fn failed(&self, what: &str, fault: Fault) -> JournalError {
        failed(&self.sessions, &self.tables, what, fault)
    }

    /// Does some work on the connection that writes, which is replaced if it fails.
    fn work<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection, &Sessions, String) -> Result<T, Fault>,
    ) -> Result<T, JournalError> {
        let (sessions, tables, migrates) = (&self.sessions, &self.tables, self.migrate);
        self.desk.work(async move |conn| {
            let working = async {
                let mut conn = match conn {
                    Some(conn) => conn,
                    None => {
                        let mut conn = sessions.connect().await?;
                        let are_current = match migrates {
                            true => {
                                let looking = schema::are_current(&mut conn, &[JOURNAL], tables);
                                within(DEADLINE, looking).await?
                            }
                            false => true,
                        };
                        if !are_current {
                            let migrating = schema::migrate(&mut conn, &[JOURNAL], tables);
                            within(MIGRATION_LIMIT, migrating).await?;
                        }
                        conn
                    }
                };
                let working = work(&mut conn, sessions, tables.journal());
                let done = within(DEADLINE.saturating_mul(3), working).await?;
                Ok((conn, done))
            };
            let done: Result<_, Fault> = working.await;
            done.map_err(|fault| failed(sessions, tables, "written", fault))
        })
    }
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    (timeout(limit, work).await).unwrap_or_else(|_| Err(Fault::slow()))
}

fn failed(sessions: &Sessions, tables: &Tables, what: &str, fault: Fault) -> JournalError {
    let (server, table) = (sessions.shown(), tables.journal());
    JournalError::new(format!("{table} of {server} cannot be {what}")).with_source(fault)
}

/// The transaction, and the number within it, at which a page ended.
fn place(after: Option<&JournalPosition>) -> (String, i64) {
    let place = after.and_then(|it| it.as_str().split_once(':'));
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    place
        .filter(|(xid, _)| number(xid))
        .and_then(|(xid, seq)| Some((xid.to_owned(), seq.parse().ok()?)))
        .unwrap_or_else(|| ("0".to_owned(), 0))
}

impl JournalSink for PostgresJournal {
    fn write(&mut self, lines: &[JournalLine]) -> Result<(), JournalError> {
        self.work(async |conn, sessions, table| {
            let mut tx = sessions.begin(conn, true).await?;
            // In one statement, and thus in one round trip.
            let sql = format!(
                "INSERT INTO {table} (at, authenticated, id, provider, key, line, number)
                 SELECT * FROM unnest($1::bigint[], $2::boolean[], $3::text[], $4::text[], $5::text[],
                     $6::text[], $7::bigint[])
                 ON CONFLICT (id, number) DO NOTHING"
            );
            let number = lines.iter().map(|line| i64::try_from(line.number).ok());
            let at = lines.iter().map(|line| i64::try_from(line.at).unwrap_or(i64::MAX));
            query(AssertSqlSafe(sql))
                .persistent(false)
                .bind(at.collect::<Vec<_>>())
                .bind(lines.iter().map(|line| line.authenticated).collect::<Vec<_>>())
                .bind(lines.iter().map(|line| plain(&line.id)).collect::<Vec<_>>())
                .bind(lines.iter().map(|line| plain(&line.provider)).collect::<Vec<_>>())
                .bind(lines.iter().map(|line| line.key.as_deref().map(plain)).collect::<Vec<_>>())
                .bind(lines.iter().map(JournalLine::to_json).collect::<Vec<_>>())
                .bind(number.collect::<Vec<_>>())
                .execute(&mut *tx)
                .await?;
            Ok(tx.commit().await?)
        })
    }

    fn prune(&mut self, retained: &Retained) -> Result<bool, JournalError> {
        let kinds = [(true, retained.proved), (false, retained.refused)];
        let now = retained.now;
        self.work(async |conn, sessions, table| {
            let mut is_more = false;
            for (authenticated, kept) in kinds {
                let mut tx = sessions.begin(conn, true).await?;
                let removed = query(AssertSqlSafe(prune(&table)))
                    .persistent(false)
                    .bind(authenticated)
                    .bind(micros(now.saturating_sub(kept)))
                    .execute(&mut *tx)
                    .await?;
                tx.commit().await?;
                let removed = i64::try_from(removed.rows_affected());
                is_more |= removed.is_ok_and(|removed| removed >= BATCH);
            }
            Ok(is_more)
        })
    }
}

/// Removes a batch of old lines, which are looked up once and removed in place, as with records.
pub(super) fn prune(table: &str) -> String {
    format!(
        "DELETE FROM {table} WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM {table} WHERE authenticated = $1 AND at < $2
             ORDER BY at LIMIT {BATCH} FOR UPDATE SKIP LOCKED))
             AND authenticated = $1 AND at < $2"
    )
}

/// The lines after a place.
///
/// A line with a number that no transaction of this server has had yet is from another server, whose dump was
/// restored here. All such lines are visible, so they come first. A reader at a place among them continues after it
/// with all lines that were written here.
fn page(table: &str) -> String {
    let lines = |area: u8, place: &str| {
        format!(
            "(SELECT {area} AS area, xid, seq, line FROM {table}
              WHERE {place}
                  AND ($3::text IS NULL OR provider = $3) AND ($4::text IS NULL OR key = $4)
                  AND at >= $5 AND at < $6 ORDER BY xid, seq LIMIT {BATCH})"
        )
    };
    let next = "pg_snapshot_xmax(pg_current_snapshot())";
    // A single comparison, so that the scan starts at that place in the index.
    let elsewhere = lines(
        0,
        &format!(
            "(xid, seq) > (greatest($1::text::xid8, {next}),
                   CASE WHEN $1::text::xid8 >= {next} THEN $2 ELSE -1 END)
                  AND ($1::text = '0' OR $1::text::xid8 >= {next})"
        ),
    );
    let here = lines(
        1,
        &format!(
            "xid < pg_snapshot_xmin(pg_current_snapshot()) AND (xid, seq) >
                  (CASE WHEN $1::text::xid8 >= {next} THEN '0' ELSE $1::text::xid8 END,
                   CASE WHEN $1::text::xid8 >= {next} THEN 0 ELSE $2 END)"
        ),
    );
    format!(
        "SELECT found.xid::text, seq, line FROM ({elsewhere} UNION ALL {here}) AS found
         ORDER BY area, found.xid, seq LIMIT {BATCH}"
    )
}

/// A text that Postgres accepts: without NUL characters.
fn plain(text: &str) -> String {
    text.replace('\0', "")
}

impl fmt::Debug for PostgresJournal {
    /// Shows host and database, but neither user nor password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresJournal")
            .field("postgres", &self.sessions.shown())
            .field("table", &self.tables.journal())
            .field("migrate", &self.migrate)
            .finish_non_exhaustive()
    }
}
