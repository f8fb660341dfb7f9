//! Transactions of handlers, one at a time, on a dedicated connection to the file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions};
use sqlx::{Sqlite, Transaction, raw_sql};
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit};
use tokio::time::{Instant, timeout};

use crate::event::Name;
use crate::store::command::{Complete, Held};
use crate::store::record::{Record, State};
use crate::store::sql::{Answer, Order, Placed, ROLL_BACK, Stored, Waiting, decide};
use crate::store::token::Token;
use crate::store::transaction::{
    Begin, Finished, OpenTransaction, Opened, Ticket, TxError, TxErrorKind,
};

use super::connection::Opener;
use super::database::Database;
use super::error::{Cause, Fault};
use super::record_commands::RecordCommands;
use super::statements;

/// Comes after `BEGIN`: if the handler has ended the transaction, this savepoint is gone.
const MARK: &str = "SAVEPOINT tower_webhook_tx";
const MARK_GONE: &str = "RELEASE tower_webhook_tx";
/// How many steps of a statement run between two checks of the clock.
const STEPS: i32 = 1_000;
/// A rollback that takes longer waits for a statement that is being interrupted.
const ROLL_BACK_LIMIT: Duration = Duration::from_millis(500);

/// State that handlers' transactions of one file share.
pub(super) struct Handlers {
    options: SqliteConnectOptions,
    limit: Duration,
    /// One connection. The lock on it is the turn among the transactions.
    turn: Arc<Mutex<SqlitePool>>,
}

impl Handlers {
    pub(super) fn new(opener: &Opener, user: SqliteConnectOptions, limit: Duration) -> Self {
        let options = opener.durable(user);
        Self {
            turn: Arc::new(Mutex::new(pool(options.clone()))),
            options,
            limit,
        }
    }

    /// Closes the connection, whatever its state. The next transaction gets another one.
    async fn discard(&self, mut turn: OwnedMutexGuard<SqlitePool>) {
        let old = std::mem::replace(&mut *turn, pool(self.options.clone()));
        let _ = timeout(ROLL_BACK_LIMIT, old.close()).await;
    }
}

fn pool(options: SqliteConnectOptions) -> SqlitePool {
    let one = SqlitePoolOptions::new().max_connections(1);
    one.connect_lazy_with(options)
}

/// Begins transactions that belong to the records of one namespace.
#[derive(Clone)]
pub(super) struct SqliteTransactions {
    pub(super) handlers: Arc<Handlers>,
    pub(super) database: Arc<Database<RecordCommands>>,
    pub(super) namespace: Name,
    pub(super) waiting: Arc<Waiting>,
}

impl Begin<SqliteConnection> for SqliteTransactions {
    fn begin(
        &self,
        ticket: Ticket,
    ) -> BoxFuture<'_, Result<Box<dyn Opened<SqliteConnection>>, TxError>> {
        Box::pin(async move {
            let open: Box<dyn Opened<SqliteConnection>> = Box::new(self.open(&ticket).await?);
            Ok(open)
        })
    }
}

impl SqliteTransactions {
    async fn open(&self, ticket: &Ticket) -> Result<Open, TxError> {
        let busy = || TxError::new(TxErrorKind::Busy, "others were at the file all the time");
        let waiting = async {
            // Only the transaction with the turn waits for the file, so the writer waits for at most
            // one transaction.
            let turn = Arc::clone(&self.handlers.turn).lock_owned().await;
            (turn, self.database.gate().enter().await)
        };
        let (turn, entered) = timeout(ticket.lease, waiting).await.map_err(|_| busy())?;
        let failed = |fault: Fault| {
            let kind = match fault.cause() {
                Cause::Locked => TxErrorKind::Busy,
                _ => TxErrorKind::Database,
            };
            TxError::new(kind, "it cannot be begun").with_source(fault)
        };
        let refused = |error: sqlx::Error| failed(error.into());
        self.database.opener().is_in_place().map_err(failed)?;
        let until = Instant::now() + self.handlers.limit;
        let mut tx = turn.begin_with("BEGIN IMMEDIATE").await.map_err(refused)?;
        raw_sql(MARK).execute(&mut *tx).await.map_err(refused)?;
        let is_undone = Arc::<AtomicBool>::default();
        let (undone, seen) = (Arc::clone(&is_undone), Arc::clone(&is_undone));
        let mut handle = tx.lock_handle().await.map_err(refused)?;
        handle.set_progress_handler(STEPS, move || Instant::now() < until);
        // SQLite undoes the whole transaction if certain statements fail, for example because the disk is full:
        // https://www.sqlite.org/lang_transaction.html. Each later statement would be committed separately.
        handle.set_rollback_hook(move || undone.store(true, Ordering::Relaxed));
        handle.set_commit_hook(move || !seen.load(Ordering::Relaxed));
        drop(handle);
        Ok(Open {
            own: self.clone(),
            tx,
            turn,
            until,
            token: ticket.token,
            is_undone,
            _entered: entered,
        })
    }
}

