//! A journal in a SQLite file.

#[cfg(feature = "page")]
pub(super) mod newest;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, Row as _, query, raw_sql};

use super::connection::Opener;
use super::error::{Fault, SqliteConnectError};
use super::file;
use super::schema::{self, Part};
use crate::recorded::{
    JournalError, JournalFilter, JournalLine, JournalPage, JournalPosition, JournalSink, Retained,
};
use crate::store::sql::journal::{Asked, BATCH, Desk, Filling};
use crate::store::sql::micros;

const JOURNAL: Part = Part {
    name: "journal",
    steps: &[STEP_1, STEP_2],
    works_from: 1,
};

/// `seq` is never reused, and the later of two commits has the greater one, so a reader can continue after it.
const STEP_1: &str = "\
CREATE TABLE tower_webhook_journal (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    authenticated INTEGER NOT NULL,
    id TEXT NOT NULL,
    provider TEXT NOT NULL,
    key TEXT,
    line TEXT NOT NULL
) STRICT;
CREATE INDEX tower_webhook_journal_end ON tower_webhook_journal (authenticated, at);
CREATE INDEX tower_webhook_journal_kind ON tower_webhook_journal (authenticated, seq);
CREATE INDEX tower_webhook_journal_key ON tower_webhook_journal (key, seq) WHERE key IS NOT NULL;
";

/// A line is written once, however often it is sent. Lines of earlier versions have no number.
const STEP_2: &str = "\
ALTER TABLE tower_webhook_journal ADD COLUMN number INTEGER;
CREATE UNIQUE INDEX tower_webhook_journal_line ON tower_webhook_journal (id, number);
";

/// How long a write waits if another process has locked the file.
const PATIENCE: Duration = Duration::from_secs(2);

/// A journal in a SQLite file, in the table `tower_webhook_journal`.
///
/// Use a separate file: in the store's file, each write of the journal would delay deliveries. A crash of the
/// machine may lose the last moments, because nothing waits for the disk; a crash of the process loses nothing
/// that was written.
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::journal::{Journal, JournalFilter, SqliteJournal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("webhook-journal-sqlite-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("journal.db");
/// let table = SqliteJournal::open(&path)?.rows(1_000_000, 100_000);
/// let journal = Journal::start(table.clone())?;
/// // … configure the webhooks with `.journal(&journal)` …
/// assert!(journal.flush(Duration::from_secs(5)).await);
///
/// let mut page = table.read(&JournalFilter::new(), None, 100).await?;
/// while !page.is_last {
///     page = table.read(&JournalFilter::new(), Some(&page.next), 100).await?;
/// }
/// # drop(journal);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok(())
/// # }
/// ```
pub struct SqliteJournal {
    opener: Opener,
    rows: [u64; 2],
    desk: Desk<SqliteConnection>,
}

impl Clone for SqliteJournal {
    /// The same file, with connections of its own.
    fn clone(&self) -> Self {
        Self {
            opener: self.opener.clone(),
            rows: self.rows,
            desk: Desk::new(),
        }
    }
}

impl SqliteJournal {
    /// The journal in this file, which the first write creates if necessary.
    ///
    /// # Errors
    ///
    /// A path whose folder does not exist, or on a network file system.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, SqliteConnectError> {
        Ok(Self {
            opener: Opener {
                path: file::located(&path.into())?,
                patience: PATIENCE,
                first: Arc::default(),
                log: Arc::default(),
                #[cfg(test)]
                sabotage: "",
            },
            rows: [10_000_000, 1_000_000],
            desk: Desk::new(),
        })
    }

    /// The most rows for requests of proven origin, and for all others; 10,000,000 and 1,000,000 unless set. If there
    /// are more, the oldest are removed.
    #[must_use]
    pub fn rows(mut self, proved: u64, refused: u64) -> Self {
        self.rows = [proved, refused];
        self
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.opener.path
    }

    /// Reads up to `limit` matching lines, in the order in which they were written, from the beginning or from the
    /// end of another page.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
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
        let mut seq: i64 = after.and_then(|it| it.as_str().parse().ok()).unwrap_or(0);
        let (asked, mut page) = (Asked::of(filter), Filling::new(filter, limit));
        let mut conn = self.opener.reader().await?;
        while page.wants_more() {
            let rows = query(
                "SELECT seq, line FROM tower_webhook_journal
                 WHERE seq > ?1 AND (?2 IS NULL OR provider = ?2) AND (?3 IS NULL OR key = ?3)
                   AND at >= ?4 AND at < ?5 ORDER BY seq LIMIT ?6",
            )
            .bind(seq)
            .bind(asked.provider.clone())
            .bind(asked.key.clone())
            .bind(asked.from)
            .bind(asked.until)
            .bind(BATCH);
            let rows = rows.fetch_all(&mut conn).await?;
            page.read(rows.len());
            for row in rows {
                if !page.has_room() {
                    break;
                }
                seq = row.try_get(0)?;
                page.take(row.try_get(1)?);
            }
        }
        Ok(page.ends_at(seq.to_string()))
    }

    fn failed(&self, what: &str, fault: Fault) -> JournalError {
        failed(&self.opener, what, fault)
    }

    /// Does some work on the connection that writes, which is replaced if it fails.
    fn work<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, Fault>,
    ) -> Result<T, JournalError> {
        let opener = &self.opener;
        self.desk.work(async move |conn| {
            let working = async {
                let mut conn = match conn {
                    Some(conn) => conn,
                    None => {
                        let mut conn = opener.writer(true).await?;
                        schema::migrate(&mut conn, &JOURNAL).await?;
                        // This is a log, so nothing waits for the disk.
                        let settings = "PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 2000";
                        raw_sql(settings).execute(&mut conn).await?;
                        conn
                    }
                };
                let done = work(&mut conn).await?;
                Ok((conn, done))
            };
            working
                .await
                .map_err(|fault| failed(opener, "written", fault))
        })
    }
}

