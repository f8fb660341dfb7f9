//! The page at `/operator`, and the journal that it reads.

use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use tower_webhook::journal::{Journal, SqliteJournal};
use tower_webhook::operator::{self, Page, PageObserver};

use crate::app::Webhooks;
use crate::settings::{SettingError, variable};
use crate::store::{Kept, Place};

/// The time limit for writing the last lines of the journal.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// The observers of the webhooks that the page needs.
pub(crate) struct Watch {
    page: Page,
    journal: Option<(Journal, SqliteJournal)>,
}

/// A page for this machine itself, as there is no login here: your receiver lets its operators log in and puts
/// `OperatorAccess` into their requests. Behind a proxy nobody sees it, because every request may come from there.
fn page() -> Result<Page, SettingError> {
    let proxies = variable("TRUSTED_PROXIES")?.filter(|list| !list.is_empty());
    Ok(match proxies {
        None => Page::new(),
        Some(_) => Page::new().only_for_operators(),
    })
}

impl Watch {
    /// With a journal in the file of `JOURNAL_PATH`. The default is next to the file of the
    /// records, if they are in one.
    pub(crate) fn begin(place: &Place) -> Result<Self, SettingError> {
        let path = match (variable("JOURNAL_PATH")?, place) {
            (Some(path), _) => Some(("JOURNAL_PATH", PathBuf::from(path))),
            (None, Place::Sqlite(path)) => {
                let mut path = path.clone().into_os_string();
                path.push(".journal");
                Some(("SQLITE_PATH", path.into()))
            }
            (None, _) => None,
        };
        let journal = path.map(|(setting, path)| {
            let failed = |error: &dyn std::error::Error| SettingError::new(setting, error);
            let table = SqliteJournal::open(path).map_err(|error| failed(&error))?;
            let journal = Journal::start(table.clone()).map_err(|error| failed(&error))?;
            Ok((journal, table))
        });
        Ok(Self {
            page: page()?,
            journal: journal.transpose()?,
        })
    }

    /// For a process that shows no page: it keeps nothing of what it sees.
    #[allow(dead_code, reason = "the worker uses it")]
    pub(crate) fn nothing() -> Self {
        Self {
            page: Page::new(),
            journal: None,
        }
    }

    pub(crate) fn observer(&self) -> PageObserver {
        self.page.observer()
    }

    pub(crate) fn journal(&self) -> Option<&Journal> {
        self.journal.as_ref().map(|(journal, _)| journal)
    }

    /// The page, with all that it shows.
    pub(crate) fn routes(self, webhooks: &Webhooks, kept: &Kept) -> Router {
        let mut page = self.page;
        for webhook in webhooks.all() {
            page = page.webhook(webhook);
        }
        // The webhooks' own are already known.
        page = match kept {
            Kept::Store(store) => page.store(store.clone()),
            Kept::Inbox(inbox) => page.inbox(inbox.clone()),
        };
        if let Some((journal, table)) = &self.journal {
            page = page.journal(journal, table.clone());
        }
        Router::new().nest_service("/operator", operator::router(&page))
    }
}

/// Waits until the journal is written.
pub(crate) async fn end(journal: Option<Journal>) {
    if let Some(journal) = journal
        && !journal.flush(FLUSH_LIMIT).await
    {
        tracing::warn!("the last lines of the journal are missing");
    }
}
