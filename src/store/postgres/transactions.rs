//! Transactions of handlers, on a pool of the user's.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction, raw_sql};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::event::Name;
use crate::printable::Printable;
use crate::rejection_cause::Chain;
use crate::store::command::{Complete, Held};
use crate::store::sql::{Place, ROLL_BACK, Waiting};
use crate::store::token::Token;
use crate::store::transaction::{
    Begin, Finished, OpenTransaction, Opened, Ticket, TxError, TxErrorKind,
};

use super::commands::Commands;
use super::database::Database;
use super::error::{Cause, Fault};
use super::tx_statements::{Completed, Done, Found, TxStatements};

/// How long a successor waits until what it has ended is over, and how often it looks.
const ENDING_LIMIT: Duration = Duration::from_secs(1);
const ENDING_PAUSE: Duration = Duration::from_millis(10);
/// A rollback that takes longer waits for a statement of the handler.
const ROLL_BACK_LIMIT: Duration = Duration::from_millis(250);
/// A commit that takes longer is looked up while it goes on.
const COMMIT_LIMIT: Duration = Duration::from_secs(1);
/// How often it is asked whether a commit without an answer was made, and for how much longer than a lease.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
const LOOK_SPARE: Duration = Duration::from_secs(5);

/// A pool of the user's, and how many of its connections are in transactions of handlers at most.
pub(super) struct TxPool {
    pool: PgPool,
    permits: Arc<Semaphore>,
}

impl TxPool {
    pub(super) fn new(pool: PgPool, at_once: usize) -> Self {
        Self {
            pool,
            permits: Arc::new(Semaphore::new(at_once)),
        }
    }
}

/// Where handlers begin transactions that go with the records of one namespace.
pub(super) struct PostgresTransactions<C: Commands> {
    pub(super) pool: Arc<TxPool>,
    pub(super) database: Arc<Database<C>>,
    pub(super) statements: Arc<TxStatements>,
    pub(super) namespace: Name,
    pub(super) waiting: Arc<Waiting>,
}

impl<C: Commands> Clone for PostgresTransactions<C> {
    fn clone(&self) -> Self {
        Self {
            pool: Arc::clone(&self.pool),
            database: Arc::clone(&self.database),
            statements: Arc::clone(&self.statements),
            namespace: self.namespace.clone(),
            waiting: Arc::clone(&self.waiting),
        }
    }
}

impl<C: Commands> Begin<PgConnection> for PostgresTransactions<C> {
    fn begin(
        &self,
        ticket: Ticket,
    ) -> BoxFuture<'_, Result<Box<dyn Opened<PgConnection>>, TxError>> {
        Box::pin(async move {
            let open = self.open(ticket).await?;
            let open: Box<dyn Opened<PgConnection>> = Box::new(open);
            Ok(open)
        })
    }
}

