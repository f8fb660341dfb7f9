//! An inbox in a SQLite file.

mod batch;
mod builder;
mod entry_commands;
mod looking;
mod order;
mod order_keys;
mod rates;
mod row;
mod schema;
mod statements;
mod take;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::event::{EventKey, Name};
use crate::inbox::{
    Accept, Accepted, Begin, Begun, Discard, EntryCounts, EntryView, Extend, Finish, Inbox, List,
    Moved, Rate, RateOf, RateView, Redrive, SharedInbox, Take, Taken,
};
use crate::store::command::Held;
use crate::store::error::StoreError;
use crate::store::identity::StoreIdentity;
use crate::store::sql::Place;
use crate::store::sqlite::database::Database;
use crate::store::sqlite::error::SqliteConnectError;

use self::batch::Placed;
use self::entry_commands::EntryCommands;
use self::order::{Answer, Order, mixed_up};

pub use self::builder::SqliteInboxBuilder;

/// An [`Inbox`] in a SQLite file: what it has accepted survives a restart and a crash of the machine, and
/// there is nothing to install.
///
/// It is for one machine. Receivers and workers in any number of its processes may use one file, which
/// must be on a local disk. Each commit is on the disk before it is acknowledged (`synchronous=FULL`, a
/// write-ahead log), and commands that come at the same time share a commit. What is said of
/// [`SqliteStore`](crate::SqliteStore) about the file, its errors and its threads holds here too.
///
/// Its tables are `tower_webhook_inbox` and four beside it; they may stand in the file of a
/// [`SqliteStore`](crate::SqliteStore). Where that has a record of an event in the same namespace, the event is
/// not accepted anew: one that was handled inline is a duplicate.
///
/// A worker of the process that accepts an event is told at once; one of another process sees it when
/// it next [looks](crate::worker::WorkerBuilder::poll_every).
///
/// # Time
///
/// Delays, leases and retentions go by the clock of the machine, read when a commit is made. A clock that
/// is set back keeps what is due, and what dead workers held, for as much longer.
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
    /// Told when there may be something to take.
    news: Arc<Notify>,
}

impl SqliteInbox {
    /// An inbox in this file, which is made where there is none; see [`SqliteInboxBuilder::connect`].
    ///
    /// # Errors
    ///
    /// A file that cannot be opened, made or written, or that this version cannot work with.
    pub async fn connect(path: impl Into<PathBuf>) -> Result<Self, SqliteConnectError> {
        Self::builder(path).connect().await
    }

    /// An inbox in this file, with settings of its own.
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

    /// Where the file is.
    pub fn path(&self) -> &Path {
        self.database.path()
    }

    async fn run(&self, order: Order) -> Result<Answer, StoreError> {
        let orders = vec![Placed::new(&self.namespace, order)];
        let answers = self.database.write(orders).await?;
        answers.into_iter().next().unwrap_or_else(mixed_up)
    }

    async fn moved(&self, order: Order) -> Result<Moved, StoreError> {
        match self.run(order).await? {
            Answer::Moved(moved) => Ok(moved),
            _ => mixed_up(),
        }
    }

    async fn changed(&self, order: Order) -> Result<bool, StoreError> {
        match self.run(order).await? {
            Answer::Changed(changed) => Ok(changed),
            _ => mixed_up(),
        }
    }

    /// There may be something to take.
    fn tell(&self) {
        self.news.notify_waiters();
        // For who is about to wait.
        self.news.notify_one();
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
        let accept = Order::Accept(Box::new(accept.clone()));
        match self.run(accept).await? {
            Answer::Accepted(accepted) => {
                self.tell();
                Ok(accepted)
            }
            _ => mixed_up(),
        }
    }

    async fn take(&self, take: &Take) -> Result<Vec<Taken>, StoreError> {
        match self.run(Order::Take(take.clone())).await? {
            Answer::Taken(taken) => Ok(taken),
            _ => mixed_up(),
        }
    }

