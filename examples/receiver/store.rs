//! The place where events are remembered.

use std::path::PathBuf;

use tower_webhook::inbox::{MemoryInbox, PostgresInbox, RedisInbox, SharedInbox, SqliteInbox};
use tower_webhook::metrics::Metered;
use tower_webhook::store::{PostgresStore, RedisStore, SqliteStore};
use tower_webhook::{MemoryStore, SharedStore};

use crate::settings::{SettingError, variable};

/// The default place of the records.
const DEFAULT_PATH: &str = "webhooks.db";

/// The place of the records.
pub(crate) enum Place {
    /// `SQLITE_PATH`: a file; the default is in the working folder.
    Sqlite(PathBuf),
    /// `MEMORY=1`: nothing outlives the process.
    Memory,
    /// `REDIS_URL`
    Redis(String),
    /// `DATABASE_URL`: a Postgres.
    Postgres(String),
}

impl Place {
    pub(crate) fn from_env() -> Result<Self, SettingError> {
        let names = ["MEMORY", "SQLITE_PATH", "REDIS_URL", "DATABASE_URL"];
        let mut set = Vec::new();
        for name in names {
            if let Some(value) = variable(name)? {
                set.push((name, value));
            }
        }
        let mut set = set.into_iter();
        let (first, second) = (set.next(), set.next());
        if let (Some((first, _)), Some((second, _))) = (&first, &second) {
            return Err(SettingError::new(
                first,
                format_args!(
                    "{second} is set too; records are kept in one place, so set one of them"
                ),
            ));
        }
        match first {
            None => Ok(Self::Sqlite(DEFAULT_PATH.into())),
            Some(("SQLITE_PATH", path)) => Ok(Self::Sqlite(path.into())),
            Some(("REDIS_URL", url)) => Ok(Self::Redis(url)),
            Some(("DATABASE_URL", url)) => Ok(Self::Postgres(url)),
            Some((_, on)) if on == "1" => Ok(Self::Memory),
            Some((name, other)) => Err(SettingError::new(
                name,
                format_args!("{other:?} is not 1; leave it out to keep records"),
            )),
        }
    }
}

/// The store or inbox that keeps the events.
#[derive(Clone)]
pub(crate) enum Kept {
    /// `MODE=inline`, the default: handlers run before their sender is answered.
    Store(SharedStore),
    /// `MODE=inbox`: a worker runs them later.
    Inbox(SharedInbox),
}

/// The store or inbox, with a description of its place and of its check's findings.
pub(crate) async fn open(place: Place) -> Result<(Kept, String), SettingError> {
    match variable("MODE")?.as_deref() {
        None | Some("inline") => {
            let (store, words) = open_store(place).await?;
            Ok((Kept::Store(store), words))
        }
        Some("inbox") => {
            let (inbox, words) = open_inbox(place).await?;
            Ok((Kept::Inbox(inbox), words))
        }
        Some(other) => Err(SettingError::new(
            "MODE",
            format_args!("{other:?} is neither inline nor inbox"),
        )),
    }
}

pub(crate) async fn open_inbox(place: Place) -> Result<(SharedInbox, String), SettingError> {
    match place {
        Place::Memory => {
            let words = "events wait in memory: they are lost when this process ends";
            Ok((
                SharedInbox::new(Metered::new(MemoryInbox::new())),
                words.to_owned(),
            ))
        }
        Place::Sqlite(path) => {
            let inbox = SqliteInbox::connect(path).await;
            let inbox = inbox.map_err(|error| failed("SQLITE_PATH", &error))?;
            let words = format!("events wait in SQLite: {}", inbox.path().display());
            Ok((SharedInbox::new(Metered::new(inbox)), words))
        }
        Place::Postgres(url) => {
            let inbox = PostgresInbox::builder(url).migrate().connect().await;
            let inbox = inbox.map_err(|error| failed("DATABASE_URL", &error))?;
            let words = format!("events wait in Postgres: {inbox:?}");
            let findings = inbox.check().await.map(|report| report.to_string());
            Ok((
                SharedInbox::new(Metered::new(inbox)),
                inbox_checked(words, findings),
            ))
        }
        Place::Redis(url) => {
            // For `rediss`; an error says that one is installed already.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let inbox = RedisInbox::connect(url).await;
            let inbox = inbox.map_err(|error| failed("REDIS_URL", &error))?;
            // Shows the hosts, and no password.
            let words = format!("events wait in Redis: {inbox:?}");
            let findings = inbox.check().await.map(|report| report.to_string());
            Ok((
                SharedInbox::new(Metered::new(inbox)),
                inbox_checked(words, findings),
            ))
        }
    }
}

async fn open_store(place: Place) -> Result<(SharedStore, String), SettingError> {
    match place {
        Place::Memory => {
            let words = "records are kept in memory: they are lost when this process ends";
            Ok((
                SharedStore::new(Metered::new(MemoryStore::new())),
                words.to_owned(),
            ))
        }
        Place::Sqlite(path) => {
            let store = SqliteStore::connect(path).await;
            let store = store.map_err(|error| failed("SQLITE_PATH", &error))?;
            let words = format!("records are kept in SQLite: {}", store.path().display());
            Ok((SharedStore::new(Metered::new(store)), words))
        }
        Place::Redis(url) => {
            // For `rediss`; an error says that one is installed already.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let store = RedisStore::connect(url).await;
            let store = store.map_err(|error| failed("REDIS_URL", &error))?;
            // Shows the hosts, and no password.
            let words = format!("records are kept in Redis: {store:?}");
            let findings = store.check().await.map(|report| report.to_string());
            Ok((
                SharedStore::new(Metered::new(store)),
                checked(words, findings),
            ))
        }
        Place::Postgres(url) => {
            let store = PostgresStore::builder(url).migrate().connect().await;
            let store = store.map_err(|error| failed("DATABASE_URL", &error))?;
            let words = format!("records are kept in Postgres: {store:?}");
            let findings = store.check().await.map(|report| report.to_string());
            Ok((
                SharedStore::new(Metered::new(store)),
                checked(words, findings),
            ))
        }
    }
}

fn checked(mut words: String, findings: Result<String, impl std::fmt::Display>) -> String {
    match findings {
        Ok(findings) => {
            for finding in findings.lines() {
                words.push_str(&format!("\n  {finding}"));
            }
        }
        Err(error) => words.push_str(&format!("\n  not checked: {error}")),
    }
    words
}

/// These findings concern records, whose events are sent again.
fn inbox_checked(words: String, findings: Result<String, impl std::fmt::Display>) -> String {
    let mut words = checked(words, findings);
    if words.contains("at risk") {
        words.push_str(
            "\n  what an inbox loses was acknowledged: its sender does not send it again",
        );
    }
    words
}

/// The error with its causes, in one line.
fn failed(name: &'static str, error: &dyn std::error::Error) -> SettingError {
    match error.source() {
        Some(source) => SettingError::new(name, format_args!("{error}: {source}")),
        None => SettingError::new(name, error),
    }
}
