//! An inbox in a SQLite file.

mod builder;
mod entry_commands;
mod held;
mod looking;
mod order_keys;
mod rates;
mod schema;
mod statements;
mod take;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::event::{EventKey, Name};
use crate::inbox::{
    Accept, Accepted, Begin, Begun, Discard, EntryCounts, EntryView, Extend, Finish, HeldOrderKey,
    Inbox, List, Moved, Rate, RateOf, RateView, Redrive, Route, SharedInbox, Take, Taken,
};
use crate::store::command::Held;
use crate::store::error::StoreError;
use crate::store::identity::StoreIdentity;
use crate::store::sql::Place;
use crate::store::sql::inbox::{Answer, Entries, Limits, Placed, entries};
use crate::store::sqlite::database::Database;
use crate::store::sqlite::error::SqliteConnectError;

use self::entry_commands::EntryCommands;

pub use self::builder::SqliteInboxBuilder;

/// An [`Inbox`] in a SQLite file: accepted events survive a restart and a crash of the machine, and there
/// is nothing to install.
///
/// It is for one machine. Receivers and workers in any number of its processes may use one file, which
/// must be on a local disk. Each commit is on the disk before it is acknowledged (`synchronous=FULL`, a
/// write-ahead log), and commands that arrive at the same time share a commit. The documentation of
/// [`SqliteStore`](crate::SqliteStore) about the file, its errors and its threads applies here too.
///
/// Its tables are `tower_webhook_inbox` and four related ones; they may be in the file of a
/// [`SqliteStore`](crate::SqliteStore). If that store has a record of an event in the same namespace, the event
/// is not accepted anew: one that was handled inline is a duplicate.
///
/// A worker in the process that accepts an event is notified at once; a worker of another process
/// sees it at its next [poll](crate::worker::WorkerBuilder::poll_every).
///
/// # Time
///
/// Delays, leases and retentions use the clock of the machine, which is read at each commit. Setting the
/// clock back delays due entries, and those held by dead workers, by as much.
///
/// ```
/// use tower_webhook::inbox::SqliteInbox;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("webhook-inbox-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("webhooks.db");
/// let inbox = SqliteInbox::connect(&path).await?;
/// # drop(inbox);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteInbox {
    database: Arc<Database<EntryCommands>>,
    namespace: Name,
    /// Notified when there may be something to take.
    news: Arc<Notify>,
}

impl SqliteInbox {
    /// An inbox in this file, which is created if necessary; see [`SqliteInboxBuilder::connect`].
    ///
    /// # Errors
    ///
    /// A file that cannot be opened, created or written, or that this version cannot work with.
    pub async fn connect(path: impl Into<PathBuf>) -> Result<Self, SqliteConnectError> {
        Self::builder(path).connect().await
    }

    /// A builder for an inbox in this file, to change its settings.
    pub fn builder(path: impl Into<PathBuf>) -> SqliteInboxBuilder {
        SqliteInboxBuilder::new(path.into())
    }

    fn on(database: Database<EntryCommands>, namespace: Name) -> Self {
        Self {
            database: Arc::new(database),
            namespace,
            news: Arc::default(),
        }
    }

    /// The same file with the entries of this namespace: keys of one namespace are not seen in another.
    #[must_use]
    pub fn namespace(&self, name: Name) -> Self {
        Self {
            namespace: name,
            ..self.clone()
        }
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        self.database.path()
    }
}

impl fmt::Debug for SqliteInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            database,
            namespace,
            news: _,
        } = self;
        f.debug_struct("SqliteInbox")
            .field("file", &database.path())
            .field("namespace", namespace)
            .field("deadline", &database.deadline())
            .field("commits", &database.commits())
            .finish()
    }
}

impl Entries for SqliteInbox {
    type Counted = i64;

    fn namespace_name(&self) -> &Name {
        &self.namespace
    }

    fn tell(&self) {
        self.news.notify_waiters();
        // For a task that is about to wait.
        self.news.notify_one();
    }

    async fn write(
        &self,
        orders: Vec<Placed>,
    ) -> Result<Vec<Result<Answer, StoreError>>, StoreError> {
        self.database.write(orders).await
    }

    async fn one(&self, place: Place) -> Result<Option<EntryView>, StoreError> {
        let now = self.database.now();
        let reading = self
            .database
            .read(move |conn| Box::pin(async move { looking::one(conn, &place, now).await }));
        reading.await
    }

