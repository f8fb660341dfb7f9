//! How a store on Postgres is set up.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool};
use tokio::time::timeout;

use crate::event::Name;
use crate::store::sql::{Records as _, checked_deadline};

use super::PostgresStore;
use super::check::{PostgresReport, PostgresVerdict};
use super::database::Database;
use super::error::{Fault, PostgresConnectError, PostgresConnectErrorKind as Kind};
use super::schema;
use super::session::Sessions;
use super::statements::Statements;
use super::table::Tables;
use super::transactions::TxPool;

const DEFAULT_DEADLINE: Duration = Duration::from_secs(1);
const DEFAULT_CONNECTIONS: u32 = 8;
const MOST_CONNECTIONS: u32 = 1_000;
/// How long the start waits for Postgres before it goes on without.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Settings of a [`PostgresStore`]; see [`PostgresStore::builder`].
#[must_use]
pub struct PostgresStoreBuilder {
    target: Target,
    transactions_at_once: Option<u32>,
    namespace: Option<Name>,
    schema: Option<String>,
    prefix: Option<String>,
    deadline: Duration,
    connections: u32,
    migrate: bool,
    refuse_at_risk: bool,
    #[cfg(test)]
    pub(super) clock: Option<Arc<dyn crate::clock::Clock>>,
}

/// Which database it is.
enum Target {
    Url(String),
    Pool(PgPool),
}

impl PostgresStoreBuilder {
    pub(super) fn new(url: String) -> Self {
        Self::of(Target::Url(url))
    }

    pub(super) fn on_pool(pool: PgPool) -> Self {
        Self::of(Target::Pool(pool))
    }

    fn of(target: Target) -> Self {
        Self {
            target,
            transactions_at_once: None,
            namespace: None,
            schema: None,
            prefix: None,
            deadline: DEFAULT_DEADLINE,
            connections: DEFAULT_CONNECTIONS,
            migrate: false,
            refuse_at_risk: false,
            #[cfg(test)]
            clock: None,
        }
    }

    /// Keeps the records apart from those of other namespaces of the same tables; `default` unless set.
    /// Sandbox and production are two.
    pub fn namespace(mut self, name: Name) -> Self {
        self.namespace = Some(name);
        self
    }

    /// The schema that the tables are in; `public` unless set. Up to 63 of `a-z`, `0-9` and `_`, with no
    /// digit first.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// What the names of the tables begin with; `tower_webhook_` unless set. Up to 40 of `a-z`, `0-9` and
    /// `_`, with no digit first.
    pub fn table_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// How long any call may take, whatever Postgres does; 1 s unless set, at most a day. The server is
    /// told to give up a statement then, and after half of it where another transaction holds the record.
    ///
    /// Going through all records, as [`Store::counts`](crate::store::Store::counts) does, is two calls for
    /// each 20,000 of them. The layers above have a limit of their own: at most the sender's time to
    /// answer.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How many connections there are at most; 8 unless set, 1 to 1,000. Commands that come while all are
    /// busy are carried out together by the next that is free. One whose call has no answer yet counts; to
    /// ask what became of it, and to migrate, there is one more for a moment.
    pub fn connections(mut self, connections: u32) -> Self {
        self.connections = connections;
        self
    }

    /// How many [`Tx`](crate::Tx) of handlers are open at once at most, on a store that was made
    /// [on a pool](PostgresStore::on_pool); one fewer than the pool has connections unless set. Others wait.
    ///
    /// The pool must be larger: a handler with a transaction that asks the pool for a second connection would
    /// wait for those who wait for the same.
    pub fn transactions_at_once(mut self, most: u32) -> Self {
        self.transactions_at_once = Some(most);
        self
    }

    /// Has [`connect`](Self::connect) bring the tables up to date, which the role must be allowed to. Of
    /// several processes that do so at once one works and the others wait for it.
    pub fn migrate(mut self) -> Self {
        self.migrate = true;
        self
    }

