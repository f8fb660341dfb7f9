//! A store on Postgres.

mod aside;
mod attempt;
mod batch;
mod builder;
mod check;
mod commands;
mod database;
mod error;
mod flights;
mod gathering;
mod idle;
#[cfg(feature = "inbox")]
mod inbox;
mod job;
mod journal;
mod kept;
mod link;
mod overdue;
mod pruning;
mod record_commands;
mod rights;
mod rows;
mod schema;
mod server;
mod session;
mod settings;
mod shared;
mod sql;
mod statements;
mod table;
mod told;
mod transactions;
mod tx_driver;
mod tx_records;
mod tx_sqlx;
mod tx_statements;
mod tx_text;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::event::{EventKey, Name};
use sqlx::postgres::PgPool;

use super::Store;
use super::command::{Claim, ClaimOutcome, Complete, Counts, Held, RecordView, Release, Renew};
use super::error::StoreError;
use super::identity::StoreIdentity;
use super::shared::SharedStore;
use super::sql::{Order, Waiting, records};
use super::transaction::Transactions;

use self::record_commands::RecordCommands;
use self::server::Server;
use self::tx_records::TxRecords;
use self::tx_statements::TxStatements;

pub use self::builder::PostgresStoreBuilder;
pub use self::check::{PostgresFinding, PostgresReport, PostgresSetting, PostgresVerdict};
pub use self::error::{PostgresConnectError, PostgresConnectErrorKind};
#[cfg(feature = "inbox")]
pub use self::inbox::{PostgresInbox, PostgresInboxBuilder};
pub use self::journal::PostgresJournal;
pub use self::tx_driver::TxDriver;

/// A [`Store`] on Postgres 13 or later: its records are in the same database as the user's data,
/// and any number of receivers share them.
///
/// The URL has the form `postgres://user:password@host:port/database`; missing parts are taken from the
/// variables of libpq, such as `PGPASSWORD` and `PGSSLMODE`. TLS needs the feature `postgres-tls`;
/// `?sslmode=verify-full` then requires a trusted certificate that names the host.
///
/// # Tables
///
/// [`migrate`](PostgresStoreBuilder::migrate) makes the tables and brings them up to date, or
/// [`migration_sql`](PostgresStoreBuilder::migration_sql) returns the SQL to run. A table of this crate's own holds
/// their version. An older version of this crate works with newer tables, or reports at its start that it does not. A
/// role that only receives needs `SELECT`, `INSERT`, `UPDATE` and `DELETE` on the table of records, and `SELECT` on
/// that of versions; [connecting](PostgresStoreBuilder::connect) reports missing rights.
///
/// Records whose retention is over are removed while the store is in use, up to 500 at a time, skipping rows that
/// others have locked. If removing that many takes longer than the deadline, fewer are removed at a time.
///
/// # How commands run
///
/// A command is one short transaction that locks its record, applies the rules and writes. Commands that arrive while
/// all connections are busy share one; if one of them fails, they are carried out one by one. After a serialization
/// failure or a deadlock, commands are sent again, up to three times in total and while a caller waits for the
/// answer. The same applies if a lost connection leaves the result open, which every command on a record tolerates.
/// While there is no connection, the store tries to connect until the deadline. If Postgres has fewer connections
/// left than the store may use, it continues with those. A connection that was idle for 30 s is checked before use.
/// All times are the server's. No setting of the role or the database matters: each transaction begins with the
/// isolation, the time limits and the search path that it needs. The only setting of the session is its mark, if
/// statements are [prepared](PostgresStoreBuilder::prepare_statements).
///
/// A call that is dropped half-way is finished by the store's own task, or never begun. A connection on
/// which anything failed is closed and not used again, unless the server has undone the transaction because
/// of another one.
///
/// A commit may have no answer for a long time, for example while a synchronous standby is away. Its
/// connection is then kept until the answer arrives, and later commands on its records are refused. If all
/// connections are in that state, every call is refused at once. After ten deadlines, and then less and less
/// often, the store asks the server on a temporary connection whether it is still at that commit.
///
/// # PgBouncer
///
/// Transaction mode works with PgBouncer's default settings: everything runs between `BEGIN` and `COMMIT`, and
/// nothing is prepared under a name. Migrations work through it too. With `PGOPTIONS` or `?options=…`, it refuses
/// connections.
///
/// If Postgres is reached directly, statements [are prepared](PostgresStoreBuilder::prepare_statements), which saves
/// the server work with each command. A connection proves that with the setting `tower_webhook.link`, which it
/// requests as it begins. PgBouncer refuses that and logs it, once for each of the first connections; the store
/// continues without it. With `prepare_statements(false)`, the setting is not requested.
///
/// # What Postgres must be set to
///
/// The records are as safe as Postgres keeps them. An event whose record is lost runs again if its sender
/// sends it again; for one that was not answered with success, the sender is still responsible.
///
/// | set | what it gives | weaker means |
/// | --- | --- | --- |
/// | `fsync on`, `full_page_writes on` | records survive a crash of the machine | the whole database may be damaged |
/// | a logged table, as migrations make it | records survive a crash of Postgres | they are all lost |
/// | `synchronous_commit on` | acknowledged records survive a crash | a crash loses the last moments |
/// | a replica, and `synchronous_standby_names` | a failover loses nothing | a failover loses what had not reached a replica |
///
/// The start-up [check](PostgresStore::check) reads these settings, and the log reports what they put at
/// risk. [`refuse_at_risk`](PostgresStoreBuilder::refuse_at_risk) refuses to start without the first two.
///
/// # Waiting and runtimes
///
/// [`Store::wait`] polls the record's state every 25 to 250 ms, once for all tasks in this process that wait for a
/// key. A thread of this crate drives all connections, so they do not depend on any other runtime.
///
/// ```no_run
/// use tower_webhook::{Name, PostgresStore};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::builder("postgres://app@localhost/app")
///     .migrate()
///     .namespace(Name::new("sandbox")?)
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresStore {
    server: Server<RecordCommands>,
    waiting: Arc<Waiting>,
}

