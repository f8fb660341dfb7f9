//! Transactions of handlers, on connections of the user.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::store::command::{Complete, Held};
use crate::store::sql::Place;
use crate::store::token::Token;
use crate::store::transaction::{
    Begin, Finished, OpenTransaction, Opened, Ticket, Transactions, TxError, TxErrorKind,
};

use super::error::Fault;
use super::tx_records::{Records, lock_of};
use super::tx_statements::{Completed, Done, TxStatements};

/// How long a successor waits for a terminated session to end, and how often it checks.
const ENDING_LIMIT: Duration = Duration::from_secs(1);
const ENDING_PAUSE: Duration = Duration::from_millis(10);
/// A rollback that takes longer waits for a statement of the handler.
const ROLL_BACK_LIMIT: Duration = Duration::from_millis(250);
/// A commit that takes longer is looked up while it continues.
const COMMIT_LIMIT: Duration = Duration::from_secs(1);

/// The source of handlers' connections, for any driver.
pub(super) trait Connections: Send + Sync + 'static {
    /// The connection for a handler's statements.
    type Connection: Send + 'static;
    /// A connection in its transaction. Dropping it ends the transaction before the next use.
    type Open: Send + 'static;
    type Error: Error + Send + Sync + 'static;

    /// Returns a connection on which these statements have begun a transaction.
    fn begin(&self, sql: String) -> BoxFuture<'static, Result<Self::Open, Self::Error>>;

    fn connection(open: &mut Self::Open) -> Option<&mut Self::Connection>;

    /// Takes the lock, unless another session has it.
    fn lock(
        open: &mut Self::Open,
        lock: i64,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Marks the event as done if it is held, in the transaction that was begun.
    fn complete(
        open: &mut Self::Open,
        statements: &TxStatements,
        place: &Place,
        complete: &Complete,
    ) -> impl Future<Output = Result<Completed, Self::Error>> + Send;

    fn roll_back(open: Self::Open) -> impl Future<Output = ()> + Send;

    /// Commits, even if savepoints still exist.
    fn commit(open: Self::Open, is_nested: bool) -> BoxFuture<'static, Result<(), Self::Error>>;

    /// Whether no connection was free.
    fn is_busy(error: &Self::Error) -> bool;

    /// Whether it is unknown what the server has done.
    fn is_unanswered(error: &Self::Error) -> bool;
}

/// Connections for handlers, and how many may be in transactions.
pub(super) struct TxPool<K> {
    connections: K,
    permits: Arc<Semaphore>,
}

impl<K> TxPool<K> {
    pub(super) fn new(connections: K, at_once: usize) -> Self {
        Self {
            connections,
            permits: Arc::new(Semaphore::new(at_once)),
        }
    }
}

/// A `TxPool` of any driver.
pub(super) trait AnyTxPool: Send + Sync {
    /// Transactions that belong to these records.
    fn transactions(self: Arc<Self>, records: Arc<dyn Records>) -> Transactions;
}

impl<K: Connections> AnyTxPool for TxPool<K> {
    fn transactions(self: Arc<Self>, records: Arc<dyn Records>) -> Transactions {
        Transactions::of(PostgresTransactions {
            pool: self,
            records,
        })
    }
}

/// Begins the transactions of handlers.
struct PostgresTransactions<K> {
    pool: Arc<TxPool<K>>,
    records: Arc<dyn Records>,
}

impl<K: Connections> Begin<K::Connection> for PostgresTransactions<K> {
    fn begin(
        &self,
        ticket: Ticket,
    ) -> BoxFuture<'_, Result<Box<dyn Opened<K::Connection>>, TxError>> {
        Box::pin(async move {
            let open = self.open(ticket).await?;
            let open: Box<dyn Opened<K::Connection>> = Box::new(open);
            Ok(open)
        })
    }
}