    async fn begin(&self, begin: &Begin) -> Result<Begun, StoreError> {
        match self.run(Order::Begin(begin.clone())).await? {
            Answer::Begun(begun) => Ok(begun),
            _ => mixed_up(),
        }
    }

    async fn extend(&self, extensions: &[Extend]) -> Result<Vec<Held>, StoreError> {
        let orders = extensions
            .iter()
            .map(|extend| Order::Extend(extend.clone()));
        let answers = join_all(orders.map(|order| self.run(order))).await;
        let held = |answer: Result<Answer, StoreError>| match answer? {
            Answer::Held(held) => Ok(held),
            _ => mixed_up(),
        };
        answers.into_iter().map(held).collect()
    }

    async fn finish(&self, finish: &Finish) -> Result<Held, StoreError> {
        match self.run(Order::Finish(finish.clone())).await? {
            Answer::Held(held) => Ok(held),
            Answer::Freed => {
                // Another event of the key may have waited for it.
                self.tell();
                Ok(Held::Held)
            }
            _ => mixed_up(),
        }
    }

    async fn wait(&self, limit: Duration) {
        let _ = timeout(limit, self.news.notified()).await;
    }

    /// The work is done in threads of the inbox's own.
    fn for_renewals(&self) -> Option<SharedInbox> {
        Some(SharedInbox::new(self.clone()))
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<EntryView>, StoreError> {
        let (place, now) = (Place::of(&self.namespace, key), self.database.now());
        let reading = self
            .database
            .read(move |conn| Box::pin(async move { looking::one(conn, &place, now).await }));
        reading.await
    }

    async fn list(&self, list: &List) -> Result<Vec<EntryView>, StoreError> {
        let now = self.database.now();
        let mut views = Vec::new();
        let mut behind = Some(looking::behind(&self.namespace, list.after.as_ref()));
        while let Some(from) = behind.filter(|_| views.len() < list.limit) {
            let (namespace, list) = (self.namespace.clone(), list.clone());
            let reading = self.database.read(move |conn| {
                Box::pin(async move { looking::some(conn, &namespace, &list, from, now).await })
            });
            let (found, next) = reading.await?;
            views.extend(found);
            behind = next;
        }
        views.truncate(list.limit);
        Ok(views)
    }

    async fn redrive(&self, redrive: &Redrive) -> Result<Moved, StoreError> {
        let moved = self.moved(Order::Redrive(redrive.clone())).await?;
        self.tell();
        Ok(moved)
    }

    async fn discard(&self, discard: &Discard) -> Result<Moved, StoreError> {
        let moved = self.moved(Order::Discard(discard.clone())).await?;
        self.tell();
        Ok(moved)
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.changed(Order::Forget(key.clone())).await
    }

    async fn counts(&self) -> Result<EntryCounts, StoreError> {
        let now = self.database.now();
        let mut counts = EntryCounts::default();
        let mut behind = Some(0);
        while let Some(from) = behind {
            let namespace = self.namespace.clone();
            let reading = self.database.read(move |conn| {
                Box::pin(async move { looking::count(conn, &namespace, from, now).await })
            });
            let (some, last) = reading.await?;
            counts = counts.and(some);
            behind = last;
        }
        Ok(counts)
    }

    async fn set_paused(&self, provider: &Name, paused: bool) -> Result<bool, StoreError> {
        let order = Order::SetPaused(provider.clone(), paused);
        let changed = self.changed(order).await?;
        self.tell();
        Ok(changed)
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
        let order = Order::SetRate(provider.clone(), of, rate);
        let changed = self.changed(order).await?;
        self.tell();
        Ok(changed)
    }

    async fn rates(&self) -> Result<Vec<RateView>, StoreError> {
        let namespace = self.namespace.clone();
        let reading = self
            .database
            .read(move |conn| Box::pin(async move { rates::all(conn, &namespace).await }));
        let views = reading
            .await?
            .into_iter()
            .map(|(provider, of, limit)| RateView::new(provider, of, limit.rate, limit.used_until));
        Ok(views.collect())
    }
}

#[cfg(test)]
mod tests;