impl PostgresStore {
    /// A store on this Postgres, connected and checked; see [`PostgresStoreBuilder::connect`].
    ///
    /// # Errors
    ///
    /// The URL cannot be used, or Postgres refuses the connection or lacks the tables. A Postgres that
    /// cannot be reached is no error: the store connects when it can.
    pub async fn connect(url: impl Into<String>) -> Result<Self, PostgresConnectError> {
        Self::builder(url).connect().await
    }

    /// A builder for a store on this Postgres, to change its settings.
    pub fn builder(url: impl Into<String>) -> PostgresStoreBuilder {
        PostgresStoreBuilder::new(url.into())
    }

    /// A store on the database of this pool, for handlers that take a [`Tx`](crate::Tx) from it.
    ///
    /// The store's own commands run on connections of their own, made with the options last given to the pool's
    /// [`set_connect_options`](PgPool::set_connect_options), for example a password that is a token and expires.
    ///
    /// ```no_run
    /// use tower_webhook::PostgresStore;
    ///
    /// # async fn example(pool: sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
    /// let store = PostgresStore::on_pool(pool).transactions_at_once(4).connect().await?;
    /// # drop(store);
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_pool(pool: PgPool) -> PostgresStoreBuilder {
        PostgresStoreBuilder::on_pool(pool)
    }

    fn on(server: Server<RecordCommands>) -> Self {
        Self {
            server,
            waiting: Arc::default(),
        }
    }

    /// The same connections and tables, with the records of this namespace: keys of one namespace are
    /// not seen in another. The same name gives the same records.
    #[must_use]
    pub fn namespace(&self, name: Name) -> Self {
        Self::on(self.server.namespace(name))
    }

    /// Brings the tables up to date. If they already are, the role needs no right to create them.
    ///
    /// # Errors
    ///
    /// Postgres cannot be reached, refuses, or does not finish within 30 s; another process has been
    /// migrating for over 5 s; or the tables are of an incompatible version.
    pub async fn migrate(&self) -> Result<(), PostgresConnectError> {
        self.server.migrate().await
    }

    /// Reads the server's settings and reports what they put at risk.
    ///
    /// # Errors
    ///
    /// Postgres cannot be queried. A setting that it hides is no error but
    /// [unknown](PostgresVerdict::Unknown).
    pub async fn check(&self) -> Result<PostgresReport, StoreError> {
        self.server.check().await
    }
}

impl fmt::Debug for PostgresStore {
    /// Shows host and database, but neither user nor password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.show("PostgresStore", f)
    }
}

impl Store for PostgresStore {
    /// Host and database as in the URL, the tables and the namespace.
    fn identity(&self) -> Option<StoreIdentity> {
        let own = self.server.named();
        Some(StoreIdentity::new(format!("postgres {own}")))
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        let answer = records::run(self, Order::Claim(claim.clone())).await?;
        answer.claim()
    }

    async fn complete(&self, complete: &Complete) -> Result<Held, StoreError> {
        let answer = records::run(self, Order::Complete(complete.clone())).await?;
        answer.held()
    }

    async fn release(&self, release: &Release) -> Result<Held, StoreError> {
        let answer = records::run(self, Order::Release(release.clone())).await?;
        answer.held()
    }

    async fn renew(&self, renewals: &[Renew]) -> Result<Vec<Held>, StoreError> {
        records::renew(self, renewals).await
    }

    /// The work is done in the store's own thread.
    fn for_renewals(&self) -> Option<SharedStore> {
        Some(SharedStore::new(self.clone()))
    }

    fn transactions(&self) -> Option<Transactions> {
        let records = TxRecords {
            database: Arc::clone(&self.server.database),
            statements: TxStatements::of_records(&self.server.tables),
            namespace: self.server.namespace.clone(),
            waiting: Arc::clone(&self.waiting),
        };
        let handlers = Arc::clone(self.server.handlers.as_ref()?);
        Some(handlers.transactions(Arc::new(records)))
    }

    async fn wait(&self, key: &EventKey, limit: Duration) {
        records::wait(self, key, limit).await;
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<RecordView>, StoreError> {
        records::lookup(self, key).await
    }

    async fn lookup_many(&self, keys: &[EventKey]) -> Result<Vec<Option<RecordView>>, StoreError> {
        records::lookup_many(self, keys).await
    }

    /// If it is unknown whether the command was carried out, it is not sent again: a second one could not
    /// tell whether there was a record.
    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        let answer = records::run(self, Order::Forget(key.clone())).await?;
        answer.forgotten()
    }

    async fn forget_done(&self, key: &EventKey) -> Result<bool, StoreError> {
        let answer = records::run(self, Order::ForgetDone(key.clone())).await?;
        answer.forgotten()
    }

    async fn unfinished(
        &self,
        provider: &Name,
        limit: usize,
    ) -> Result<Vec<RecordView>, StoreError> {
        records::unfinished(self, provider, limit).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        records::counts(self).await
    }
}

#[cfg(test)]
mod tests;