    /// Has [`connect`](Self::connect) fail where the start-up check finds records
    /// [at risk](PostgresVerdict::AtRisk), or cannot be made.
    ///
    /// That is so with `fsync` or `full_page_writes` off, and with a table that was made `UNLOGGED`. What
    /// is [weak](PostgresVerdict::Weak) or [hidden](PostgresVerdict::Unknown) is logged, and the store
    /// starts.
    pub fn refuse_at_risk(mut self) -> Self {
        self.refuse_at_risk = true;
        self
    }

    /// The SQL that makes the tables, for whoever runs migrations by other means; it may be run again.
    ///
    /// # Errors
    ///
    /// A schema or a prefix that cannot be used.
    pub fn migration_sql(&self) -> Result<String, PostgresConnectError> {
        Ok(schema::printed(&self.tables()?))
    }

    fn tables(&self) -> Result<Tables, PostgresConnectError> {
        Tables::new(self.schema.clone(), self.prefix.clone()).map_err(setting)
    }

    /// The store, without a word to Postgres: connections are made when they are needed.
    ///
    /// # Errors
    ///
    /// A URL or a setting that cannot be used, such as a pool that is not larger than the number of
    /// transactions that may be open at once.
    pub fn build(self) -> Result<PostgresStore, PostgresConnectError> {
        let tables = self.tables()?;
        let deadline = checked_deadline(self.deadline).map_err(setting)?;
        if !(1..=MOST_CONNECTIONS).contains(&self.connections) {
            return Err(setting(format!(
                "{} connections are not 1 to {MOST_CONNECTIONS}",
                self.connections
            )));
        }
        let namespace = match self.namespace {
            Some(name) => name,
            None => Name::new("default").map_err(|error| setting(error.to_string()))?,
        };
        let (options, handlers) = match self.target {
            Target::Url(_) if self.transactions_at_once.is_some() => {
                return Err(setting(
                    "a store on a URL has no transactions of handlers; make it on a pool",
                ));
            }
            Target::Url(url) => (options(&url)?, None),
            Target::Pool(pool) => {
                let options = pool.connect_options().as_ref().clone();
                let at_once = transactions(&pool, self.transactions_at_once)?;
                (options, Some(Arc::new(TxPool::new(pool, at_once))))
            }
        };
        #[cfg(test)]
        let clock = self.clock;
        #[cfg(not(test))]
        let clock = None;
        let database = Database::start(
            Sessions::new(options, deadline),
            Statements::new(&tables),
            self.connections,
            clock,
        );
        let database = database.map_err(|fault| {
            PostgresConnectError::new(Kind::Unavailable, "no thread can be started")
                .with_source(fault)
        })?;
        Ok(PostgresStore::on(
            Arc::new(database),
            Arc::new(tables),
            namespace,
            handlers,
        ))
    }

    /// The store, connected, with its tables and settings checked and logged.
    ///
    /// Where Postgres cannot be reached it says so in the log and goes on: a receiver that starts during
    /// an outage refuses deliveries with the not-now status until Postgres is back.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build); Postgres refuses the connection; the tables are not there, or of a
    /// version that this one cannot work with; what [`refuse_at_risk`](Self::refuse_at_risk) refuses; and
    /// a Postgres that cannot be reached, where the tables were [to be brought up to date](Self::migrate).
    pub async fn connect(self) -> Result<PostgresStore, PostgresConnectError> {
        let (refuse_at_risk, migrate) = (self.refuse_at_risk, self.migrate);
        let store = self.build()?;
        if migrate {
            store.migrate().await?;
        }
        let problem = match timeout(START_LIMIT, Box::pin(store.checked())).await {
            Ok(Ok(report)) => {
                log(&store, &report);
                if refuse_at_risk && report.worst() == PostgresVerdict::AtRisk {
                    return Err(at_risk(&report));
                }
                return Ok(store);
            }
            Ok(Err(fault)) => match fault.fatal() {
                Ok(error) => return Err(error),
                Err(fault) => fault,
            },
            Err(_) => Fault::slow(),
        };
        if refuse_at_risk {
            return Err(PostgresConnectError::new(
                Kind::AtRisk,
                format!("what is at risk cannot be checked: {problem}"),
            ));
        }
        tracing::warn!(
            postgres = %store.server(),
            %problem,
            "Postgres cannot be reached; deliveries are refused until it is"
        );
        Ok(store)
    }
}