/// The transaction of a handler. While it is open, nobody else writes.
struct Open {
    own: SqliteTransactions,
    tx: Transaction<'static, Sqlite>,
    until: Instant,
    token: Token,
    /// Whether it was rolled back: nothing more is committed on its connection then.
    is_undone: Arc<AtomicBool>,
    turn: OwnedMutexGuard<SqlitePool>,
    _entered: Option<OwnedSemaphorePermit>,
}

impl Opened<SqliteConnection> for Open {
    fn connection(&mut self) -> Option<&mut SqliteConnection> {
        Some(&mut self.tx)
    }

    fn until(&self) -> Option<Instant> {
        Some(self.until)
    }
}

impl OpenTransaction for Open {
    fn finish(self: Box<Self>, complete: Complete) -> BoxFuture<'static, Finished> {
        Box::pin((*self).finished(complete))
    }

    fn roll_back(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin((*self).rolled_back())
    }
}

/// The result of writing the record.
enum Marked {
    Done,
    Lost,
    Broken,
}

impl Open {
    async fn finished(mut self, complete: Complete) -> Finished {
        let placed = Placed::new(&self.own.namespace, Order::Complete(complete));
        let failure = match self.mark(&placed).await {
            Ok(Marked::Done) => return self.committed(placed).await,
            Ok(Marked::Lost) => Finished::Ended(Held::Fenced),
            Ok(Marked::Broken) if self.is_undone.load(Ordering::Relaxed) => Finished::Broken(
                "its transaction was rolled back, by the handler or by SQLite at a statement that failed: \
                 nothing was committed",
            ),
            Ok(Marked::Broken) => Finished::Broken(
                "the handler has ended its transaction itself: the event was not marked as done",
            ),
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

    /// Nobody else writes during this, so the record stays as it is until the commit.
    async fn mark(&mut self, placed: &Placed) -> Result<Marked, Fault> {
        // First of all: after its end, a statement would be committed separately.
        if raw_sql(MARK_GONE).execute(&mut *self.tx).await.is_err() {
            return Ok(Marked::Broken);
        }
        self.own.database.opener().is_in_place()?;
        let found = statements::read(&mut self.tx, &[placed]).await?;
        if found.is_empty() {
            return Ok(Marked::Lost);
        }
        let now = self.own.database.now();
        let (answers, changes) = decide([placed], &found, now);
        let held = matches!(answers.first(), Some(Ok(Answer::Held(Held::Held))));
        if !held || changes.is_empty() {
            return Ok(Marked::Lost);
        }
        statements::write(&mut self.tx, changes).await?;
        Ok(Marked::Done)
    }

    async fn committed(self, placed: Placed) -> Finished {
        let Self {
            own,
            tx,
            turn,
            token,
            _entered,
            ..
        } = self;
        let place = placed.place;
        let Err(error) = tx.commit().await else {
            own.waiting.hint(&place);
            return Finished::Ended(Held::Held);
        };
        own.handlers.discard(turn).await;
        drop(_entered);
        let at = place.clone();
        let reading = own
            .database
            .read(move |conn| Box::pin(async move { statements::one(conn, &at).await }));
        let found = reading.await;
        own.waiting.hint(&place);
        let Ok(found) = found else {
            return Finished::Unknown;
        };
        match found {
            Some(Stored::Record(record)) if is_done_by(&record, token) => {
                Finished::Ended(Held::Held)
            }
            _ => Finished::Failed(
                TxError::new(TxErrorKind::Database, "the commit failed")
                    .with_source(Fault::from(error)),
            ),
        }
    }

    async fn rolled_back(self) {
        let Self {
            own, mut tx, turn, ..
        } = self;
        let ending = async {
            raw_sql(ROLL_BACK).execute(&mut *tx).await?;
            tx.rollback().await
        };
        let done = timeout(ROLL_BACK_LIMIT, ending).await;
        if !matches!(done, Ok(Ok(()))) {
            // The handler has ended it itself, or a statement of it is still running.
            own.handlers.discard(turn).await;
        }
    }
}

fn is_done_by(record: &Record, token: Token) -> bool {
    matches!(&record.state, State::Done { token: own, .. } if *own == token)
}
