//! The settings of a store on Postgres.

use std::fmt;
use std::time::Duration;

use sqlx::postgres::PgPool;

use crate::event::Name;

use super::PostgresStore;
use super::error::PostgresConnectError;
use super::record_commands::RecordCommands;
use super::settings::ServerSettings;
use super::tx_driver::TxDriver;

/// Settings of a [`PostgresStore`]; see [`PostgresStore::builder`].
#[must_use]
pub struct PostgresStoreBuilder {
    pub(super) settings: ServerSettings,
}

impl PostgresStoreBuilder {
    pub(super) fn new(url: String) -> Self {
        let settings = ServerSettings::of_url(url);
        Self { settings }
    }

    pub(super) fn on_pool(pool: PgPool) -> Self {
        let settings = ServerSettings::on_pool(pool);
        Self { settings }
    }

    /// Keeps the records apart from those of other namespaces of the same tables; `default` unless set.
    /// For example, use one namespace each for sandbox and production.
    pub fn namespace(mut self, name: Name) -> Self {
        self.settings.namespace = Some(name);
        self
    }

    /// The schema that holds the tables; `public` unless set. Up to 63 of `a-z`, `0-9` and `_`, with no
    /// digit first.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.settings.schema = Some(schema.into());
        self
    }

    /// The prefix of the table names; `tower_webhook_` unless set. Up to 40 of `a-z`, `0-9` and `_`, with
    /// no digit first.
    pub fn table_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.settings.prefix = Some(prefix.into());
        self
    }

    /// How long any call may take, whatever Postgres does; 1 s unless set, at most a day. The server is instructed
    /// to give up a statement after that time, or after half of it if another transaction holds the record.
    ///
    /// Scanning all records, as [`Store::counts`](crate::store::Store::counts) does, takes two calls for each 20,000
    /// of them. The layers above have a limit of their own, which is at most the sender's time limit for an answer.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// The maximum number of connections; 8 unless set, 1 to 1,000. Commands that arrive while all are
    /// busy are carried out together by the next free connection. A connection whose call has no answer
    /// yet counts. Finding out the result of such a call, and migrating, briefly take one more.
    pub fn connections(mut self, connections: u32) -> Self {
        self.settings.connections = connections;
        self
    }

    /// The maximum number of [`Tx`](crate::Tx) of handlers that are open at once, on a store that was made
    /// [on a pool](PostgresStore::on_pool); one fewer than the pool has connections unless set. Others wait.
    ///
    /// The pool must be larger. Otherwise a handler with a transaction that asks the pool for a second
    /// connection could wait for handlers that wait for the same.
    pub fn transactions_at_once(mut self, most: u32) -> Self {
        self.settings.transactions_at_once = Some(most);
        self
    }

    /// Begins the [`Tx`](crate::Tx) of handlers with this driver, at most this many at once; at least one. It is for
    /// a store made from a URL, and connects to the same database.
    pub fn transactions_by(mut self, driver: impl TxDriver, at_once: u32) -> Self {
        self.settings.driver(driver, at_once);
        self
    }

    /// Makes [`connect`](Self::connect) bring the tables up to date, for which the role needs the
    /// rights. If several processes do so at once, one works and the others wait for it.
    pub fn migrate(mut self) -> Self {
        self.settings.migrate = true;
        self
    }

    /// Whether each connection prepares each statement once, which saves Postgres from parsing and planning it each
    /// time, and saves a round trip. Unless set, it does if Postgres is reached directly.
    ///
    /// Behind a pooler in transaction mode, the next session may not know a prepared name, or may have another
    /// client's statement under it. So each connection begins by asking for a setting with a random value: only a
    /// session that the server started for this connection has it. PgBouncer refuses such a setting; the store then
    /// connects again without it and prepares nothing. `true` prepares without that proof, for a pooler that keeps a
    /// session for each client; `false` prepares nothing and asks for no setting.
    ///
    /// Each transaction checks again whose session it runs in. As soon as it finds another session, the store logs
    /// that and prepares nothing more; the statements that it had prepared stay in the pooler's sessions as long as
    /// those live. Read-only queries are not prepared, nor are the statements of a handler's [`Tx`](crate::Tx).
    ///
    /// ```no_run
    /// use tower_webhook::PostgresStore;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// // PgBouncer is detected anyway, but with this its log stays free of refused settings.
    /// let store = PostgresStore::builder("postgres://app@bouncer:6432/app").prepare_statements(false);
    /// let store = store.connect().await?;
    /// # drop(store);
    /// # Ok(())
    /// # }
    /// ```
    pub fn prepare_statements(mut self, prepares: bool) -> Self {
        self.settings.prepare_statements = Some(prepares);
        self
    }

    /// Makes [`connect`](Self::connect) fail if the start-up check finds records
    /// [at risk](super::PostgresVerdict::AtRisk), or cannot be made.
    ///
    /// Records are at risk with `fsync` or `full_page_writes` off, and with a table that was made `UNLOGGED`.
    /// Settings that are [weak](super::PostgresVerdict::Weak) or [hidden](super::PostgresVerdict::Unknown) are
    /// logged, and the store starts.
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
        self.settings.migration_sql::<RecordCommands>()
    }

    /// The store, without contacting Postgres: connections are made when they are needed.
    ///
    /// # Errors
    ///
    /// A URL or a setting that cannot be used, such as a pool that is not larger than the number of
    /// transactions that may be open at once.
    pub fn build(self) -> Result<PostgresStore, PostgresConnectError> {
        let server = self.settings.build(RecordCommands::new)?;
        Ok(PostgresStore::on(server))
    }

    /// The store, connected, with its tables and settings checked and logged.
    ///
    /// If Postgres cannot be reached, it logs that and continues: a receiver that starts during an
    /// outage refuses deliveries with the not-now status until Postgres is back.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build), and also if Postgres refuses the connection, the tables are missing or of an
    /// incompatible version, the role lacks a right in them, or [`refuse_at_risk`](Self::refuse_at_risk) applies. A
    /// Postgres that cannot be reached is an error only if the tables were [to be brought up to date](Self::migrate).
    pub async fn connect(self) -> Result<PostgresStore, PostgresConnectError> {
        let server = self.settings.connect(RecordCommands::new).await?;
        Ok(PostgresStore::on(server))
    }
}

impl fmt::Debug for PostgresStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("PostgresStoreBuilder");
        self.settings.show(&mut shown).finish_non_exhaustive()
    }
}
