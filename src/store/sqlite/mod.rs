//! A store in a SQLite file.

mod builder;
mod connection;
mod database;
mod error;
mod file;
mod schema;
mod statements;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::event::{EventKey, Name};

use super::Store;
use super::command::{Claim, ClaimOutcome, Complete, Counts, Held, RecordView, Release, Renew};
use super::error::{StoreError, StoreErrorKind};
use super::identity::StoreIdentity;
use super::record::{Command, Look};
use super::shared::SharedStore;
use super::sql::{Answer, Order, Place, Placed, Stored, Waiting, micros, of_provider};

use self::database::Database;

pub use self::builder::SqliteStoreBuilder;
pub use self::error::{SqliteConnectError, SqliteConnectErrorKind};

/// A [`Store`] in a SQLite file: its records survive a restart and a crash of the machine, and there is
/// nothing to install.
///
/// It is for the receivers of one machine. Several processes may use one file; each command of one
/// waits while another writes. The file must be on a local disk: over a network the locks of SQLite do
/// not hold.
///
/// SQLite is built in. The file has a write-ahead log beside it, `-wal`, and an index of that, `-shm`:
/// whoever copies or moves the file takes those with it. Each commit is on the disk before it is
/// acknowledged (`synchronous=FULL`), and commands that come at the same time share a commit, so many
/// at once cost little more than one. The log is cut back to 64 MiB when it begins anew.
///
/// The tables are made when the file is first opened, `tower_webhook_records` and
/// `tower_webhook_schema`; they may stand in a file that holds other tables too. A later version of
/// this crate brings them up to date. Where it changes them so that this one cannot work with them,
/// this one says so and does not start.
///
/// Records whose retention is over are removed while the store is in use, up to 500 at a time. The file
/// does not become smaller then; what is free in it is used again.
///
/// | what happens | what a call says |
/// | --- | --- |
/// | another process keeps the file locked | [`Unavailable`](StoreErrorKind::Unavailable), after half of the deadline |
/// | the disk is full | [`Full`](StoreErrorKind::Full); nothing was changed |
/// | the file cannot be written | [`Refused`](StoreErrorKind::Refused) |
/// | the file is damaged | [`Corrupt`](StoreErrorKind::Corrupt) |
/// | reading or writing fails otherwise | [`Unavailable`](StoreErrorKind::Unavailable) |
///
/// In each case the event is refused with the sender's not-now status, and the next call tries again.
///
/// # Time
///
/// Leases and retentions go by the clock of the machine, read when a commit is made: what stood in line
/// before counts from there.
///
/// # Threads
///
/// A thread of this crate's and two of `sqlx` do the work, so no runtime has to go on for it. A call
/// that is dropped half-way is carried out by them or not at all.
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
/// // The same file, with records of its own.
/// let sandbox = store.namespace(Name::new("sandbox")?);
/// # drop((store, sandbox));
/// # std::fs::remove_dir_all(folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    database: Arc<Database>,
    namespace: Name,
    waiting: Arc<Waiting>,
}

impl SqliteStore {
    /// A store in this file, which is made where there is none; see [`SqliteStoreBuilder::connect`].
    ///
    /// # Errors
    ///
    /// A file that cannot be opened, made or written, or that this version cannot work with.
    pub async fn connect(path: impl Into<PathBuf>) -> Result<Self, SqliteConnectError> {
        Self::builder(path).connect().await
    }

    /// A store in this file, with settings of its own.
    pub fn builder(path: impl Into<PathBuf>) -> SqliteStoreBuilder {
        SqliteStoreBuilder::new(path.into())
    }

    fn on(database: Arc<Database>, namespace: Name) -> Self {
        Self {
            database,
            namespace,
            waiting: Arc::default(),
        }
    }

    /// The same file with the records of this namespace: keys of one namespace are not seen in another.
    /// The same name gives the same records.
    #[must_use]
    pub fn namespace(&self, name: Name) -> Self {
        Self::on(Arc::clone(&self.database), name)
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        self.database.path()
    }

    fn place(&self, key: &EventKey) -> Place {
        Place::of(&self.namespace, key)
    }

    async fn run(&self, order: Order) -> Result<Answer, StoreError> {
        let placed = Placed::new(&self.namespace, order);
        let place = placed.place.clone();
        let answers = self.database.write(vec![placed]).await?;
        let answer = answers.into_iter().next();
        let answer = answer.unwrap_or_else(|| Err(StoreError::new(StoreErrorKind::Unavailable)))?;
        if matches!(answer, Answer::Held(Held::Held) | Answer::Forgotten(true)) {
            self.waiting.hint(&place);
        }
        Ok(answer)
    }

