//! How a connection to the file is set up, and what is checked of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions, query_scalar};
use tokio::time::{Instant, sleep};

use super::error::{Cause, Fault};
use super::file::{self, FileId};

/// To so many bytes the log is cut back when it begins anew.
const LOG_LIMIT: i64 = 64 << 20;
/// What `PRAGMA synchronous` says where each commit is on the disk before it is acknowledged.
const FULL: i64 = 2;
/// For so long SQLite waits for a lock by itself. It looks less and less often: asking it again finds the
/// moments in which another process does not have it.
const BUSY: Duration = Duration::from_millis(10);
/// For so long another process may be in the way when the file is opened.
const START_LIMIT: Duration = Duration::from_secs(5);
const START_PAUSE: Duration = Duration::from_millis(20);

/// How to open the file.
#[derive(Debug, Clone)]
pub(super) struct Opener {
    pub(super) path: PathBuf,
    /// How long a command waits for the lock of another process.
    pub(super) patience: Duration,
    /// The file that was opened first.
    pub(super) first: Arc<OnceLock<FileId>>,
    /// The log that its connections write; `None` while one of them is to be opened anew, for with the last one that is
    /// closed the log goes.
    pub(super) log: Arc<Mutex<Option<FileId>>>,
    /// Run by each connection that writes.
    #[cfg(test)]
    pub(super) sabotage: &'static str,
}

impl Opener {
    /// A connection that writes; the file is made where there is none.
    pub(super) async fn writer(&self, create: bool) -> Result<SqliteConnection, Fault> {
        let options = self.options().create_if_missing(create);
        let mut conn = options.connect().await?;
        write_ahead(&mut conn, &self.path).await?;
        check(&mut conn).await?;
        #[cfg(test)]
        sqlx::raw_sql(self.sabotage).execute(&mut conn).await?;
        Ok(conn)
    }

    /// From now on it is this file.
    pub(super) fn keep_to_this_file(&self) -> Result<(), Fault> {
        if let Some(file) = file::under(&self.path)? {
            self.first.get_or_init(|| file);
        }
        Ok(())
    }

    /// From now on its log is the one that is beside it, if none was known.
    pub(super) fn keep_to_this_log(&self) {
        let mut log = self.known_log();
        if log.is_none() {
            *log = file::under(&self.log_path()).ok().flatten();
        }
    }

    /// A connection is closed, and may have been the last one.
    pub(super) fn forget_log(&self) {
        *self.known_log() = None;
    }

    /// Whether the file and its log are where they were, and none stands in their place.
    ///
    /// SQLite would not notice, and go on in those that it has open: nobody would find there what was
    /// acknowledged. Another one is not opened: the log beside it may be that of the one before.
    pub(super) fn is_in_place(&self) -> Result<(), Fault> {
        is_the_same(&self.path, self.first.get().copied())?;
        let log = *self.known_log();
        match log.is_some() {
            true => is_the_same(&self.log_path(), log),
            false => Ok(()),
        }
    }

    fn known_log(&self) -> MutexGuard<'_, Option<FileId>> {
        // Nothing can fail half-way while it is held.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As SQLite names it.
    fn log_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push("-wal");
        name.into()
    }

    /// How a user opens the file, for a connection of the store's own on which a record is written too.
    pub(super) fn durable(&self, user: SqliteConnectOptions) -> SqliteConnectOptions {
        user.filename(&self.path)
            .create_if_missing(false)
            .busy_timeout(self.patience)
            .synchronous(SqliteSynchronous::Full)
            .pragma("fullfsync", "1")
            .pragma("checkpoint_fullfsync", "1")
    }

    /// A connection that reads: beside the one that writes, it sees what was committed.
    pub(super) async fn reader(&self) -> Result<SqliteConnection, Fault> {
        let options = self.options().pragma("query_only", "ON");
        Ok(options.connect().await?)
    }

    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(&self.path)
            .busy_timeout(BUSY)
            .synchronous(SqliteSynchronous::Full)
            // macOS alone has it: there nothing else makes the disk empty its cache.
            .pragma("fullfsync", "1")
            .pragma("checkpoint_fullfsync", "1")
            .pragma("journal_size_limit", LOG_LIMIT.to_string())
            .thread_name(|number| format!("webhook-sqlite-{number}"))
            .disable_statement_logging()
    }
}

/// Whether the file under this path is the one that is known.
fn is_the_same(path: &Path, known: Option<FileId>) -> Result<(), Fault> {
    match (known, file::under(path)?) {
        (Some(known), Some(now)) if known != now => Err(Fault::new(
            Cause::Missing,
            format!(
                "{} was replaced while it was in use; end all processes that use it, see to its log, and \
                 start again",
                path.display()
            ),
        )),
        _ => Ok(()),
    }
}

/// Has the file use a write-ahead log. Changing to one asks for the file alone, for which SQLite does
/// not wait by itself.
async fn write_ahead(conn: &mut SqliteConnection, path: &Path) -> Result<(), Fault> {
    let give_up = Instant::now() + START_LIMIT;
    loop {
        let mode = query_scalar::<_, String>("PRAGMA journal_mode = WAL");
        match mode.fetch_one(&mut *conn).await.map_err(Fault::from) {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
            Ok(mode) => {
                return Err(Fault::new(
                    Cause::AtRisk,
                    format!(
                        "{} cannot have a write-ahead log (journal_mode stays {mode}); the file \
                         system must give shared memory",
                        path.display()
                    ),
                ));
            }
            Err(fault) if fault.cause() == Cause::Locked && Instant::now() < give_up => {
                sleep(START_PAUSE).await;
            }
            Err(fault) => return Err(fault),
        }
    }
}

/// Whether SQLite took the settings that keep records safe: it says nothing where it does not.
async fn check(conn: &mut SqliteConnection) -> Result<(), Fault> {
    for (setting, pragma, wanted) in [
        ("synchronous", "PRAGMA synchronous", FULL),
        ("fullfsync", "PRAGMA fullfsync", 1),
        ("checkpoint_fullfsync", "PRAGMA checkpoint_fullfsync", 1),
        ("journal_size_limit", "PRAGMA journal_size_limit", LOG_LIMIT),
    ] {
        let found: i64 = query_scalar(pragma).fetch_one(&mut *conn).await?;
        if found != wanted {
            return Err(Fault::new(
                Cause::AtRisk,
                format!("SQLite has {setting} {found} and does not take {wanted}"),
            ));
        }
    }
    Ok(())
}