impl<K: Connections> PostgresTransactions<K> {
    async fn open(&self, ticket: Ticket) -> Result<Open<K>, TxError> {
        let until = Instant::now() + ticket.lease;
        let waiting = Arc::clone(&self.pool.permits).acquire_owned();
        let Ok(Ok(permit)) = timeout_at(until, waiting).await else {
            return Err(TxError::new(
                TxErrorKind::Busy,
                "as many as may be are open at once; give the store a larger pool",
            ));
        };
        let (place, statements) = (self.records.place(&ticket.key), self.records.statements());
        let lock = lock_of(statements, &place);
        let begun = self.pool.connections.begin(statements.begin(&ticket, lock));
        // In a task of its own, which outlives the caller: if this future is dropped after the message
        // was sent, `sqlx` 0.9 puts the connection back into the pool with the transaction open.
        let beginning = tokio::spawn(async move { Ok((begun.await?, permit)) });
        let (tx, permit) = match timeout_at(until, beginning).await {
            Ok(Ok(begun)) => begun.map_err(|error: K::Error| {
                let kind = match K::is_busy(&error) {
                    true => TxErrorKind::Busy,
                    false => TxErrorKind::Database,
                };
                TxError::new(kind, "it cannot be begun").with_source(error)
            })?,
            Ok(Err(ended)) => {
                let error = TxError::new(TxErrorKind::Database, "it cannot be begun");
                return Err(error.with_source(ended));
            }
            Err(_) => {
                return Err(TxError::new(
                    TxErrorKind::Busy,
                    "no connection of the pool was free, and answered, within a lease",
                ));
            }
        };
        let mut open = Open::<K> {
            records: Arc::clone(&self.records),
            tx,
            place,
            token: ticket.token,
            lease: ticket.lease,
            permit,
        };
        // The first attempt has no predecessor.
        if ticket.attempt > 1 {
            open.follow(lock).await.map_err(|error| {
                TxError::new(TxErrorKind::Database, "it cannot be begun").with_source(error)
            })?;
        }
        Ok(open)
    }
}

/// A transaction of a handler.
struct Open<K: Connections> {
    records: Arc<dyn Records>,
    tx: K::Open,
    place: Place,
    token: Token,
    lease: Duration,
    permit: OwnedSemaphorePermit,
}

impl<K: Connections> Opened<K::Connection> for Open<K> {
    fn connection(&mut self) -> Option<&mut K::Connection> {
        K::connection(&mut self.tx)
    }
}

impl<K: Connections> OpenTransaction for Open<K> {
    fn finish(self: Box<Self>, complete: Complete) -> BoxFuture<'static, Finished> {
        Box::pin((*self).finished(complete))
    }

    fn roll_back(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin((*self).rolled_back())
    }
}

impl<K: Connections> Open<K> {
    /// Takes the lock of the event, from an earlier holder if there is one.
    async fn follow(&mut self, lock: i64) -> Result<(), K::Error> {
        if K::lock(&mut self.tx, lock).await? {
            return Ok(());
        }
        tracing::warn!(
            target: "tower_webhook",
            key = %self.place.key,
            "an earlier holder of the event has its transaction open still: it is ended"
        );
        self.records.end_others(&self.place, self.token).await;
        let ending = async {
            while !K::lock(&mut self.tx, lock).await? {
                sleep(ENDING_PAUSE).await;
            }
            Ok(())
        };
        // Whoever still has the lock cannot finish the event any more.
        timeout(ENDING_LIMIT, ending).await.unwrap_or(Ok(()))
    }

    async fn rolled_back(self) {
        let Self {
            records,
            tx,
            place,
            token,
            ..
        } = self;
        if timeout(ROLL_BACK_LIMIT, K::roll_back(tx)).await.is_err() {
            // A statement whose future was dropped is still running there, with its locks.
            records.end_others(&place, token).await;
        }
    }

    async fn finished(mut self, complete: Complete) -> Finished {
        let records = Arc::clone(&self.records);
        let completed = K::complete(&mut self.tx, records.statements(), &self.place, &complete);
        // It may wait for a dropped statement of the handler, or for a server that is away.
        let refused = || {
            TxError::new(
                TxErrorKind::Database,
                "the event cannot be marked as done in it",
            )
        };
        let failure = match timeout(self.lease, completed).await {
            Ok(Ok(Completed::Done(done))) => return self.committed(done).await,
            Ok(Ok(Completed::Lost)) => Finished::Ended(Held::Fenced),
            Ok(Ok(Completed::Broken(why))) => Finished::Broken(why),
            // Before its commit, a transaction is undone whatever happens to the connection.
            Ok(Err(error)) => Finished::Failed(refused().with_source(error)),
            Err(_) => Finished::Failed(refused().with_source(Fault::slow())),
        };
        self.rolled_back().await;
        failure
    }

    async fn committed(self, done: Done) -> Finished {
        let Self {
            records,
            tx,
            place,
            token,
            lease,
            permit,
        } = self;
        let mut committing = K::commit(tx, done.is_nested);
        let error = match timeout(COMMIT_LIMIT, &mut committing).await {
            Ok(Ok(())) => {
                records.tell(&place, done);
                return Finished::Ended(Held::Held);
            }
            Ok(Err(error)) => Some(error),
            Err(_) => {
                // The commit continues, with its connection, while its result is looked up.
                tokio::spawn(async move {
                    let _permit = permit;
                    committing.await
                });
                None
            }
        };
        match error {
            Some(error) if !K::is_unanswered(&error) => {
                let failed = TxError::new(TxErrorKind::Database, "the commit failed");
                Finished::Failed(failed.with_source(error))
            }
            _ => {
                let found = records.look_up(&place, token, lease).await;
                records.tell(&place, done);
                found
            }
        }
    }
}
