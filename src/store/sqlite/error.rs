//! What goes wrong with SQLite, and what it means for whoever called.

use std::error::Error;
use std::fmt;

use crate::store::error::{StoreError, StoreErrorKind, connect_error};

/// A store in a SQLite file that cannot be opened as asked.
///
/// Its text names the file and the remedy.
///
/// ```
/// use tower_webhook::store::{SqliteConnectErrorKind, SqliteStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let error = SqliteStore::connect(":memory:").await.unwrap_err();
/// assert_eq!(error.kind(), SqliteConnectErrorKind::Path);
/// // As a `main` that returns it prints it.
/// assert_eq!(format!("{error:?}"), error.to_string());
/// # }
/// ```
pub struct SqliteConnectError {
    kind: SqliteConnectErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

connect_error!(SqliteConnectError, SqliteConnectErrorKind, "sqlite store");

/// The kind of failure that a [`SqliteConnectError`] tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SqliteConnectErrorKind {
    /// The path names no file that can be opened or made.
    Path,
    /// A setting beside the path is out of its range.
    Setting,
    /// The file is on a network file system, where its locks do not hold.
    NetworkFileSystem,
    /// Another process keeps the file locked.
    Locked,
    /// The file, its folder or its file system cannot be written.
    ReadOnly,
    /// There is no room left for the file.
    Full,
    /// The file is no SQLite database, or a damaged one.
    Corrupt,
    /// A later version of this crate has set the file up, and this one cannot work with that.
    NewerSchema,
    /// SQLite does not take a setting that keeps records safe.
    AtRisk,
    /// SQLite fails otherwise.
    Failed,
}

/// Why a command failed, before it becomes an error of the store. Several commands may share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    cause: Cause,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Locked,
    ReadOnly,
    Full,
    Corrupt,
    /// The file cannot be opened.
    Missing,
    /// Reading or writing failed.
    Io,
    NewerSchema,
    /// A setting that keeps records safe is not taken.
    AtRisk,
    /// The thread that does the work has ended.
    Ended,
    /// A statement that SQLite does not take.
    Other,
}

impl Fault {
    pub(super) fn new(cause: Cause, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { cause, text }
    }

    pub(super) fn ended() -> Self {
        Self::new(Cause::Ended, "the thread of the store has ended")
    }

    pub(super) fn cause(&self) -> Cause {
        self.cause
    }

    /// Whether each command of a batch would meet it, one by one too.
    pub(super) fn meets_all(&self) -> bool {
        match self.cause {
            Cause::Locked | Cause::Missing | Cause::NewerSchema | Cause::AtRisk | Cause::Ended => {
                true
            }
            Cause::ReadOnly | Cause::Full | Cause::Corrupt | Cause::Io | Cause::Other => false,
        }
    }

    pub(super) fn kind(&self) -> StoreErrorKind {
        match self.cause {
            Cause::Locked | Cause::Missing | Cause::Io | Cause::Ended => {
                StoreErrorKind::Unavailable
            }
            Cause::Full => StoreErrorKind::Full,
            Cause::Corrupt => StoreErrorKind::Corrupt,
            Cause::ReadOnly | Cause::NewerSchema | Cause::AtRisk | Cause::Other => {
                StoreErrorKind::Refused
            }
        }
    }

    /// As an error of the start.
    pub(super) fn at_start(self, path: &std::path::Path) -> SqliteConnectError {
        use SqliteConnectErrorKind as Kind;
        let path = path.display();
        let (kind, message) = match self.cause {
            Cause::Locked => (
                Kind::Locked,
                format!("{path} is locked by another process; end that one, or start again later"),
            ),
            Cause::ReadOnly => (
                Kind::ReadOnly,
                format!(
                    "{path} cannot be written; this process needs to write the file and its folder"
                ),
            ),
            Cause::Full => (Kind::Full, format!("there is no room for {path}")),
            Cause::Corrupt => (
                Kind::Corrupt,
                format!(
                    "{path} is no SQLite database, or a damaged one; restore it, or move it away"
                ),
            ),
            Cause::Missing => (
                Kind::Path,
                format!(
                    "{path} cannot be opened or made; its folder must be there and be writable, for the log \
                     beside it"
                ),
            ),
            Cause::NewerSchema => (Kind::NewerSchema, format!("{path}: {}", self.text)),
            Cause::AtRisk => (Kind::AtRisk, self.text.clone()),
            Cause::Io | Cause::Ended | Cause::Other => {
                (Kind::Failed, format!("{path} cannot be used"))
            }
        };
        SqliteConnectError::new(kind, message).with_source(self)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Fault {}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(told) = &error else {
            let cause = match &error {
                sqlx::Error::Io(_) => Cause::Missing,
                sqlx::Error::WorkerCrashed => Cause::Io,
                // A column of another type than this version writes.
                sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Cause::Corrupt,
                _ => Cause::Other,
            };
            return Self::new(cause, error.to_string());
        };
        let code = told.code().and_then(|code| code.parse::<u32>().ok());
        let code = code.unwrap_or(1);
        // The low byte is the primary code: https://www.sqlite.org/rescode.html
        let cause = match code & 0xff {
            // BUSY, LOCKED, PROTOCOL: the locks of the log could not be had in time.
            5 | 6 | 15 => Cause::Locked,
            // PERM, READONLY
            3 | 8 => Cause::ReadOnly,
            // FULL
            13 => Cause::Full,
            // CORRUPT, NOTADB
            11 | 26 => Cause::Corrupt,
            // CANTOPEN
            14 => Cause::Missing,
            // NOMEM, INTERRUPT, IOERR
            7 | 9 | 10 => Cause::Io,
            _ => Cause::Other,
        };
        Self::new(cause, format!("SQLite: {} (code {code})", told.message()))
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        Self::new(fault.kind()).with_source(fault)
    }
}
