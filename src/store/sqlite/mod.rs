//! A store in a SQLite file.

mod builder;
mod connection;
mod database;
mod error;
mod file;
mod gate;
#[cfg(feature = "inbox")]
mod inbox;
mod journal;
mod record_commands;
mod schema;
mod settings;
mod statements;
mod transactions;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqlitePool;

use crate::clock::UnixTime;
use crate::event::{EventKey, Name};

use super::Store;
use super::command::{Claim, ClaimOutcome, Complete, Counts, Held, RecordView, Release, Renew};
use super::error::StoreError;
use super::identity::StoreIdentity;
use super::shared::SharedStore;
use super::sql::{
    Answer, Found, OpenCounts, Order, Place, Placed, Records, Row, Stored, Waiting, records,
};
use super::transaction::Transactions;

use self::database::Database;
use self::record_commands::RecordCommands;
use self::transactions::{Handlers, SqliteTransactions};

pub use self::builder::SqliteStoreBuilder;
pub use self::error::{SqliteConnectError, SqliteConnectErrorKind};
#[cfg(feature = "inbox")]
pub use self::inbox::{SqliteInbox, SqliteInboxBuilder};
pub use self::journal::SqliteJournal;

/// A [`Store`] in a SQLite file: its records survive a restart and a crash of the machine, and there is
/// nothing to install.
///
/// It is for the receivers of one machine. Several processes may use one file; a command of one waits
/// while another process writes. The file must be on a local disk: over a network, the locks of SQLite
/// do not work. On Linux, a network file system is detected and refused; on other systems it is not
/// detected.
///
/// SQLite is built in. The file has a write-ahead log next to it, `-wal`, and an index of that log,
/// `-shm`: copy or move all of them together. Each commit is on the disk before it is acknowledged
/// (`synchronous=FULL`), and commands that arrive at the same time share a commit, so many at once
/// cost little more than one. The log is truncated to 64 MiB when it is restarted.
///
/// The tables `tower_webhook_records` and `tower_webhook_schema` are created when the file is first
/// opened; the file may also hold other tables. A later version of this crate brings them up to
/// date. If it makes them incompatible with this version, this version reports that and does not
/// start.
///
/// Records whose retention is over are removed while the store is in use, up to 500 at a time. That
/// does not shrink the file; its free space is reused.
///
/// | what happens | what a call returns |
/// | --- | --- |
/// | another process keeps the file locked | [`Unavailable`](crate::store::StoreErrorKind::Unavailable), after half of the deadline |
/// | the disk is full | [`Full`](crate::store::StoreErrorKind::Full); nothing was changed |
/// | the file or its log, `-wal`, was moved away, removed or replaced | [`Unavailable`](crate::store::StoreErrorKind::Unavailable), until it is back in its place |
/// | the file cannot be written | [`Refused`](crate::store::StoreErrorKind::Refused) |
/// | the file is damaged | [`Corrupt`](crate::store::StoreErrorKind::Corrupt) |
/// | reading or writing fails otherwise | [`Unavailable`](crate::store::StoreErrorKind::Unavailable) |
///
/// At the start, each of these is an error of [`SqliteStoreBuilder::connect`]. Later, the event is
/// refused with the sender's not-now status, and the next call tries again.
///
/// # Time
///
/// Leases and retentions use the clock of the machine, which is read at each commit: for commands that
/// waited in the queue, time counts from then.
///
/// # Threads
///
/// A thread of this crate and two of `sqlx` do the work, so it does not depend on any other runtime.
/// They carry out a call that is dropped half-way completely or not at all.
///
/// ```
/// use tower_webhook::{Name, SqliteStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("webhook-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("webhooks.db");
/// let store = SqliteStore::connect(&path).await?;
///
/// // The same file, with separate records.
/// let sandbox = store.namespace(Name::new("sandbox")?);
/// # drop((store, sandbox));
/// # std::fs::remove_dir_all(folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    database: Arc<Database<RecordCommands>>,
    namespace: Name,
    waiting: Arc<Waiting>,
    handlers: Option<Arc<Handlers>>,
}

impl SqliteStore {
    /// A store in this file, which is created if necessary; see [`SqliteStoreBuilder::connect`].
    ///
    /// # Errors
    ///
    /// A file that cannot be opened, created or written, or that this version cannot work with.
    pub async fn connect(path: impl Into<PathBuf>) -> Result<Self, SqliteConnectError> {
        Self::builder(path).connect().await
    }

    /// A builder for a store in this file, to change its settings.
    pub fn builder(path: impl Into<PathBuf>) -> SqliteStoreBuilder {
        SqliteStoreBuilder::new(path.into())
    }

    /// A store in the file of this pool, for handlers that take a [`Tx`](crate::Tx).
    ///
    /// Neither the store nor a transaction takes a connection of the pool: they open their own with the
    /// pool's options. Settings made in `after_connect` do not apply to them.
    pub fn on_pool(pool: &SqlitePool) -> SqliteStoreBuilder {
        SqliteStoreBuilder::on_pool(pool)
    }

