use std::fmt;
use std::time::Duration;

use sqlx::postgres::PgPool;

use crate::event::Name;
use crate::store::postgres::error::PostgresConnectError;
use crate::store::postgres::settings::ServerSettings;
use crate::store::postgres::tx_driver::TxDriver;

use super::PostgresInbox;
use super::entry_commands::EntryCommands;

const DEFAULT_CAPACITY: u64 = 1_000_000;

/// Settings of a [`PostgresInbox`]; see [`PostgresInbox::builder`].
///
/// ```no_run
/// use std::time::Duration;
/// use tower_webhook::Name;
/// use tower_webhook::inbox::PostgresInbox;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let inbox = PostgresInbox::builder("postgres://app@localhost/app")
///     .migrate()
///     .namespace(Name::new("sandbox")?)
///     .capacity(10_000)
///     .deadline(Duration::from_secs(2))
///     .connect()
///     .await?;
/// # drop(inbox);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct PostgresInboxBuilder {
    pub(super) settings: ServerSettings,
    capacity: u64,
}

impl PostgresInboxBuilder {
    pub(super) fn new(url: String) -> Self {
        Self::of(ServerSettings::of_url(url))
    }

    pub(super) fn on_pool(pool: PgPool) -> Self {
        Self::of(ServerSettings::on_pool(pool))
    }

    fn of(settings: ServerSettings) -> Self {
        Self {
            settings,
            capacity: DEFAULT_CAPACITY,
        }
    }

    /// Keeps the entries apart from those of other namespaces of the same tables; `default` unless set.
    pub fn namespace(mut self, name: Name) -> Self {
        self.settings.namespace = Some(name);
        self
    }

    /// The schema that holds the tables; see
    /// [`PostgresStoreBuilder::schema`](crate::store::PostgresStoreBuilder::schema).
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.settings.schema = Some(schema.into());
        self
    }

    /// The prefix of the table names; see
    /// [`PostgresStoreBuilder::table_prefix`](crate::store::PostgresStoreBuilder::table_prefix).
    pub fn table_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.settings.prefix = Some(prefix.into());
        self
    }

    /// How long any call may take, whatever Postgres does; 1 s unless set, at most a day. The server is
    /// instructed to give up a statement after that time, or after half of it if another transaction holds
    /// the entry.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// The maximum number of connections; 8 unless set, 1 to 1,000. One more notifies other processes of new
    /// events, and if a worker waits for entries, another one listens. Both are made again if they break.
    pub fn connections(mut self, connections: u32) -> Self {
        self.settings.connections = connections;
        self
    }

    /// How many entries that are not done, discarded or stale the tables hold, across all their namespaces; a
    /// million unless set. Beyond that, new events get the not-now status. If several processes accept, each learns
    /// within 10 s what the others have accepted; until then, the limit may be exceeded.
    pub fn capacity(mut self, entries: u64) -> Self {
        self.capacity = entries;
        self
    }

    /// The maximum number of [`Tx`](crate::Tx) of handlers that are open at once, on an inbox that was made
    /// [on a pool](PostgresInbox::on_pool); one fewer than the pool has connections unless set. Others wait.
    ///
    /// The pool must be larger. Otherwise a handler with a transaction that asks the pool for a second
    /// connection could wait for handlers that wait for the same.
    pub fn transactions_at_once(mut self, most: u32) -> Self {
        self.settings.transactions_at_once = Some(most);
        self
    }

    /// Begins the [`Tx`](crate::Tx) of handlers with this driver, at most this many at once; at least one. It is for
    /// an inbox made from a URL, and connects to the same database.
    pub fn transactions_by(mut self, driver: impl TxDriver, at_once: u32) -> Self {
        self.settings.driver(driver, at_once);
        self
    }

    /// Makes [`connect`](Self::connect) bring the tables up to date, for which the role needs the rights:
    /// those of the inbox, and those of a store in the same place, in which events are looked up.
    pub fn migrate(mut self) -> Self {
        self.settings.migrate = true;
        self
    }

    /// Whether each connection prepares each statement once; unless set, it does if Postgres is reached directly. See
    /// [`PostgresStoreBuilder::prepare_statements`](crate::store::PostgresStoreBuilder::prepare_statements).
    pub fn prepare_statements(mut self, prepares: bool) -> Self {
        self.settings.prepare_statements = Some(prepares);
        self
    }

    /// Makes [`connect`](Self::connect) fail if the start-up check finds entries
    /// [at risk](crate::store::PostgresVerdict::AtRisk), or cannot be made; see
    /// [`PostgresStoreBuilder::refuse_at_risk`](crate::store::PostgresStoreBuilder::refuse_at_risk).
    pub fn refuse_at_risk(mut self) -> Self {
        self.settings.refuse_at_risk = true;
        self
    }

    /// The SQL that makes the tables, to run migrations by other means; it may be run again.
    ///
    /// # Errors
    ///
    /// A schema or a prefix that cannot be used.
    pub fn migration_sql(&self) -> Result<String, PostgresConnectError> {
        self.settings.migration_sql::<EntryCommands>()
    }

    /// The inbox, without contacting Postgres: connections are made when they are needed.
    ///
    /// # Errors
    ///
    /// A URL or a setting that cannot be used.
    pub fn build(self) -> Result<PostgresInbox, PostgresConnectError> {
        let Self { settings, capacity } = self;
        let deadline = settings.deadline;
        let server = settings.build(|tables, preparing| {
            EntryCommands::new(tables, preparing, (capacity, deadline))
        })?;
        Ok(PostgresInbox::on(server))
    }

    /// The inbox, connected, with its tables and settings checked and logged.
    ///
    /// If Postgres cannot be reached, it logs that and continues: deliveries are refused with the not-now
    /// status until Postgres is back.
    ///
    /// # Errors
    ///
    /// As [`PostgresStoreBuilder::connect`](crate::store::PostgresStoreBuilder::connect).
    pub async fn connect(self) -> Result<PostgresInbox, PostgresConnectError> {
        let Self { settings, capacity } = self;
        let deadline = settings.deadline;
        let server = settings.connect(|tables, preparing| {
            EntryCommands::new(tables, preparing, (capacity, deadline))
        });
        Ok(PostgresInbox::on(server.await?))
    }
}

impl fmt::Debug for PostgresInboxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("PostgresInboxBuilder");
        let shown = self.settings.show(&mut shown);
        shown
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
