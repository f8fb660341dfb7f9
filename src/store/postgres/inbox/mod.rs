//! An inbox on Postgres.

mod accepting;
mod builder;
mod contents;
mod due;
mod ending;
mod entries;
mod entry_commands;
mod front;
mod held;
mod listening;
mod looking;
mod news;
mod order_keys;
mod pieces;
mod rates;
mod records;
mod room;
mod rows;
mod schema;
mod so_far;
mod statements;
mod take;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgPool;

use crate::event::{EventKey, Name};
use crate::inbox::{
    Accept, Accepted, Begin, Begun, Discard, EntryCounts, EntryView, Extend, Finish, HeldOrderKey,
    Inbox, List, Moved, Rate, RateOf, RateView, Redrive, Route, SharedInbox, Take, Taken,
};
use crate::store::command::Held;
use crate::store::error::StoreError;
use crate::store::identity::StoreIdentity;
use crate::store::sql::Place;
use crate::store::sql::inbox::{Answer, Entries, Limits, Placed, entries as calls};
use crate::store::transaction::Transactions;

use super::check::PostgresReport;
use super::error::PostgresConnectError;
use super::server::Server;
use super::tx_records::TxRecords;
use super::tx_statements::TxStatements;

use self::entry_commands::EntryCommands;

pub use self::builder::PostgresInboxBuilder;

/// An [`Inbox`] on Postgres 13 or later: any number of receivers and workers share it, in the same database
/// as the user's data.
///
/// The documentation of [`PostgresStore`](crate::PostgresStore) about the URL, its errors, how commands run, time,
/// PgBouncer and the required settings of Postgres applies here too. Commands that arrive while all connections are
/// busy share a transaction. Events that arrive while others are being accepted wait for them, 5 ms at most, and
/// share the next one. If a store in the same schema, tables and namespace has a record of an event, the event is
/// not accepted anew: one that was handled inline is a duplicate.
///
/// # Tables
///
/// [`migrate`](PostgresInboxBuilder::migrate) makes `tower_webhook_inbox` and four related tables, and those
/// of a store, or [`migration_sql`](PostgresInboxBuilder::migration_sql) returns the SQL to run. A role that
/// only receives or works needs `SELECT`, `INSERT`, `UPDATE` and `DELETE` on all of them;
/// [connecting](PostgresInboxBuilder::connect) reports missing rights. The tables change with each step of an
/// entry, so autovacuum must stay on. While a transaction in the database is open for minutes, removed rows
/// stay in tables and indexes; workers skip them by starting each scan where the last one ended.
///
/// # Taking
///
/// Workers take entries with `FOR UPDATE SKIP LOCKED`, so none waits for another. A transaction that
/// changes an order key holds an advisory lock on it.
///
/// A worker in the process that accepts an event is notified at once. Workers of other processes are notified
/// with `NOTIFY`, sent after a commit on a separate connection, at most every 10 ms; each process listens on a
/// separate connection. A process relies on notifications once it has received one that was sent on another
/// connection. Until then, and behind a pooler, where it does not listen, it polls at least once a second, and as
/// often as [set](crate::worker::WorkerBuilder::poll_every).
///
/// # Handlers' transactions
///
/// [On a pool](Self::on_pool), handlers can take a [`Tx`](crate::Tx) in a worker too: their effect and the end
/// of the entry are committed together, or neither is.
///
/// ```no_run
/// use tower_webhook::inbox::PostgresInbox;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let inbox = PostgresInbox::builder("postgres://app@localhost/app")
///     .migrate()
///     .connect()
///     .await?;
/// # drop(inbox);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresInbox {
    server: Server<EntryCommands>,
}

impl PostgresInbox {
    /// An inbox on this Postgres, connected and checked; see [`PostgresInboxBuilder::connect`].
    ///
    /// # Errors
    ///
    /// The URL cannot be used, or Postgres refuses the connection or lacks the tables. A Postgres that
    /// cannot be reached is no error: the inbox connects when it can.
    pub async fn connect(url: impl Into<String>) -> Result<Self, PostgresConnectError> {
        Self::builder(url).connect().await
    }