    fn on(
        database: Arc<Database<RecordCommands>>,
        namespace: Name,
        handlers: Option<Arc<Handlers>>,
    ) -> Self {
        Self {
            database,
            namespace,
            waiting: Arc::default(),
            handlers,
        }
    }

    /// The same file with the records of this namespace: keys of one namespace are not seen in another.
    /// The same name gives the same records.
    #[must_use]
    pub fn namespace(&self, name: Name) -> Self {
        Self::on(Arc::clone(&self.database), name, self.handlers.clone())
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        self.database.path()
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            database,
            namespace,
            waiting: _,
            handlers,
        } = self;
        f.debug_struct("SqliteStore")
            .field("file", &database.path())
            .field("namespace", namespace)
            .field("deadline", &database.deadline())
            .field("commits", &database.commits())
            .field("has_transactions", &handlers.is_some())
            .finish()
    }
}

impl Store for SqliteStore {
    /// The file and the namespace.
    fn identity(&self) -> Option<StoreIdentity> {
        let path = self.database.path().display();
        Some(StoreIdentity::new(format!(
            "sqlite {path} {}",
            self.namespace
        )))
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        let answer = records::run(self, Order::Claim(claim.clone())).await?;
        answer.claim()
    }

    async fn complete(&self, complete: &Complete) -> Result<Held, StoreError> {
        let answer = records::run(self, Order::Complete(complete.clone())).await?;
        answer.held()
    }

    async fn release(&self, release: &Release) -> Result<Held, StoreError> {
        let answer = records::run(self, Order::Release(release.clone())).await?;
        answer.held()
    }

    async fn renew(&self, renewals: &[Renew]) -> Result<Vec<Held>, StoreError> {
        records::renew(self, renewals).await
    }

    /// The work is done in the store's own threads.
    fn for_renewals(&self) -> Option<SharedStore> {
        Some(SharedStore::new(self.clone()))
    }

    fn transactions(&self) -> Option<Transactions> {
        Some(Transactions::of(SqliteTransactions {
            handlers: Arc::clone(self.handlers.as_ref()?),
            database: Arc::clone(&self.database),
            namespace: self.namespace.clone(),
            waiting: Arc::clone(&self.waiting),
        }))
    }

    async fn wait(&self, key: &EventKey, limit: Duration) {
        records::wait(self, key, limit).await;
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<RecordView>, StoreError> {
        records::lookup(self, key).await
    }

    async fn lookup_many(&self, keys: &[EventKey]) -> Result<Vec<Option<RecordView>>, StoreError> {
        records::lookup_many(self, keys).await
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        let answer = records::run(self, Order::Forget(key.clone())).await?;
        answer.forgotten()
    }

    async fn forget_done(&self, key: &EventKey) -> Result<bool, StoreError> {
        let answer = records::run(self, Order::ForgetDone(key.clone())).await?;
        answer.forgotten()
    }

    async fn unfinished(
        &self,
        provider: &Name,
        limit: usize,
    ) -> Result<Vec<RecordView>, StoreError> {
        records::unfinished(self, provider, limit).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        records::counts(self).await
    }
}

impl Records for SqliteStore {
    fn namespace_name(&self) -> &Name {
        &self.namespace
    }

    fn waiting(&self) -> &Arc<Waiting> {
        &self.waiting
    }

    async fn write(
        &self,
        orders: Vec<Placed>,
    ) -> Result<Vec<Result<Answer, StoreError>>, StoreError> {
        self.database.write(orders).await
    }

    async fn stored(&self, place: Place) -> Result<(UnixTime, Option<Stored>), StoreError> {
        let reading = self
            .database
            .read(move |conn| Box::pin(async move { statements::one(conn, &place).await }));
        let stored = reading.await?;
        Ok((self.database.now(), stored))
    }

    async fn stored_many(&self, places: Vec<Place>) -> Result<(UnixTime, Found), StoreError> {
        let reading = self.database.read(move |conn| {
            Box::pin(async move { statements::read_places(conn, places.iter()).await })
        });
        let found = reading.await?;
        Ok((self.database.now(), found))
    }

    async fn time(&self) -> Result<UnixTime, StoreError> {
        Ok(self.database.now())
    }

    async fn unfinished_in(
        &self,
        range: (String, String),
        now: UnixTime,
        limit: i64,
    ) -> Result<Vec<(EventKey, Row)>, StoreError> {
        let namespace = self.namespace.clone();
        let reading = self.database.read(move |conn| {
            Box::pin(
                async move { statements::unfinished(conn, &namespace, range, now, limit).await },
            )
        });
        reading.await
    }

    async fn count_open(&self, behind: String, now: UnixTime) -> Result<OpenCounts, StoreError> {
        let namespace = self.namespace.clone();
        let reading = self.database.read(move |conn| {
            Box::pin(async move { statements::count_open(conn, &namespace, behind, now).await })
        });
        reading.await
    }

    async fn count_done(&self, after: i64) -> Result<(i64, Option<i64>), StoreError> {
        let namespace = self.namespace.clone();
        let reading = self.database.read(move |conn| {
            Box::pin(async move { statements::count_done(conn, &namespace, after).await })
        });
        reading.await
    }
}

#[cfg(test)]
mod tests;