/// How many transactions may be open at once on this pool.
fn transactions(pool: &PgPool, wanted: Option<u32>) -> Result<usize, PostgresConnectError> {
    let size = pool.options().get_max_connections();
    let at_once = wanted.unwrap_or_else(|| size.saturating_sub(1));
    if at_once == 0 || at_once >= size {
        return Err(setting(format!(
            "a pool of {size} connections is too small for {} transactions at once: it must be larger than \
             their number, which is 1 or more",
            at_once.max(1)
        )));
    }
    Ok(usize::try_from(at_once).unwrap_or(usize::MAX))
}

fn setting(message: impl Into<String>) -> PostgresConnectError {
    PostgresConnectError::new(Kind::Setting, message)
}

/// Reads the URL. What it lacks is taken from the variables of libpq, such as `PGPASSWORD`.
fn options(url: &str) -> Result<PgConnectOptions, PostgresConnectError> {
    let refused = || {
        PostgresConnectError::new(
            Kind::Url,
            "a URL reads postgres://user:password@host:port/database, with special characters \
             percent-encoded",
        )
    };
    if !["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        return Err(refused());
    }
    // `sqlx` 0.9 passes over a parameter that it does not know, and logs its value.
    if !parameters_are_known(url) {
        return Err(PostgresConnectError::new(
            Kind::Url,
            "the URL has a parameter that is not known here, such as sslmode or application_name are; a \
             question mark in a password is written %3F",
        ));
    }
    // The cause may show a part of the URL, and so of a password: it is left out.
    PgConnectOptions::from_str(url).map_err(|_| refused())
}

/// The parameters of a URL that `sqlx` 0.9 knows.
const PARAMETERS: [&str; 18] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

fn parameters_are_known(url: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .all(|(key, _)| PARAMETERS.contains(&&*key) || key.starts_with("options["))
}

fn at_risk(report: &PostgresReport) -> PostgresConnectError {
    let findings = report.findings().iter();
    let lines: Vec<_> = findings
        .filter(|finding| finding.verdict() == PostgresVerdict::AtRisk)
        .map(ToString::to_string)
        .collect();
    PostgresConnectError::new(Kind::AtRisk, lines.join("; "))
}

fn log(store: &PostgresStore, report: &PostgresReport) {
    tracing::info!(
        postgres = %store.server(),
        namespace = %store.namespace_name(),
        "events are remembered in Postgres"
    );
    for finding in report.findings() {
        match finding.verdict() {
            PostgresVerdict::Sound => tracing::debug!("Postgres: {finding}"),
            PostgresVerdict::Weak => tracing::info!("Postgres: {finding}"),
            PostgresVerdict::Unknown | PostgresVerdict::AtRisk => {
                tracing::warn!("Postgres: {finding}");
            }
        }
    }
}

impl fmt::Debug for PostgresStoreBuilder {
    /// The URL may hold a password: it is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStoreBuilder")
            .field("namespace", &self.namespace)
            .field("schema", &self.schema)
            .field("prefix", &self.prefix)
            .field("deadline", &self.deadline)
            .field("connections", &self.connections)
            .field("is_on_pool", &matches!(self.target, Target::Pool(_)))
            .field("transactions_at_once", &self.transactions_at_once)
            .field("migrate", &self.migrate)
            .field("refuse_at_risk", &self.refuse_at_risk)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_not_known_is_refused_and_not_shown() {
        for url in [
            "postgres://app@db.example/app",
            "postgres://app:pw@db.example/app?application_name=a&options[search_path]=b",
            "postgres:///app?host=/run/postgresql&user=app",
        ] {
            assert!(options(url).is_ok(), "{url}");
        }
        for url in [
            "postgres://app@db.example/app?sslpassword=hunter2",
            "postgres://app@db.example/app?pasword=hunter2#",
            "postgres://app:12?hunter2@db.example/app",
        ] {
            let error = options(url).unwrap_err();
            assert_eq!(error.kind(), Kind::Url, "{url}");
            assert!(
                !format!("{error} {error:?}").contains("hunter2"),
                "{error:?}"
            );
        }
    }
}
