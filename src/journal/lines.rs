//! Reading a journal, wherever it is kept.

use std::fmt;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use std::sync::Arc;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use tokio::sync::Mutex;

use super::{JournalFiles, back};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::recorded::JournalFilter;
use crate::recorded::{JournalError, JournalLine, JournalPosition, Newest, NewestLines};
#[cfg(feature = "postgres")]
use crate::store::PostgresJournal;
#[cfg(feature = "sqlite")]
use crate::store::SqliteJournal;

/// A source of journal lines, made from [`JournalFiles`] or from a database table.
///
/// ```
/// use tower_webhook::journal::{JournalFiles, JournalLines};
///
/// # fn lines() -> Result<JournalLines, Box<dyn std::error::Error>> {
/// let files = JournalFiles::open("/var/log/webhooks")?;
/// let lines = JournalLines::from(files.clone());
/// # Ok(lines)
/// # }
/// ```
#[derive(Clone)]
pub struct JournalLines(Kind);

#[derive(Clone)]
enum Kind {
    Files(JournalFiles),
    /// Readers share a connection and take turns.
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteJournal, Arc<Mutex<Option<sqlx::SqliteConnection>>>),
    #[cfg(feature = "postgres")]
    Postgres(Box<PostgresJournal>, Arc<Mutex<Option<sqlx::PgConnection>>>),
}

impl From<JournalFiles> for JournalLines {
    fn from(files: JournalFiles) -> Self {
        Self(Kind::Files(files))
    }
}

#[cfg(feature = "sqlite")]
impl From<SqliteJournal> for JournalLines {
    fn from(table: SqliteJournal) -> Self {
        Self(Kind::Sqlite(table, Arc::default()))
    }
}

#[cfg(feature = "postgres")]
impl From<PostgresJournal> for JournalLines {
    fn from(table: PostgresJournal) -> Self {
        Self(Kind::Postgres(Box::new(table), Arc::default()))
    }
}

impl JournalLines {
    /// Reads the newest matching lines.
    pub(crate) async fn newest(&self, newest: Newest<'_>) -> Result<NewestLines, JournalError> {
        match &self.0 {
            Kind::Files(files) => {
                let files = files.clone();
                let (filter, most) = (newest.filter.clone(), newest.most);
                let before = newest.before.cloned();
                let [verdict, reason] =
                    [newest.verdict, newest.reason].map(|word| word.map(str::to_owned));
                blocking(move || {
                    let newest = Newest {
                        filter: &filter,
                        verdict: verdict.as_deref(),
                        reason: reason.as_deref(),
                        before: before.as_ref(),
                        most,
                    };
                    back::newest(&files, newest)
                })
                .await?
            }
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(table, conn) => table.newest(&mut *conn.lock().await, newest).await,
            #[cfg(feature = "postgres")]
            Kind::Postgres(table, conn) => table.newest(&mut *conn.lock().await, newest).await,
        }
    }

    /// The line at this position.
    pub(crate) async fn at(
        &self,
        at: &JournalPosition,
    ) -> Result<Option<JournalLine>, JournalError> {
        match &self.0 {
            Kind::Files(files) => {
                let (files, at) = (files.clone(), at.clone());
                blocking(move || back::line(&files, &at)).await
            }
            #[cfg(any(feature = "sqlite", feature = "postgres"))]
            _ => {
                let Some(behind) = behind(at) else {
                    return Ok(None);
                };
                let filter = JournalFilter::new();
                let newest = Newest {
                    filter: &filter,
                    verdict: None,
                    reason: None,
                    before: Some(&behind),
                    most: 1,
                };
                let found = self.newest(newest).await?.lines.into_iter().next();
                Ok(found.filter(|(found, _)| found == at).map(|(_, line)| line))
            }
        }
    }
}

/// The position after this one in a table.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn behind(at: &JournalPosition) -> Option<JournalPosition> {
    let text = at.as_str();
    let (xid, seq) = match text.split_once(':') {
        Some((xid, seq)) => (Some(xid), seq),
        None => (None, text),
    };
    let seq = seq.parse::<i64>().ok()?.checked_add(1)?;
    Some(JournalPosition::new(match xid {
        Some(xid) => format!("{xid}:{seq}"),
        None => seq.to_string(),
    }))
}

async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JournalError> {
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|error| JournalError::new("reading was broken off").with_source(error))
}

impl fmt::Debug for JournalLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Files(files) => write!(f, "JournalLines({})", files.folder().display()),
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(table, _) => write!(f, "JournalLines({})", table.path().display()),
            #[cfg(feature = "postgres")]
            Kind::Postgres(table, _) => write!(f, "JournalLines({table:?})"),
        }
    }
}