    /// A builder for an inbox on this Postgres, to change its settings.
    pub fn builder(url: impl Into<String>) -> PostgresInboxBuilder {
        PostgresInboxBuilder::new(url.into())
    }

    /// An inbox on the database of this pool, for handlers that take a [`Tx`](crate::Tx) from it.
    ///
    /// The inbox's own commands run on connections of their own, made with the options last given to the pool's
    /// [`set_connect_options`](PgPool::set_connect_options), for example a password that is a token and expires.
    ///
    /// ```no_run
    /// use tower_webhook::inbox::PostgresInbox;
    ///
    /// # async fn example(pool: sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
    /// let inbox = PostgresInbox::on_pool(pool).transactions_at_once(4).connect().await?;
    /// # drop(inbox);
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_pool(pool: PgPool) -> PostgresInboxBuilder {
        PostgresInboxBuilder::on_pool(pool)
    }

    fn on(server: Server<EntryCommands>) -> Self {
        Self { server }
    }

    /// The same connections and tables, with the entries of this namespace: keys of one namespace are
    /// not seen in another.
    #[must_use]
    pub fn namespace(&self, name: Name) -> Self {
        Self::on(self.server.namespace(name))
    }

    /// Brings the tables up to date. If they already are, the role needs no right to create them.
    ///
    /// # Errors
    ///
    /// As [`PostgresStore::migrate`](crate::PostgresStore::migrate).
    pub async fn migrate(&self) -> Result<(), PostgresConnectError> {
        self.server.migrate().await
    }

    /// Reads the server's settings and reports what they put at risk.
    ///
    /// # Errors
    ///
    /// Postgres cannot be queried. A setting that it hides is no error but
    /// [unknown](crate::store::PostgresVerdict::Unknown).
    pub async fn check(&self) -> Result<PostgresReport, StoreError> {
        Ok(self.server.check().await?.of_inbox())
    }
}

impl fmt::Debug for PostgresInbox {
    /// Shows host and database, and neither user nor password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.show("PostgresInbox", f)
    }
}

impl Entries for PostgresInbox {
    type Counted = String;

    fn namespace_name(&self) -> &Name {
        &self.server.namespace
    }

    fn tell(&self) {
        self.server.database.commands().news.tell();
    }

    async fn write(
        &self,
        orders: Vec<Placed>,
    ) -> Result<Vec<Result<Answer, StoreError>>, StoreError> {
        self.server.database.write(orders).await
    }

    async fn one(&self, place: Place) -> Result<Option<EntryView>, StoreError> {
        let reading = self.server.database.read(move |conn, shared| {
            Box::pin(async move {
                let statements = &shared.commands.statements;
                looking::one(conn, statements, &place, &shared.time).await
            })
        });
        reading.await
    }

    async fn some(
        &self,
        list: &List,
        behind: String,
    ) -> Result<(Vec<EntryView>, Option<String>), StoreError> {
        let (namespace, list) = (self.server.namespace.clone(), list.clone());
        let reading = self.server.database.read(move |conn, shared| {
            Box::pin(async move {
                let statements = &shared.commands.statements;
                looking::some(conn, statements, &namespace, &list, behind, &shared.time).await
            })
        });
        reading.await
    }

    async fn count(
        &self,
        behind: Option<String>,
    ) -> Result<(EntryCounts, Option<String>), StoreError> {
        let namespace = self.server.namespace.clone();
        let reading = self.server.database.read(move |conn, shared| {
            let behind = behind.unwrap_or_default();
            Box::pin(async move {
                let statements = &shared.commands.statements;
                looking::count(conn, statements, &namespace, behind, &shared.time).await
            })
        });
        reading.await
    }
}

