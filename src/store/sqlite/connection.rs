//! Sets up and checks connections to the file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions, query_scalar};
use tokio::time::{Instant, sleep};

use super::error::{Cause, Fault};
use super::file::{self, FileId};

/// The size in bytes to which the log is truncated when it is restarted.
const LOG_LIMIT: i64 = 64 << 20;
/// The value of `PRAGMA synchronous` that puts each commit on the disk before it is acknowledged.
const FULL: i64 = 2;
/// How long SQLite itself waits for a lock. It retries less and less often, so short waits that are
/// repeated are better at finding the moments in which another process does not hold the lock.
const BUSY: Duration = Duration::from_millis(10);
/// How long another process may block the opening of the file.
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
    /// The log that its connections write; `None` while one of them is being reopened, because closing the last one
    /// removes the log.
    pub(super) log: Arc<Mutex<Option<FileId>>>,
    /// Run on each connection that writes.
    #[cfg(test)]
    pub(super) sabotage: &'static str,
}

impl Opener {
    /// A connection that writes; creates the file if there is none and `create` is set.
    pub(super) async fn writer(&self, create: bool) -> Result<SqliteConnection, Fault> {
        let options = self.options().create_if_missing(create);
        let mut conn = options.connect().await?;
        write_ahead(&mut conn, &self.path).await?;
        check(&mut conn).await?;
        #[cfg(test)]
        sqlx::raw_sql(self.sabotage).execute(&mut conn).await?;
        Ok(conn)
    }

    /// Accepts only the present file from now on.
    pub(super) fn keep_to_this_file(&self) -> Result<(), Fault> {
        if let Some(file) = file::under(&self.path)? {
            self.first.get_or_init(|| file);
        }
        Ok(())
    }

    /// Accepts only the present log from now on, if none was known.
    pub(super) fn keep_to_this_log(&self) {
        let mut log = self.known_log();
        if log.is_none() {
            *log = file::under(&self.log_path()).ok().flatten();
        }
    }

    /// Forgets the log, because a connection is closed and may have been the last one.
    pub(super) fn forget_log(&self) {
        *self.known_log() = None;
    }

    /// Checks that the file and its log are in place, and were not replaced by others.
    ///
    /// SQLite would not notice, and would continue in its open files: acknowledged data would be
    /// found by nobody. The replacement is not opened, because the log next to it may belong to the
    /// earlier file.
    pub(super) fn is_in_place(&self) -> Result<(), Fault> {
        is_the_same(&self.path, self.first.get().copied())?;
        let log = *self.known_log();
        match log.is_some() {
            true => is_the_same(&self.log_path(), log),
            false => Ok(()),
        }
    }

    fn known_log(&self) -> MutexGuard<'_, Option<FileId>> {
        // No code that holds the lock can fail half-way.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path that SQLite uses.
    fn log_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push("-wal");
        name.into()
    }

    /// A user's options, changed for a connection of the store that also writes a record.
    pub(super) fn durable(&self, user: SqliteConnectOptions) -> SqliteConnectOptions {
        user.filename(&self.path)
            .create_if_missing(false)
            .busy_timeout(self.patience)
            .synchronous(SqliteSynchronous::Full)
            .pragma("fullfsync", "1")
            .pragma("checkpoint_fullfsync", "1")
    }

    /// A connection that reads: it sees the commits of the one that writes.
    pub(super) async fn reader(&self) -> Result<SqliteConnection, Fault> {
        let options = self.options().pragma("query_only", "ON");
        Ok(options.connect().await?)
    }

    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(&self.path)
            .busy_timeout(BUSY)
            .synchronous(SqliteSynchronous::Full)
            // Only macOS has it, where nothing else makes the disk flush its cache.
            .pragma("fullfsync", "1")
            .pragma("checkpoint_fullfsync", "1")
            .pragma("journal_size_limit", LOG_LIMIT.to_string())
            .thread_name(|number| format!("webhook-sqlite-{number}"))
            .disable_statement_logging()
    }
}

/// Checks that the file under this path is the known one.
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

/// Switches the file to a write-ahead log. Switching needs exclusive access to the file, for which
/// SQLite itself does not wait.
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

/// Checks the settings that keep records safe, because SQLite does not report ignored ones.
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