impl<C: Commands> PostgresTransactions<C> {
    async fn open(&self, ticket: Ticket) -> Result<Open<C>, TxError> {
        let until = Instant::now() + ticket.lease;
        let waiting = Arc::clone(&self.pool.permits).acquire_owned();
        let Ok(Ok(permit)) = timeout_at(until, waiting).await else {
            return Err(TxError::new(
                TxErrorKind::Busy,
                "as many as may be are open at once; give the store a larger pool",
            ));
        };
        let place = Place::of(&self.namespace, &ticket.key);
        let lock = self.lock_of(&place);
        let (pool, sql) = (self.pool.pool.clone(), self.statements.begin(&ticket, lock));
        // In a task of its own, which ends whoever waits: where its future is dropped behind the message,
        // `sqlx` 0.9 puts the connection back into the pool with the transaction open.
        let beginning = tokio::spawn(async move {
            let tx = pool.begin_with(AssertSqlSafe(sql)).await?;
            Ok((tx, permit))
        });
        let (tx, permit) = match timeout_at(until, beginning).await {
            Ok(Ok(begun)) => begun.map_err(|error| {
                let kind = match error {
                    sqlx::Error::PoolTimedOut => TxErrorKind::Busy,
                    _ => TxErrorKind::Database,
                };
                TxError::new(kind, "it cannot be begun").with_source(Fault::from(error))
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
        let mut open = Open {
            own: self.clone(),
            tx,
            place,
            token: ticket.token,
            lease: ticket.lease,
            permit,
        };
        // The first attempt follows nobody.
        if ticket.attempt > 1 {
            open.follow(lock).await.map_err(|fault| {
                TxError::new(TxErrorKind::Database, "it cannot be begun").with_source(fault)
            })?;
        }
        Ok(open)
    }

    /// The advisory lock by which a transaction of an event can be found.
    fn lock_of(&self, place: &Place) -> i64 {
        let mut hash = Sha256::new();
        for part in [
            self.statements.table(),
            place.namespace.as_str(),
            &place.key,
        ] {
            hash.update(part);
            hash.update([0]);
        }
        let hash = hash.finalize();
        let first: [u8; 8] = hash.first_chunk().copied().unwrap_or_default();
        i64::from_be_bytes(first)
    }

    /// Ends transactions of the event that are open still, where that is allowed and the event is held with
    /// this token. A connection of the store's own asks for it.
    async fn end_others(&self, place: &Place, token: Token) {
        let (lock, statements, at) = (
            self.lock_of(place),
            Arc::clone(&self.statements),
            place.clone(),
        );
        let ending = self.database.read(move |conn, _| {
            Box::pin(async move { statements.end_holders(conn, lock, &at, token).await })
        });
        if let Err(error) = ending.await {
            tracing::warn!(
                target: "tower_webhook",
                key = %place.key,
                error = %Printable(Chain(&error)),
                "an open transaction of the event cannot be ended; its locks stay until its statement and \
                 the idle limit are over"
            );
        }
    }

    /// Wakes whoever waits for what this event has ended.
    fn tell(&self, place: &Place, done: Done) {
        self.waiting.hint(place);
        if done.is_awaited {
            self.database.commands().is_free();
        }
    }

    /// What became of a commit without an answer.
    async fn look_up(&self, place: &Place, token: Token, lease: Duration) -> Finished {
        let looking = async {
            loop {
                let (statements, at) = (Arc::clone(&self.statements), place.clone());
                let reading = self.database.read(move |conn, _| {
                    Box::pin(async move { statements.found(conn, &at, token).await })
                });
                match reading.await {
                    Ok(found) => return found,
                    // While the commit goes on, its row is locked.
                    Err(_) => sleep(LOOK_PAUSE).await,
                }
            }
        };
        match timeout(lease.saturating_add(LOOK_SPARE), looking).await {
            Ok(Found::Done) => Finished::Ended(Held::Held),
            Ok(Found::Held) => Finished::Failed(TxError::new(
                TxErrorKind::Database,
                "the connection broke at the commit, which was not made",
            )),
            Ok(Found::Lost) => Finished::Ended(Held::Fenced),
            Err(_) => Finished::Unknown,
        }
    }
}

/// A transaction of a handler.
struct Open<C: Commands> {
    own: PostgresTransactions<C>,
    tx: Transaction<'static, Postgres>,
    place: Place,
    token: Token,
    lease: Duration,
    permit: OwnedSemaphorePermit,
}

impl<C: Commands> Opened<PgConnection> for Open<C> {
    fn connection(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

impl<C: Commands> OpenTransaction for Open<C> {
    fn finish(self: Box<Self>, complete: Complete) -> BoxFuture<'static, Finished> {
        Box::pin((*self).finished(complete))
    }

    fn roll_back(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin((*self).rolled_back())
    }
}

impl<C: Commands> Open<C> {
    /// Takes the lock of the event, from an earlier holder if there is one.
    async fn follow(&mut self, lock: i64) -> Result<(), Fault> {
        let own = self.own.clone();
        if own.statements.lock(&mut self.tx, lock).await? {
            return Ok(());
        }
        tracing::warn!(
            target: "tower_webhook",
            key = %self.place.key,
            "an earlier holder of the event has its transaction open still: it is ended"
        );
        own.end_others(&self.place, self.token).await;
        let ending = async {
            while !own.statements.lock(&mut self.tx, lock).await? {
                sleep(ENDING_PAUSE).await;
            }
            Ok(())
        };
        // Whoever it is, it cannot finish the event any more.
        timeout(ENDING_LIMIT, ending).await.unwrap_or(Ok(()))
    }

    async fn rolled_back(self) {
        let Self {
            own,
            mut tx,
            place,
            token,
            ..
        } = self;
        let ending = async {
            raw_sql(ROLL_BACK).execute(&mut *tx).await?;
            tx.rollback().await
        };
        if timeout(ROLL_BACK_LIMIT, ending).await.is_err() {
            // A statement whose future was dropped goes on there, with its locks.
            own.end_others(&place, token).await;
        }
    }

    async fn finished(mut self, complete: Complete) -> Finished {
        let own = self.own.clone();
        let completed = own
            .statements
            .complete(&mut self.tx, &self.place, &complete);
        // It may wait for a statement of the handler whose future was dropped, or for a server that is away.
        let completed = timeout(self.lease, completed).await;
        let failure = match completed.unwrap_or_else(|_| Err(Fault::slow())) {
            Ok(Completed::Done(done)) => return self.committed(done).await,
            Ok(Completed::Lost) => Finished::Ended(Held::Fenced),
            Ok(Completed::Broken(why)) => Finished::Broken(why),
            // Before its commit a transaction is undone whatever becomes of the connection.
            Err(fault) => Finished::Failed(
                TxError::new(
                    TxErrorKind::Database,
                    "the event cannot be marked as done in it",
                )
                .with_source(fault),
            ),
        };
        self.rolled_back().await;
        failure
    }

    async fn committed(self, done: Done) -> Finished {
        let Self {
            own,
            tx,
            place,
            token,
            lease,
            permit,
        } = self;
        let mut committing: BoxFuture<'static, _> = match done.is_nested {
            false => Box::pin(tx.commit()),
            true => Box::pin(commit_all(tx)),
        };
        let fault = match timeout(COMMIT_LIMIT, &mut committing).await {
            Ok(Ok(())) => {
                own.tell(&place, done);
                return Finished::Ended(Held::Held);
            }
            Ok(Err(error)) => Some(Fault::from(error)),
            Err(_) => {
                // It goes on, and has its connection, while it is looked up.
                tokio::spawn(async move {
                    let _permit = permit;
                    committing.await
                });
                None
            }
        };
        match fault {
            Some(fault) if !matches!(fault.cause(), Cause::Connection | Cause::Away) => {
                let error = TxError::new(TxErrorKind::Database, "the commit failed");
                Finished::Failed(error.with_source(fault))
            }
            _ => {
                let found = own.look_up(&place, token, lease).await;
                own.tell(&place, done);
                found
            }
        }
    }
}

/// Commits with whatever savepoints there are: one that its handler has forgotten would `sqlx` release, and
/// not commit.
async fn commit_all(mut tx: Transaction<'static, Postgres>) -> Result<(), sqlx::Error> {
    raw_sql("COMMIT").execute(&mut *tx).await?;
    // So that `sqlx` counts none either. The server knows of none any more, and says so in its log.
    let _ = tx.rollback().await;
    Ok(())
}