impl Inbox for PostgresInbox {
    /// Host and database as in the URL, the tables and the namespace.
    fn identity(&self) -> Option<StoreIdentity> {
        let own = self.server.named();
        Some(StoreIdentity::new(format!("postgres inbox {own}")))
    }

    async fn accept(&self, accept: &Accept) -> Result<Accepted, StoreError> {
        calls::accept(self, accept).await
    }

    async fn take(&self, take: &Take) -> Result<Vec<Taken>, StoreError> {
        calls::take(self, take).await
    }

    async fn begin(&self, begin: &Begin) -> Result<Begun, StoreError> {
        calls::begin(self, begin).await
    }

    async fn extend(&self, extensions: &[Extend]) -> Result<Vec<Held>, StoreError> {
        calls::extend(self, extensions).await
    }

    async fn finish(&self, finish: &Finish) -> Result<Held, StoreError> {
        calls::finish(self, finish).await
    }

    async fn wait(&self, limit: Duration) {
        self.server.database.commands().news.wait(limit).await;
    }

    /// The work is done in the inbox's own thread.
    fn for_renewals(&self) -> Option<SharedInbox> {
        Some(SharedInbox::new(self.clone()))
    }

    fn transactions(&self) -> Option<Transactions> {
        let records = TxRecords {
            database: Arc::clone(&self.server.database),
            statements: TxStatements::of_entries(&self.server.tables),
            namespace: self.server.namespace.clone(),
            // Nobody waits for an entry.
            waiting: Arc::default(),
        };
        let handlers = Arc::clone(self.server.handlers.as_ref()?);
        Some(handlers.transactions(Arc::new(records)))
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<EntryView>, StoreError> {
        calls::lookup(self, key).await
    }

    async fn list(&self, list: &List) -> Result<Vec<EntryView>, StoreError> {
        calls::list(self, list).await
    }

    async fn redrive(&self, redrive: &Redrive) -> Result<Moved, StoreError> {
        calls::redrive(self, redrive).await
    }

    async fn discard(&self, discard: &Discard) -> Result<Moved, StoreError> {
        calls::discard(self, discard).await
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        calls::forget(self, key).await
    }

    async fn forget_ended(&self, key: &EventKey) -> Result<bool, StoreError> {
        calls::forget_ended(self, key).await
    }

    async fn counts(&self) -> Result<EntryCounts, StoreError> {
        calls::counts(self).await
    }

    async fn set_paused(&self, provider: &Name, paused: bool) -> Result<bool, StoreError> {
        calls::set_paused(self, provider, paused).await
    }

    async fn paused(&self) -> Result<Vec<Name>, StoreError> {
        let namespace = self.server.namespace.clone();
        let reading = self.server.database.read(move |conn, shared| {
            Box::pin(
                async move { looking::paused(conn, &shared.commands.statements, &namespace).await },
            )
        });
        reading.await
    }

    async fn set_rate(
        &self,
        provider: &Name,
        of: RateOf,
        rate: Option<Rate>,
    ) -> Result<bool, StoreError> {
        calls::set_rate(self, provider, of, rate).await
    }

    async fn rates(&self) -> Result<Vec<RateView>, StoreError> {
        let namespace = self.server.namespace.clone();
        let reading = self.server.database.read(move |conn, shared| {
            Box::pin(async move {
                rates::all(conn, &shared.commands.statements.rates, &namespace).await
            })
        });
        Ok(Limits::of_rows(reading.await?).views())
    }

    async fn held_order_keys(
        &self,
        route: &Route,
        limit: usize,
    ) -> Result<Option<Vec<HeldOrderKey>>, StoreError> {
        let (namespace, route) = (self.server.namespace.clone(), route.clone());
        let reading = self.server.database.read(move |conn, shared| {
            Box::pin(async move {
                let statements = &shared.commands.statements;
                held::held(conn, statements, &namespace, &route, limit).await
            })
        });
        reading.await.map(Some)
    }
}

#[cfg(test)]
mod tests;
