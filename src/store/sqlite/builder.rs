//! The settings of a store in a SQLite file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use crate::clock::Clock;
use crate::event::Name;

use super::SqliteStore;
use super::error::SqliteConnectError;
use super::record_commands::RecordCommands;
use super::settings::{FileSettings, refused};
use super::transactions::Handlers;

const DEFAULT_TRANSACTION_LIMIT: Duration = Duration::from_secs(1);

/// Settings of a [`SqliteStore`]; see [`SqliteStore::builder`].
#[derive(Debug)]
#[must_use]
pub struct SqliteStoreBuilder {
    pub(super) file: FileSettings,
    /// The options with which handlers open the file, if they have transactions.
    handlers: Option<SqliteConnectOptions>,
    transaction_limit: Duration,
}

impl SqliteStoreBuilder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            file: FileSettings::new(path),
            handlers: None,
            transaction_limit: DEFAULT_TRANSACTION_LIMIT,
        }
    }

    pub(super) fn on_pool(pool: &SqlitePool) -> Self {
        let options = pool.connect_options().as_ref().clone();
        Self {
            handlers: Some(options.clone()),
            ..Self::new(options.get_filename().to_owned())
        }
    }

    /// How long a [`Tx`](crate::Tx) of a handler may be open, on a store that was made
    /// [on a pool](SqliteStore::on_pool); 1 s unless set, from 1 ms to a minute. Nobody else writes in that time.
    /// A transaction that is open for longer is undone, and its handler ended.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_webhook::SqliteStore;
    ///
    /// # async fn open(pool: &sqlx::SqlitePool) -> Result<(), Box<dyn std::error::Error>> {
    /// let store = SqliteStore::on_pool(pool).transaction_limit(Duration::from_millis(250)).connect().await?;
    /// # drop(store);
    /// # Ok(())
    /// # }
    /// ```
    pub fn transaction_limit(mut self, limit: Duration) -> Self {
        self.transaction_limit = limit;
        self
    }

    /// Keeps the records apart from those of other namespaces of the same file; `default` unless set.
    /// For example, use one namespace each for sandbox and production.
    pub fn namespace(mut self, name: Name) -> Self {
        self.file.namespace = Some(name);
        self
    }

    /// How long any call may take, whatever the disk does; 1 s unless set, at most a day. If another process has
    /// locked the file, SQLite waits for half of that time.
    ///
    /// The layers above have a limit of their own, which is at most the sender's time limit for an answer.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.file.deadline = deadline;
        self
    }

    /// The clock for leases and retentions, for tests; the system's unless set.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.file.clock = Arc::new(clock);
        self
    }

    /// The store: opens the file, creates it if necessary, sets it up and checks it.
    ///
    /// # Errors
    ///
    /// A setting or a path cannot be used; the file cannot be opened, is locked, read-only,
    /// damaged, on a network file system, or of a later version of this crate; or the disk is full.
    /// The text names the file and the remedy.
    pub async fn connect(self) -> Result<SqliteStore, SqliteConnectError> {
        let Self {
            file,
            handlers,
            transaction_limit,
        } = self;
        if !(Duration::from_millis(1)..=Duration::from_secs(60)).contains(&transaction_limit) {
            return Err(refused(format!(
                "a transaction of a handler is open for 1 ms to 60 s, and not for {transaction_limit:?}"
            )));
        }
        let (database, namespace) = file.open(RecordCommands).await?;
        let handlers = handlers
            .map(|user| Arc::new(Handlers::new(database.opener(), user, transaction_limit)));
        tracing::info!(
            file = %database.path().display(),
            %namespace,
            "events are remembered in SQLite"
        );
        Ok(SqliteStore::on(Arc::new(database), namespace, handlers))
    }
}
