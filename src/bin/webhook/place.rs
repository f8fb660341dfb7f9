//! Where receivers keep their records and entries.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
#[cfg(feature = "postgres")]
use tower_webhook::inbox::PostgresInbox;
use tower_webhook::inbox::{RedisInbox, SharedInbox, SqliteInbox};
#[cfg(feature = "postgres")]
use tower_webhook::store::PostgresStore;
use tower_webhook::store::{RedisStore, SqliteStore};
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
                    "--store: {other}: neither a URL of Redis or Postgres, nor a path"
                )));
            }
            None => Kind::Sqlite,
        };
        // One that is not there would be made, and be empty.
        if matches!(kind, Kind::Sqlite) && !Path::new(place).try_exists().unwrap_or(false) {
            return Err(Failure::usage(format!(
                "--store: {place}: there is no such file; name the receiver's"
            )));
        }
        if matches!(kind, Kind::Redis) {
            // For `rediss`; an error says that one is installed already.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        Ok((place, kind))
    }

    /// Refuses another program's database, in which tables would be made. What cannot be opened is told by
    /// whoever opens it next.
    async fn refuse_foreign(place: &str, kind: &Kind) -> Result<(), Failure> {
        if !matches!(kind, Kind::Sqlite) {
            return Ok(());
        }
        let options = SqliteConnectOptions::new().filename(place).read_only(true);
        let Ok(mut database) = options.disable_statement_logging().connect().await else {
            return Ok(());
        };
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'tower_webhook_schema'";
        let found: Result<i64, _> = sqlx::query_scalar(tables).fetch_one(&mut database).await;
        let _ = database.close().await;
        match found {
            Ok(0) => Err(Failure::usage(format!(
                "--store: {place}: no receiver keeps anything in it; name the receiver's"
            ))),
            _ => Ok(()),
        }
    }

    fn namespace(&self) -> Result<Option<Name>, Failure> {
        Ok(self.namespace.clone().map(Name::new).transpose()?)
    }

    pub(crate) async fn inbox(&self) -> Result<SharedInbox, Failure> {
        let (place, kind) = self.place()?;
        Self::refuse_foreign(place, &kind).await?;
        let namespace = self.namespace()?;
        Ok(match kind {
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
        })
    }

    /// The store, and what its check found: each setting with how it is and what it risks.
    pub(crate) async fn store(&self) -> Result<(SharedStore, Vec<String>), Failure> {
        let (place, kind) = self.place()?;
        Self::refuse_foreign(place, &kind).await?;
        let namespace = self.namespace()?;
        let lines = |text: String| text.lines().map(str::to_owned).collect();
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
                (SharedStore::new(store), lines(found.to_string()))
            }
            #[cfg(feature = "postgres")]
            Kind::Postgres => {
                let mut builder = PostgresStore::builder(place).deadline(PATIENCE);
                if let Some(name) = namespace {
                    builder = builder.namespace(name);
                }
                let store = builder.connect().await.map_err(opened)?;
                let found = store.check().await?;
                (SharedStore::new(store), lines(found.to_string()))
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
