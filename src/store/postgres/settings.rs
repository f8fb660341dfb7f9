//! Settings that a store and an inbox on a server share, and their start.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool};
use tokio::time::timeout;

use crate::event::Name;
use crate::store::sql::checked_deadline;

use super::check::{PostgresReport, PostgresVerdict};
use super::commands::{Commands, ServerTime};
use super::database::Database;
use super::error::{Fault, PostgresConnectError, PostgresConnectErrorKind as Kind};
use super::idle::Idle;
use super::schema;
use super::server::Server;
use super::session::{ASKED_WHEN_IDLE, Origin, Sessions};
use super::sql::Preparing;
use super::table::Tables;
use super::transactions::{AnyTxPool, TxPool};
use super::tx_driver::{Driver, TxDriver};

const DEFAULT_DEADLINE: Duration = Duration::from_secs(1);
const DEFAULT_CONNECTIONS: u32 = 8;
const MOST_CONNECTIONS: u32 = 1_000;
/// How long the start waits for Postgres before it continues without it.
const START_LIMIT: Duration = Duration::from_secs(10);

pub(super) struct ServerSettings {
    target: Target,
    pub(super) transactions_at_once: Option<u32>,
    /// A user's driver for transactions of handlers.
    driver: Option<Arc<dyn AnyTxPool>>,
    pub(super) namespace: Option<Name>,
    pub(super) schema: Option<String>,
    pub(super) prefix: Option<String>,
    pub(super) deadline: Duration,
    pub(super) connections: u32,
    pub(super) migrate: bool,
    pub(super) prepare_statements: Option<bool>,
    pub(super) refuse_at_risk: bool,
    pub(super) time: ServerTime,
    /// A connection that was idle for this long is checked before use.
    pub(super) asked_when_idle: Duration,
}

/// Which database to use.
enum Target {
    Url(String),
    Pool(PgPool),
}

impl ServerSettings {
    pub(super) fn of_url(url: String) -> Self {
        Self::of(Target::Url(url))
    }

    pub(super) fn on_pool(pool: PgPool) -> Self {
        Self::of(Target::Pool(pool))
    }

    fn of(target: Target) -> Self {
        Self {
            target,
            transactions_at_once: None,
            driver: None,
            namespace: None,
            schema: None,
            prefix: None,
            deadline: DEFAULT_DEADLINE,
            connections: DEFAULT_CONNECTIONS,
            migrate: false,
            prepare_statements: None,
            refuse_at_risk: false,
            time: ServerTime::default(),
            asked_when_idle: ASKED_WHEN_IDLE,
        }
    }

    pub(super) fn driver(&mut self, driver: impl TxDriver, at_once: u32) {
        let at_once = usize::try_from(at_once).unwrap_or(usize::MAX);
        self.driver = Some(Arc::new(TxPool::new(Driver::new(driver), at_once.max(1))));
    }

    fn tables(&self) -> Result<Tables, PostgresConnectError> {
        Tables::new(self.schema.clone(), self.prefix.clone()).map_err(setting)
    }

    pub(super) fn migration_sql<C: Commands>(&self) -> Result<String, PostgresConnectError> {
        Ok(schema::printed(C::PARTS, &self.tables()?))
    }

    /// Starts to serve these commands, without contacting Postgres.
    pub(super) fn build<C: Commands>(
        self,
        commands: impl FnOnce(&Tables, &Preparing) -> C,
    ) -> Result<Server<C>, PostgresConnectError> {
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
        let (origin, handlers) = match self.target {
            Target::Url(_) if self.transactions_at_once.is_some() => {
                return Err(setting(
                    "on a URL there are no transactions of handlers; they need a pool",
                ));
            }
            Target::Url(url) => (Origin::Url(Box::new(options(&url)?)), self.driver),
            Target::Pool(_) if self.driver.is_some() => {
                return Err(setting(
                    "on a pool the transactions of handlers are the pool's: give a driver to a store of a URL",
                ));
            }
            Target::Pool(pool) => {
                let origin = Origin::Pool(pool.clone());
                let at_once = transactions(&pool, self.transactions_at_once)?;
                let handlers: Arc<dyn AnyTxPool> = Arc::new(TxPool::new(pool, at_once));
                (origin, Some(handlers))
            }
        };
        let preparing = Preparing::new(self.prepare_statements);
        let commands = commands(&tables, &preparing);
        let mut sessions = Sessions::new(origin, deadline, preparing);
        sessions.idle = Arc::new(Idle::new(self.asked_when_idle));
        let mut time = self.time;
        time.server = sessions.shown();
        let database = Database::start(sessions, commands, self.connections, time);
        let database = database.map_err(|fault| {
            PostgresConnectError::new(Kind::Unavailable, "no thread can be started")
                .with_source(fault)
        })?;
        Ok(Server {
            database: Arc::new(database),
            tables: Arc::new(tables),
            namespace,
            handlers,
        })
    }

    /// Starts to serve, connected, with the tables and settings of the server checked and logged.
    pub(super) async fn connect<C: Commands>(
        self,
        commands: impl FnOnce(&Tables, &Preparing) -> C,
    ) -> Result<Server<C>, PostgresConnectError> {
        let (refuse_at_risk, migrate) = (self.refuse_at_risk, self.migrate);
        let server = self.build(commands)?;
        if migrate {
            server.migrate().await?;
        }
        let problem = match timeout(START_LIMIT, Box::pin(server.checked())).await {
            Ok(Ok(report)) => {
                log(&server, &report);
                if refuse_at_risk && report.worst() == PostgresVerdict::AtRisk {
                    return Err(at_risk(&report));
                }
                return Ok(server);
            }
            Ok(Err(fault)) => match fault.fatal(&server.shown()) {
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
            postgres = %server.shown(),
            %problem,
            "Postgres cannot be reached; deliveries are refused until it is"
        );
        Ok(server)
    }

    /// Adds the settings to a builder's debug output, without the URL, which may hold a password.
    pub(super) fn show<'a, 'b, 'c>(
        &self,
        shown: &'c mut fmt::DebugStruct<'a, 'b>,
    ) -> &'c mut fmt::DebugStruct<'a, 'b> {
        shown
            .field("namespace", &self.namespace)
            .field("schema", &self.schema)
            .field("prefix", &self.prefix)
            .field("deadline", &self.deadline)
            .field("connections", &self.connections)
            .field("is_on_pool", &matches!(self.target, Target::Pool(_)))
            .field("transactions_at_once", &self.transactions_at_once)
            .field("has_driver", &self.driver.is_some())
            .field("migrate", &self.migrate)
            .field("prepare_statements", &self.prepare_statements)
            .field("refuse_at_risk", &self.refuse_at_risk)
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

/// Reads the URL. Missing parts are taken from the variables of libpq, such as `PGPASSWORD`.
pub(super) fn options(url: &str) -> Result<PgConnectOptions, PostgresConnectError> {
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
    // `sqlx` 0.9 ignores a parameter that it does not know, and logs its value.
    if !parameters_are_known(url) {
        return Err(PostgresConnectError::new(
            Kind::Url,
            "the URL has a parameter that is not known here, such as sslmode or application_name are; a \
             question mark in a password is written %3F",
        ));
    }
    // The cause may show a part of the URL, and thus of a password: it is left out.
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

fn log<C: Commands>(server: &Server<C>, report: &PostgresReport) {
    tracing::info!(
        postgres = %server.shown(),
        namespace = %server.namespace,
        "{}",
        C::STARTED
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