    async fn stored(&self, key: &EventKey) -> Result<Option<Stored>, StoreError> {
        let place = self.place(key);
        let reading = self
            .database
            .read(move |conn| Box::pin(async move { statements::one(conn, &place).await }));
        reading.await
    }

    /// For how long somebody is at work on the event.
    async fn lease_left(&self, key: &EventKey) -> Result<Option<Duration>, StoreError> {
        let record = match self.stored(key).await? {
            Some(Stored::Record(record)) => Some(record),
            Some(Stored::Unreadable) => return Err(StoreError::new(StoreErrorKind::Corrupt)),
            None => None,
        };
        let now = self.database.now();
        let step = Look(key).apply(record.as_ref(), now);
        let ends = match step.write {
            None => step.outcome,
            // The clock was set back.
            Some(_) => self.run(Order::Look(key.clone())).await?.lease_ends()?,
        };
        Ok(ends.map(|ends| ends.saturating_since(now)))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            database,
            namespace,
            waiting: _,
        } = self;
        f.debug_struct("SqliteStore")
            .field("file", &database.path())
            .field("namespace", namespace)
            .field("deadline", &database.deadline())
            .field("commits", &database.commits())
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
        self.run(Order::Claim(claim.clone())).await?.claim()
    }

    async fn complete(&self, complete: &Complete) -> Result<Held, StoreError> {
        self.run(Order::Complete(complete.clone())).await?.held()
    }

    async fn release(&self, release: &Release) -> Result<Held, StoreError> {
        self.run(Order::Release(release.clone())).await?.held()
    }

    async fn renew(&self, renewals: &[Renew]) -> Result<Vec<Held>, StoreError> {
        if renewals.is_empty() {
            return Ok(Vec::new());
        }
        let orders = renewals.iter().cloned().map(Order::Renew);
        let orders = orders
            .map(|order| Placed::new(&self.namespace, order))
            .collect();
        let answers = self.database.write(orders).await?;
        answers.into_iter().map(|answer| answer?.held()).collect()
    }

    /// The work is done in threads of the store's own.
    fn for_renewals(&self) -> Option<SharedStore> {
        Some(SharedStore::new(self.clone()))
    }

    async fn wait(&self, key: &EventKey, limit: Duration) {
        let (store, own) = (self.clone(), key.clone());
        let look = move || {
            let (store, key) = (store.clone(), own.clone());
            async move { store.lease_left(&key).await }
        };
        let place = self.place(key);
        self.waiting.until_changed(place, limit, look).await;
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<RecordView>, StoreError> {
        match self.stored(key).await? {
            None => Ok(None),
            Some(Stored::Unreadable) => Err(StoreError::new(StoreErrorKind::Corrupt)),
            Some(Stored::Record(record)) => {
                let now = self.database.now();
                Ok(record.is_kept(now).then(|| record.view(key.clone(), now)))
            }
        }
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.run(Order::Forget(key.clone())).await?.forgotten()
    }

    async fn unfinished(
        &self,
        provider: &Name,
        limit: usize,
    ) -> Result<Vec<RecordView>, StoreError> {
        let now = self.database.now();
        let mut views = Vec::new();
        for range in of_provider(provider) {
            let left = limit.saturating_sub(views.len());
            if left == 0 {
                break;
            }
            let (namespace, left) = (
                self.namespace.clone(),
                i64::try_from(left).unwrap_or(i64::MAX),
            );
            let reading = self.database.read(move |conn| {
                Box::pin(
                    async move { statements::unfinished(conn, &namespace, range, now, left).await },
                )
            });
            let rows = reading.await?.into_iter();
            views.extend(rows.filter_map(|(key, row)| Some(row.record()?.view(key, now))));
        }
        Ok(views)
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        let now = self.database.now();
        let mut counts = Counts::default();
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let mut behind = Some(String::new());
        while let Some(key) = behind {
            let namespace = self.namespace.clone();
            let reading = self.database.read(move |conn| {
                Box::pin(async move { statements::count_open(conn, &namespace, key, now).await })
            });
            let (claimed, lapsed, released, last) = reading.await?;
            counts.claimed = counts.claimed.saturating_add(count(claimed));
            counts.lapsed = counts.lapsed.saturating_add(count(lapsed));
            counts.released = counts.released.saturating_add(count(released));
            behind = last;
        }
        let mut after = Some(micros(now));
        while let Some(from) = after {
            let namespace = self.namespace.clone();
            let reading = self.database.read(move |conn| {
                Box::pin(async move { statements::count_done(conn, &namespace, from).await })
            });
            let (done, to) = reading.await?;
            counts.done = counts.done.saturating_add(count(done));
            after = to;
        }
        Ok(counts)
    }
}

#[cfg(test)]
mod tests;
