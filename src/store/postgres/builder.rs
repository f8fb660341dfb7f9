//! How a store on Postgres is set up.

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
    /// Sandbox and production are two.
    pub fn namespace(mut self, name: Name) -> Self {
        self.settings.namespace = Some(name);
        self
    }

    /// The schema that the tables are in; `public` unless set. Up to 63 of `a-z`, `0-9` and `_`, with no
    /// digit first.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.settings.schema = Some(schema.into());
        self
    }

    /// What the names of the tables begin with; `tower_webhook_` unless set. Up to 40 of `a-z`, `0-9` and
    /// `_`, with no digit first.
    pub fn table_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.settings.prefix = Some(prefix.into());
        self
    }

    /// How long any call may take, whatever Postgres does; 1 s unless set, at most a day. The server is
    /// told to give up a statement then, and after half of it where another transaction holds the record.
    ///
    /// Going through all records, as [`Store::counts`](crate::store::Store::counts) does, is two calls for
    /// each 20,000 of them. The layers above have a limit of their own: at most the sender's time to
    /// answer.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// How many connections there are at most; 8 unless set, 1 to 1,000. Commands that come while all are
    /// busy are carried out together by the next that is free. One whose call has no answer yet counts; to
    /// ask what became of it, and to migrate, there is one more for a moment.
    pub fn connections(mut self, connections: u32) -> Self {
        self.settings.connections = connections;
        self
    }

    /// How many [`Tx`](crate::Tx) of handlers are open at once at most, on a store that was made
    /// [on a pool](PostgresStore::on_pool); one fewer than the pool has connections unless set. Others wait.
    ///
    /// The pool must be larger: a handler with a transaction that asks the pool for a second connection would
    /// wait for those who wait for the same.
    pub fn transactions_at_once(mut self, most: u32) -> Self {
        self.settings.transactions_at_once = Some(most);
        self
    }

    /// Begins the [`Tx`](crate::Tx) of handlers by this driver, and so many at once at most; at least one. It is for
    /// a store of a URL, and connects to the same database.
    pub fn transactions_by(mut self, driver: impl TxDriver, at_once: u32) -> Self {
        self.settings.driver(driver, at_once);
        self
    }

    /// Has [`connect`](Self::connect) bring the tables up to date, which the role must be allowed to. Of
    /// several processes that do so at once one works and the others wait for it.
    pub fn migrate(mut self) -> Self {
        self.settings.migrate = true;
        self
    }

    /// Whether each statement is prepared once for each connection, which spares Postgres the parsing and planning of it
    /// each time, and the way a round trip; where Postgres is reached directly, unless set.
    ///
    /// Behind a pooler in transaction mode a prepared name may be unknown to the next session, or another client's. So a
    /// connection asks, as it begins, for a setting with a random value: only a session that the server began for this
    /// connection has it. PgBouncer refuses such a setting, and the store connects again without it and prepares
    /// nothing. `true` prepares without that proof, for a pooler that keeps a session for each client; `false` prepares
    /// nothing and asks for nothing.
    ///
    /// Each transaction asks again whose session it is in. As soon as another one answers, the store says so in the log
    /// and prepares nothing more; what it had prepared stays in the pooler's sessions for as long as they live. What
    /// only looks is not prepared, and neither are the statements of a handler's [`Tx`](crate::Tx).
    ///
    /// ```no_run
    /// use tower_webhook::PostgresStore;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// // Behind PgBouncer it is found out; said, its log has nothing to tell of it.
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

    /// Has [`connect`](Self::connect) fail where the start-up check finds records
    /// [at risk](super::PostgresVerdict::AtRisk), or cannot be made.
    ///
    /// That is so with `fsync` or `full_page_writes` off, and with a table that was made `UNLOGGED`. What
    /// is [weak](super::PostgresVerdict::Weak) or [hidden](super::PostgresVerdict::Unknown) is logged, and the store
    /// starts.
    pub fn refuse_at_risk(mut self) -> Self {
        self.settings.refuse_at_risk = true;
        self
    }

    /// The SQL that makes the tables, for whoever runs migrations by other means; it may be run again.
    ///
    /// # Errors
    ///
    /// A schema or a prefix that cannot be used.
    pub fn migration_sql(&self) -> Result<String, PostgresConnectError> {
        self.settings.migration_sql::<RecordCommands>()
    }

    /// The store, without a word to Postgres: connections are made when they are needed.
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
    /// Where Postgres cannot be reached it says so in the log and goes on: a receiver that starts during
    /// an outage refuses deliveries with the not-now status until Postgres is back.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build); Postgres refuses the connection; the tables are not there, or of a
    /// version that this one cannot work with; the role lacks a right in them; what
    /// [`refuse_at_risk`](Self::refuse_at_risk) refuses; and a Postgres that cannot be reached, where the tables were
    /// [to be brought up to date](Self::migrate).
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
