//! Where receivers keep their records and entries.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
#[cfg(feature = "postgres")]
use tower_webhook::inbox::PostgresInbox;
use tower_webhook::inbox::{RedisInbox, SharedInbox, SqliteInbox};
#[cfg(feature = "postgres")]
use tower_webhook::store::{PostgresStore, PostgresVerdict};
use tower_webhook::store::{RedisStore, RedisVerdict, SqliteStore};
use tower_webhook::{Name, SharedStore};

use crate::args::StoreArgs;
use crate::failure::Failure;

/// A person waits longer than a sender.
const PATIENCE: Duration = Duration::from_secs(5);

/// What kind of place it is.
enum Kind {
    Redis,
    #[cfg(feature = "postgres")]
    Postgres,
    Sqlite,
}

impl StoreArgs {
    fn place(&self) -> Result<(&str, Kind), Failure> {
        let place = self.store.as_deref().ok_or_else(|| {
            Failure::usage("no store: name the receivers' by --store, or set WEBHOOK_STORE")
        })?;
        let kind = match place.split_once("://").map(|(scheme, _)| scheme) {
            Some(scheme) if scheme.starts_with("redis") || scheme == "unix" => Kind::Redis,
            #[cfg(feature = "postgres")]
            Some("postgres" | "postgresql") => Kind::Postgres,
            #[cfg(not(feature = "postgres"))]
            Some("postgres" | "postgresql") => {
                return Err(Failure::usage(
                    "--store: built without Postgres: build it with --features cli,postgres",
                ));
            }
            Some(other) => {
                return Err(Failure::usage(format!(
                    "--store: {}: neither a URL of Redis or Postgres, nor a path",
                    shown(other)
                )));
            }
            None => Kind::Sqlite,
        };
        // One that is not there would be made, and be empty.
        if matches!(kind, Kind::Sqlite) && !Path::new(place).try_exists().unwrap_or(false) {
            return Err(Failure::usage(match shown(place) {
                place if place == HIDDEN => format!(
                    "--store: {place}: there is no such file; a URL begins with its scheme, as postgres://… does"
                ),
                place => format!("--store: {place}: there is no such file; name the receiver's"),
            }));
        }
        if matches!(kind, Kind::Redis) {
            // For `rediss`; an error says that one is installed already.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        Ok((place, kind))
    }

    /// The tables of a file; `None` of what is no file, or cannot be opened: that is told by whoever opens it
    /// next.
    async fn tables(place: &str, kind: &Kind) -> Option<Vec<String>> {
        if !matches!(kind, Kind::Sqlite) {
            return None;
        }
        let options = SqliteConnectOptions::new().filename(place).read_only(true);
        let database = options.disable_statement_logging().connect().await;
        let mut database = database.ok()?;
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table'";
        let found = sqlx::query_scalar(tables).fetch_all(&mut database).await;
        let _ = database.close().await;
        found.ok()
    }

    /// Refuses another program's database, in which tables would be made.
    fn refuse_foreign(place: &str, tables: Option<&[String]>) -> Result<(), Failure> {
        match tables {
            Some(tables) if !tables.iter().any(|table| table == "tower_webhook_schema") => {
                Err(Failure::usage(format!(
                    "--store: {place}: no receiver keeps anything in it; name the receiver's"
                )))
            }
            _ => Ok(()),
        }
    }

    fn namespace(&self) -> Result<Option<Name>, Failure> {
        Ok(self.namespace.clone().map(Name::new).transpose()?)
    }

    /// The inbox, in which nothing is made that is not there.
    pub(crate) async fn inbox(&self) -> Result<SharedInbox, Failure> {
        let (place, _) = self.place()?;
        self.inbox_if_any().await?.ok_or_else(|| {
            Failure::usage(format!(
                "--store: {place}: it holds records and no inbox: look into it by `webhook records`"
            ))
        })
    }

    /// The inbox, unless it is a file that holds none.
    pub(crate) async fn inbox_if_any(&self) -> Result<Option<SharedInbox>, Failure> {
        let (place, kind) = self.place()?;
        let known = Self::tables(place, &kind).await;
        Self::refuse_foreign(place, known.as_deref())?;
        if known.is_some_and(|tables| !tables.iter().any(|table| table == "tower_webhook_inbox")) {
            return Ok(None);
        }
        let namespace = self.namespace()?;
        Ok(Some(match kind {
            Kind::Redis => {
                let mut builder = RedisInbox::builder(place).deadline(PATIENCE);
                if let Some(name) = namespace {
                    builder = builder.namespace(name);
                }
                if let Some(number) = self.partitions {
                    builder = builder.partitions(number);
                }
                SharedInbox::new(builder.connect().await.map_err(opened)?)
            }
            #[cfg(feature = "postgres")]
            Kind::Postgres => {
                let mut builder = PostgresInbox::builder(place).deadline(PATIENCE);
                if let Some(name) = namespace {
                    builder = builder.namespace(name);
                }
                SharedInbox::new(builder.connect().await.map_err(opened)?)
            }
            Kind::Sqlite => {
                let mut builder = SqliteInbox::builder(place).deadline(PATIENCE);
                if let Some(name) = namespace {
                    builder = builder.namespace(name);
                }
                SharedInbox::new(builder.connect().await.map_err(opened)?)
            }
        }))
    }

    /// The store, and what its check found: each setting with whether it is sound, how it is and what it risks.
    pub(crate) async fn store(&self) -> Result<(SharedStore, Vec<(bool, String)>), Failure> {
        let (place, kind) = self.place()?;
        Self::refuse_foreign(place, Self::tables(place, &kind).await.as_deref())?;
        let namespace = self.namespace()?;
        Ok(match kind {
            Kind::Redis => {
                let mut builder = RedisStore::builder(place).deadline(PATIENCE);
                if let Some(name) = namespace {
                    builder = builder.namespace(name);
                }
                if let Some(number) = self.partitions {
                    builder = builder.partitions(number);
                }
                let store = builder.connect().await.map_err(opened)?;
                let found = store.check().await?;
                let found = found.findings().iter();
                let found = found.map(|it| (it.verdict() == RedisVerdict::Sound, it.to_string()));
                (SharedStore::new(store), found.collect())
            }
            #[cfg(feature = "postgres")]
            Kind::Postgres => {
                let mut builder = PostgresStore::builder(place).deadline(PATIENCE);
                if let Some(name) = namespace {
                    builder = builder.namespace(name);
                }
                let store = builder.connect().await.map_err(opened)?;
                let found = store.check().await?;
                let found = found.findings().iter();
                let found =
                    found.map(|it| (it.verdict() == PostgresVerdict::Sound, it.to_string()));
                (SharedStore::new(store), found.collect())
            }
            Kind::Sqlite => {
                let mut builder = SqliteStore::builder(place).deadline(PATIENCE);
                if let Some(name) = namespace {
                    builder = builder.namespace(name);
                }
                let store = builder.connect().await.map_err(opened)?;
                (SharedStore::new(store), Vec::new())
            }
        })
    }
}

const HIDDEN: &str = "the place that was given";

/// A place as it may be repeated: not what may be a URL that lacks its scheme, with a password in it.
fn shown(place: &str) -> &str {
    match place.contains(['@', ':']) {
        true => HIDDEN,
        false => place,
    }
}

/// A place that could not be opened: out of reach, unless it is a setting that is wrong.
fn opened<E>(error: E) -> Failure
where
    E: std::error::Error + Send + Sync + 'static,
{
    match error.source() {
        Some(_) => Failure::out_of_reach("--store", error),
        None => Failure::other("--store", error),
    }
}
