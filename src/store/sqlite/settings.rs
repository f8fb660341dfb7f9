//! Settings that a store and an inbox in a file share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::event::Name;
use crate::store::sql::checked_deadline;

use super::connection::Opener;
use super::database::Database;
use super::error::{SqliteConnectError, SqliteConnectErrorKind};
use super::file;
use super::writer::Commands;

const DEFAULT_DEADLINE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct FileSettings {
    pub(super) path: PathBuf,
    pub(super) namespace: Option<Name>,
    pub(super) deadline: Duration,
    pub(super) clock: Arc<dyn Clock>,
    #[cfg(test)]
    pub(super) sabotage: &'static str,
}

impl FileSettings {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            namespace: None,
            deadline: DEFAULT_DEADLINE,
            clock: Arc::new(SystemClock),
            #[cfg(test)]
            sabotage: "",
        }
    }

    /// Opens the file for these commands. Returns the namespace too.
    pub(super) async fn open<C: Commands>(
        self,
        commands: C,
    ) -> Result<(Database<C>, Name), SqliteConnectError> {
        let Self {
            path,
            namespace,
            deadline,
            clock,
            #[cfg(test)]
            sabotage,
        } = self;
        let deadline = checked_deadline(deadline).map_err(refused)?;
        let namespace = match namespace {
            Some(name) => name,
            None => Name::new("default").map_err(|error| refused(error.to_string()))?,
        };
        let path = file::located(&path)?;
        let opener = Opener {
            path: path.clone(),
            patience: deadline / 2,
            first: Arc::default(),
            log: Arc::default(),
            #[cfg(test)]
            sabotage,
        };
        let database = Database::open(opener, deadline, clock, commands).await;
        let database = database.map_err(|fault| fault.at_start(&path))?;
        Ok((database, namespace))
    }
}

/// A setting that is out of its range.
pub(super) fn refused(message: impl Into<String>) -> SqliteConnectError {
    SqliteConnectError::new(SqliteConnectErrorKind::Setting, message)
}
