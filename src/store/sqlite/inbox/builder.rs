use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::event::Name;
use crate::store::sql::checked_deadline;
use crate::store::sqlite::connection::Opener;
use crate::store::sqlite::database::Database;
use crate::store::sqlite::error::{SqliteConnectError, SqliteConnectErrorKind};
use crate::store::sqlite::file;

use super::SqliteInbox;
use super::entry_commands::EntryCommands;

const DEFAULT_DEADLINE: Duration = Duration::from_secs(1);
const DEFAULT_CAPACITY: u64 = 1_000_000;

/// Settings of a [`SqliteInbox`]; see [`SqliteInbox::builder`].
#[derive(Debug)]
#[must_use]
pub struct SqliteInboxBuilder {
    path: PathBuf,
    namespace: Option<Name>,
    deadline: Duration,
    capacity: u64,
    clock: Arc<dyn Clock>,
}

impl SqliteInboxBuilder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            namespace: None,
            deadline: DEFAULT_DEADLINE,
            capacity: DEFAULT_CAPACITY,
            clock: Arc::new(SystemClock),
        }
    }

    /// Keeps the entries apart from those of other namespaces of the same file; `default` unless set.
    pub fn namespace(mut self, name: Name) -> Self {
        self.namespace = Some(name);
        self
    }

    /// How long any call may take, whatever the disk does; 1 s unless set, at most a day. For half of
    /// it SQLite waits where another process has locked the file.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How many entries that are not done or discarded the file holds, in all its namespaces; a million
    /// unless set. Beyond that new events are told "not now". Where several processes accept, each may
    /// go some hundreds beyond it.
    pub fn capacity(mut self, entries: u64) -> Self {
        self.capacity = entries;
        self
    }

    /// The clock that leases, delays and retentions go by, for tests; the system's unless set.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The inbox: the file is opened, made where there is none, set up and checked.
    ///
    /// # Errors
    ///
    /// As [`SqliteStoreBuilder::connect`](crate::store::SqliteStoreBuilder::connect).
    pub async fn connect(self) -> Result<SqliteInbox, SqliteConnectError> {
        let Self {
            path,
            namespace,
            deadline,
            capacity,
            clock,
        } = self;
        let setting =
            |message: String| SqliteConnectError::new(SqliteConnectErrorKind::Setting, message);
        let deadline = checked_deadline(deadline).map_err(|why| setting(why.to_owned()))?;
        let namespace = match namespace {
            Some(name) => name,
            None => Name::new("default").map_err(|error| setting(error.to_string()))?,
        };
        let path = file::located(&path)?;
        let opener = Opener {
            path: path.clone(),
            patience: deadline / 2,
            #[cfg(test)]
            sabotage: "",
        };
        let database = Database::open(opener, deadline, clock, EntryCommands::new(capacity)).await;
        let database = database.map_err(|fault| fault.at_start(&path))?;
        tracing::info!(
            file = %path.display(),
            %namespace,
            "events wait in SQLite"
        );
        Ok(SqliteInbox::on(database, namespace))
    }
}