fn failed(opener: &Opener, what: &str, fault: Fault) -> JournalError {
    let path = opener.path.display();
    JournalError::new(format!("{path} cannot be {what}")).with_source(fault)
}

impl JournalSink for SqliteJournal {
    fn write(&mut self, lines: &[JournalLine]) -> Result<(), JournalError> {
        self.work(async |conn| {
            let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
            for line in lines {
                query(
                    "INSERT INTO tower_webhook_journal (at, authenticated, id, provider, key, line, number)
                     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id, number) DO NOTHING",
                )
                .bind(i64::try_from(line.at).unwrap_or(i64::MAX))
                .bind(line.authenticated)
                .bind(&line.id)
                .bind(&line.provider)
                .bind(&line.key)
                .bind(line.to_json())
                .bind(i64::try_from(line.number).ok())
                .execute(&mut *tx)
                .await?;
            }
            Ok(tx.commit().await?)
        })
    }

    fn prune(&mut self, retained: &Retained) -> Result<bool, JournalError> {
        let [proved, refused] = self.rows;
        let kinds = [
            (true, retained.proved, proved),
            (false, retained.refused, refused),
        ];
        let now = retained.now;
        self.work(async |conn| {
            let mut is_more = false;
            for (authenticated, kept, rows) in kinds {
                let sql = format!(
                    "DELETE FROM tower_webhook_journal WHERE seq IN (
                         SELECT seq FROM tower_webhook_journal
                         WHERE authenticated = ?1 AND (at < ?2 OR seq <= coalesce((
                             SELECT seq FROM tower_webhook_journal WHERE authenticated = ?1
                             ORDER BY seq DESC LIMIT 1 OFFSET ?3), -1))
                         ORDER BY seq LIMIT {BATCH})"
                );
                let removed = query(AssertSqlSafe(sql))
                    .bind(authenticated)
                    .bind(micros(now.saturating_sub(kept)))
                    .bind(i64::try_from(rows).unwrap_or(i64::MAX))
                    .execute(&mut *conn)
                    .await?;
                is_more |=
                    i64::try_from(removed.rows_affected()).is_ok_and(|removed| removed >= BATCH);
            }
            Ok(is_more)
        })
    }
}

impl fmt::Debug for SqliteJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteJournal")
            .field("file", &self.opener.path)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}
