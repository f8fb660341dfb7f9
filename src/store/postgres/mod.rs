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

/// A [`Store`] on Postgres 13 or later: its records are where the user's data is, and any number of
/// receivers share them.
///
/// The URL reads `postgres://user:password@host:port/database`; what it lacks is taken from the variables
/// of libpq, such as `PGPASSWORD` and `PGSSLMODE`. TLS needs the feature `postgres-tls`;
/// `?sslmode=verify-full` then demands a certificate that is trusted and names the host.
///
/// # Tables
///
/// [`migrate`](PostgresStoreBuilder::migrate) makes the tables and brings them up to date, or
/// [`migration_sql`](PostgresStoreBuilder::migration_sql) prints what to run. Which version they are of
/// stands in a table of this crate's own. An older version of this crate works with newer tables, or says
/// at its start that it does not. A role that only receives needs `SELECT`, `INSERT`, `UPDATE` and
/// `DELETE` on the table of records, and `SELECT` on that of versions; [connecting](PostgresStoreBuilder::connect) says
/// which is lacking.
///
/// Records whose retention is over are removed while the store is in use, up to 500 at a time, past rows
/// that others are at; fewer at a time where so many take longer than the deadline.
///
/// # How commands run
///
/// A command is one short transaction that locks its record, asks the rules and writes. Commands that
/// come while all connections are busy share one; they are carried out one by one where one of them
/// fails. Serialization failures and deadlocks are sent again, up to three times in all and while somebody
/// waits for the answer; so is what a lost connection leaves open, which every command of a record bears.
/// While there is no connection, one is tried for until the deadline. Where Postgres has fewer left than the store may
/// have, it goes on with those. One that was idle for 30 s is asked whether it is still there. Time is that of the server. No
/// setting of the role or the database matters: each transaction begins with the isolation, the time limits
/// and the search path that it needs, and nothing is set for the session but its mark where statements are
/// [prepared](PostgresStoreBuilder::prepare_statements).
///
/// A call that is dropped half-way is finished by the store's own task, or not begun. A connection on
/// which anything failed is closed and not used again, unless the server has undone the transaction because
/// of another one.
///
/// A commit may have no answer for long, as while a synchronous standby is away. Its connection is then
/// kept until the answer comes, later commands on its records are refused, and when all connections are kept
/// so, every call is refused at once. After ten deadlines, and then less and less often, the server is asked
/// over one more connection, which ends with the answer, whether it is still at that commit.
///
/// # PgBouncer
///
/// Transaction mode works, as it is shipped: all runs between `BEGIN` and `COMMIT`, and nothing is prepared under a
/// name. Migrations work through it too. With `PGOPTIONS` or `?options=…` it refuses connections.
///
/// Where Postgres is reached directly, statements [are prepared](PostgresStoreBuilder::prepare_statements), which spares
/// the server work with each command. A connection shows that by the setting `tower_webhook.link`, which it asks for as
/// it begins. PgBouncer refuses that and says so in its log, once for each of the first connections; the store goes on
/// without. With `prepare_statements(false)` nothing is asked.
///
/// # What Postgres must be set to
///
/// The records are as safe as Postgres keeps them. An event whose record is lost runs again if its sender
/// sends it again; one that was not answered with success is still the sender's.
///
/// | set | what it gives | weaker means |
/// | --- | --- | --- |
/// | `fsync on`, `full_page_writes on` | records survive a crash of the machine | the whole database may be damaged |
/// | a table that is logged, as it is made | records survive a crash of Postgres | they are all lost |
/// | `synchronous_commit on` | what was acknowledged survives a crash | a crash loses the last moments |
/// | a replica, and `synchronous_standby_names` | a failover loses nothing | a failover loses what had not reached a replica |
///
/// The start-up [check](PostgresStore::check) reads these settings and the log says what they put at risk.
/// [`refuse_at_risk`](PostgresStoreBuilder::refuse_at_risk) refuses to start without the first two.
///
/// # Waiting and runtimes
///
/// [`Store::wait`] asks for the record's state every 25 to 250 ms, once for all who wait for a key in this
/// process. A thread of this crate's drives all connections, so no runtime has to go on for them.
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
    /// A URL that cannot be used, or a Postgres that refuses the connection or lacks the tables. One that
    /// cannot be reached is no error: the store connects when it can.
    pub async fn connect(url: impl Into<String>) -> Result<Self, PostgresConnectError> {
        Self::builder(url).connect().await
    }

    /// A store on this Postgres, with settings of its own.
    pub fn builder(url: impl Into<String>) -> PostgresStoreBuilder {
        PostgresStoreBuilder::new(url.into())
    }

    /// A store on the database of this pool, for handlers that take a [`Tx`](crate::Tx) from it.
    ///
    /// The store's own commands run on connections of their own, made as those of the pool are: with what its
    /// [`set_connect_options`](PgPool::set_connect_options) was told last, as with a password that is a token and
    /// expires.
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

    /// The same connections and tables with the records of this namespace: keys of one namespace are not
    /// seen in another. The same name gives the same records.
    #[must_use]
    pub fn namespace(&self, name: Name) -> Self {
        Self::on(self.server.namespace(name))
    }

    /// Brings the tables up to date. Where they are, the role needs no right to make them.
    ///
    /// # Errors
    ///
    /// Postgres cannot be reached, refuses, or has not done it within 30 s; another process has been at it
    /// for over 5 s; the tables are of a version that this one cannot work with.
    pub async fn migrate(&self) -> Result<(), PostgresConnectError> {
        self.server.migrate().await
    }

    /// Asks the server for its settings and says what they put at risk.
    ///
    /// # Errors
    ///
    /// Postgres cannot be asked. What it hides is no error but [unknown](PostgresVerdict::Unknown).
    pub async fn check(&self) -> Result<PostgresReport, StoreError> {
        self.server.check().await
    }
}

impl fmt::Debug for PostgresStore {
    /// Shows host and database, and neither user nor password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.show("PostgresStore", f)
    }
}

impl Store for PostgresStore {
    /// Host and database as the URL names them, the tables and the namespace.
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

    /// The work is done in a thread of the store's own.
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

    /// Where it is not known whether the command was carried out, it is not sent again: a second one could
    /// not say whether there was a record.
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
