use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::event::Name;
use crate::store::sqlite::error::SqliteConnectError;
use crate::store::sqlite::settings::FileSettings;

use super::SqliteInbox;
use super::entry_commands::EntryCommands;

const DEFAULT_CAPACITY: u64 = 1_000_000;

/// Settings of a [`SqliteInbox`]; see [`SqliteInbox::builder`].
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::Name;
/// use tower_webhook::inbox::SqliteInbox;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("webhook-inbox-set-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("webhooks.db");
/// let inbox = SqliteInbox::builder(&path)
///     .namespace(Name::new("sandbox")?)
///     .capacity(10_000)
///     .deadline(Duration::from_secs(2))
///     .connect()
///     .await?;
/// # drop(inbox);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct SqliteInboxBuilder {
    file: FileSettings,
    capacity: u64,
}

impl SqliteInboxBuilder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            file: FileSettings::new(path),
            capacity: DEFAULT_CAPACITY,
        }
    }

    /// Keeps the entries apart from those of other namespaces of the same file; `default` unless set.
    pub fn namespace(mut self, name: Name) -> Self {
        self.file.namespace = Some(name);
        self
    }

    /// How long any call may take, whatever the disk does; 1 s unless set, at most a day. If another
    /// process has locked the file, SQLite waits for half of that time.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.file.deadline = deadline;
        self
    }

    /// How many entries that are not done, discarded or stale the file holds, across all its namespaces; a
    /// million unless set. Beyond that, new events get the not-now status. If several processes accept, each
    /// learns within 10 s what the others have accepted; until then, the limit may be exceeded.
    pub fn capacity(mut self, entries: u64) -> Self {
        self.capacity = entries;
        self
    }

    /// The clock for leases, delays and retentions, for tests; the system's unless set.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.file.clock = Arc::new(clock);
        self
    }

    /// The inbox: opens the file, creates it if necessary, sets it up and checks it.
    ///
    /// # Errors
    ///
    /// As [`SqliteStoreBuilder::connect`](crate::store::SqliteStoreBuilder::connect).
    pub async fn connect(self) -> Result<SqliteInbox, SqliteConnectError> {
        let Self { file, capacity } = self;
        let (database, namespace) = file.open(EntryCommands::new(capacity)).await?;
        tracing::info!(
            file = %database.path().display(),
            %namespace,
            "events wait in SQLite"
        );
        Ok(SqliteInbox::on(database, namespace))
    }
}
