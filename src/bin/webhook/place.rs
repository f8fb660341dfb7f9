//! Where receivers keep their records and entries.

use std::path::Path;
use std::time::Duration;

#[cfg(feature = "postgres")]
use sqlx::postgres::PgConnectOptions;
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

/// A person is more patient than a sender.
const PATIENCE: Duration = Duration::from_secs(5);

/// The kind of a store.
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
        if self.is_of_postgres() && matches!(kind, Kind::Redis | Kind::Sqlite) {
            return Err(Failure::usage(
                "--schema and --table-prefix: they are of Postgres alone",
            ));
        }
        // A missing file would be created empty.
        if matches!(kind, Kind::Sqlite) && !Path::new(place).try_exists().unwrap_or(false) {
            return Err(Failure::usage(match shown(place) {
                place if place == HIDDEN => format!(
                    "--store: {place}: there is no such file; a URL begins with its scheme, as postgres://… does"
                ),
                place => format!("--store: {place}: there is no such file; name the receiver's"),
            }));
        }
        if matches!(kind, Kind::Redis) {
            // For `rediss`; an error means that a provider is already installed.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        Ok((place, kind))
    }

    fn is_of_postgres(&self) -> bool {
        self.schema.is_some() || self.table_prefix.is_some()
    }

    /// The tables of a database; `None` for Redis, and if it cannot be opened, which the next
    /// attempt to open it reports.
    async fn tables(&self, place: &str, kind: &Kind) -> Option<Vec<String>> {
        match kind {
            Kind::Redis => None,
            #[cfg(feature = "postgres")]
            Kind::Postgres => {
                let looking = self.tables_of_postgres(place);
                tokio::time::timeout(PATIENCE, looking).await.ok()?
            }
            Kind::Sqlite => Self::tables_of_file(place).await,
        }
    }

    #[cfg(feature = "postgres")]
    async fn tables_of_postgres(&self, place: &str) -> Option<Vec<String>> {
        let options: PgConnectOptions = place.parse().ok()?;
        // With a connection pooler, prepared statements may be gone the next time.
        let options = options.statement_cache_capacity(0);
        let database = options.disable_statement_logging().connect().await;
        let mut database = database.ok()?;
        let tables = "SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = $1";
        let found = sqlx::query_scalar(tables)
            .bind(self.schema.as_deref().unwrap_or("public"))
            .persistent(false)
            .fetch_all(&mut database)
            .await;
        let _ = database.close().await;
        found.ok()
    }

    async fn tables_of_file(place: &str) -> Option<Vec<String>> {
        let options = SqliteConnectOptions::new().filename(place).read_only(true);
        let database = options.disable_statement_logging().connect().await;
        let mut database = database.ok()?;
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table'";
        let found = sqlx::query_scalar(tables).fetch_all(&mut database).await;
        let _ = database.close().await;
        found.ok()
    }

    /// Refuses another program's database, in which tables would otherwise be created.
    fn refuse_foreign(&self, place: &str, tables: Option<&[String]>) -> Result<(), Failure> {
        match tables {
            Some(tables) if !self.is_among(tables, "schema") => Err(Failure::usage(format!(
                "--store: {}: no receiver keeps anything in it; name the receiver's",
                shown(place)
            ))),
            _ => Ok(()),
        }
    }

    /// Whether the receiver's table of this name is among these.
    fn is_among(&self, tables: &[String], name: &str) -> bool {
        let prefix = self.table_prefix.as_deref().unwrap_or("tower_webhook_");
        let mut names = tables.iter().filter_map(|table| table.strip_prefix(prefix));
        names.any(|table| table == name)
    }

    fn namespace(&self) -> Result<Option<Name>, Failure> {
        Ok(self.namespace.clone().map(Name::new).transpose()?)
    }

    /// The inbox, without creating anything.
    pub(crate) async fn inbox(&self) -> Result<SharedInbox, Failure> {
        let (place, _) = self.place()?;
        self.inbox_if_any().await?.ok_or_else(|| {
            Failure::usage(format!(
                "--store: {}: it holds records and no inbox: look into it by `webhook records`",
                shown(place)
            ))
        })
    }

    /// The inbox, unless there are only records.
    pub(crate) async fn inbox_if_any(&self) -> Result<Option<SharedInbox>, Failure> {
        let (place, kind) = self.place()?;
        let known = self.tables(place, &kind).await;
        self.refuse_foreign(place, known.as_deref())?;
        if known.is_some_and(|tables| !self.is_among(&tables, "inbox")) {
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
                match builder.join().await.map_err(opened)? {
                    Some(inbox) => SharedInbox::new(inbox),
                    // The store finds out whether there are records or nothing.
                    None => {
                        self.store().await?;
                        return Ok(None);
                    }
                }
            }
            #[cfg(feature = "postgres")]
            Kind::Postgres => {
                let mut builder = PostgresInbox::builder(place).deadline(PATIENCE);
                if let Some(name) = namespace {
                    builder = builder.namespace(name);
                }
                if let Some(schema) = &self.schema {
                    builder = builder.schema(schema);
                }
                if let Some(prefix) = &self.table_prefix {
                    builder = builder.table_prefix(prefix);
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

    /// The store, and the result of its check: each setting with its state and risk, and whether it is safe.
    pub(crate) async fn store(&self) -> Result<(SharedStore, Vec<(bool, String)>), Failure> {
        let (place, kind) = self.place()?;
        let tables = self.tables(place, &kind).await;
        self.refuse_foreign(place, tables.as_deref())?;
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
                let store = builder.join().await.map_err(opened)?;
                let store = store.ok_or_else(|| {
                    let name = self.namespace.as_deref().unwrap_or("default");
                    Failure::usage(format!(
                        "--store: no receiver keeps anything there in the namespace {name}; name the receiver's by --namespace"
                    ))
                })?;
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
                if let Some(schema) = &self.schema {
                    builder = builder.schema(schema);
                }
                if let Some(prefix) = &self.table_prefix {
                    builder = builder.table_prefix(prefix);
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

/// A place that is safe to print: hides anything that may be a URL without its scheme and with a
/// password.
fn shown(place: &str) -> &str {
    match place.contains(['@', ':']) {
        true => HIDDEN,
        false => place,
    }
}

/// A place that could not be opened: out of reach, unless a setting is wrong.
fn opened<E>(error: E) -> Failure
where
    E: std::error::Error + Send + Sync + 'static,
{
    match error.source() {
        Some(_) => Failure::out_of_reach("--store", error),
        None => Failure::other("--store", error),
    }
}