    async fn some(
        &self,
        list: &List,
        behind: String,
    ) -> Result<(Vec<EntryView>, Option<String>), StoreError> {
        let (namespace, list, now) = (self.namespace.clone(), list.clone(), self.database.now());
        let reading = self.database.read(move |conn| {
            Box::pin(async move { looking::some(conn, &namespace, &list, behind, now).await })
        });
        reading.await
    }

    async fn count(&self, behind: Option<i64>) -> Result<(EntryCounts, Option<i64>), StoreError> {
        let (namespace, now) = (self.namespace.clone(), self.database.now());
        let reading = self.database.read(move |conn| {
            let behind = behind.unwrap_or_default();
            Box::pin(async move { looking::count(conn, &namespace, behind, now).await })
        });
        reading.await
    }
}

impl Inbox for SqliteInbox {
    /// The file and the namespace.
    fn identity(&self) -> Option<StoreIdentity> {
        let path = self.database.path().display();
        let namespace = &self.namespace;
        Some(StoreIdentity::new(format!(
            "sqlite inbox {path} {namespace}"
        )))
    }

    async fn accept(&self, accept: &Accept) -> Result<Accepted, StoreError> {
        entries::accept(self, accept).await
    }

    async fn take(&self, take: &Take) -> Result<Vec<Taken>, StoreError> {
        entries::take(self, take).await
    }

    async fn begin(&self, begin: &Begin) -> Result<Begun, StoreError> {
        entries::begin(self, begin).await
    }

    async fn extend(&self, extensions: &[Extend]) -> Result<Vec<Held>, StoreError> {
        entries::extend(self, extensions).await
    }

    async fn finish(&self, finish: &Finish) -> Result<Held, StoreError> {
        entries::finish(self, finish).await
    }

    async fn wait(&self, limit: Duration) {
        let _ = timeout(limit, self.news.notified()).await;
    }

    /// The work is done in the inbox's own threads.
    fn for_renewals(&self) -> Option<SharedInbox> {
        Some(SharedInbox::new(self.clone()))
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<EntryView>, StoreError> {
        entries::lookup(self, key).await
    }

    async fn list(&self, list: &List) -> Result<Vec<EntryView>, StoreError> {
        entries::list(self, list).await
    }

    async fn redrive(&self, redrive: &Redrive) -> Result<Moved, StoreError> {
        entries::redrive(self, redrive).await
    }

    async fn discard(&self, discard: &Discard) -> Result<Moved, StoreError> {
        entries::discard(self, discard).await
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        entries::forget(self, key).await
    }

    async fn forget_ended(&self, key: &EventKey) -> Result<bool, StoreError> {
        entries::forget_ended(self, key).await
    }

    async fn counts(&self) -> Result<EntryCounts, StoreError> {
        entries::counts(self).await
    }

    async fn set_paused(&self, provider: &Name, paused: bool) -> Result<bool, StoreError> {
        entries::set_paused(self, provider, paused).await
    }

    async fn paused(&self) -> Result<Vec<Name>, StoreError> {
        let namespace = self.namespace.clone();
        let reading = self
            .database
            .read(move |conn| Box::pin(async move { looking::paused(conn, &namespace).await }));
        reading.await
    }

    async fn set_rate(
        &self,
        provider: &Name,
        of: RateOf,
        rate: Option<Rate>,
    ) -> Result<bool, StoreError> {
        entries::set_rate(self, provider, of, rate).await
    }

    async fn rates(&self) -> Result<Vec<RateView>, StoreError> {
        let namespace = self.namespace.clone();
        let reading = self
            .database
            .read(move |conn| Box::pin(async move { rates::all(conn, &namespace).await }));
        Ok(Limits::of_rows(reading.await?).views())
    }

    async fn held_order_keys(
        &self,
        route: &Route,
        limit: usize,
    ) -> Result<Option<Vec<HeldOrderKey>>, StoreError> {
        let (namespace, route, now) = (self.namespace.clone(), route.clone(), self.database.now());
        let reading = self.database.read(move |conn| {
            Box::pin(async move { held::held(conn, &namespace, &route, limit, now).await })
        });
        reading.await.map(Some)
    }
}

#[cfg(test)]
mod tests;
