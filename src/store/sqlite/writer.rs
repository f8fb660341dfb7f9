//! The only task that writes: it commits gathered commands together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Sqlite, Transaction};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::clock::{Clock, UnixTime};
use crate::store::error::StoreError;
use crate::store::sql::micros;

use super::connection::Opener;
use super::error::{Cause, Fault};
use super::gate::Gate;

/// The most commands in one commit.
const MOST: usize = 256;
/// Rows that are over are removed in batches of this size, one per second, or one after each commit
/// while there are more.
const PRUNED_AT_ONCE: i64 = 500;
const PRUNE_EVERY: Duration = Duration::from_secs(1);
/// How much longer a row is stored than it counts, so that it counts again if the clock is set back.
const SPARE: Duration = Duration::from_secs(300);

/// The writes to a set of tables: the records of a store, or the entries of an inbox.
pub(super) trait Commands: Send + Sync + 'static {
    /// A command with the place of its row.
    type Order: Send + Sync + 'static;
    type Answer: Send + 'static;
    /// What to note after the commit.
    type Effect: Send;

    /// The name of the thread.
    const THREAD: &'static str;
    /// What the rows are called in the log.
    const ROWS: &'static str;
    /// Finds a row whose time was over at `?1`.
    const IS_OVER: &'static str;
    /// Removes up to `?2` of them, one kind of row after the other.
    const PRUNE: &'static [&'static str];

    /// Creates the tables if there are none. Repeated if another process was in the way.
    fn set_up(
        &mut self,
        conn: &mut SqliteConnection,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Reads state that is needed before a transaction begins.
    fn prepare(
        &mut self,
        conn: &mut SqliteConnection,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Carries commands out in an open transaction, in their order.
    fn carry_out(
        &self,
        conn: &mut SqliteConnection,
        orders: &[&Self::Order],
        now: UnixTime,
    ) -> impl Future<Output = Result<CarriedOut<Self>, Fault>> + Send;

    fn committed(&mut self, effect: Self::Effect);
}

/// The result of commands.
pub(super) struct CarriedOut<C: Commands + ?Sized> {
    pub(super) answers: Answers<C>,
    /// Whether there is anything to commit.
    pub(super) wrote: bool,
    pub(super) effect: C::Effect,
}

pub(super) type Answers<C> = Vec<Result<<C as Commands>::Answer, StoreError>>;

/// Commands of one caller that waits for their answers.
pub(super) struct Job<C: Commands> {
    pub(super) orders: Vec<C::Order>,
    pub(super) reply: oneshot::Sender<Answers<C>>,
}

pub(super) struct Writer<C> {
    commands: C,
    opener: Opener,
    conn: Option<SqliteConnection>,
    clock: Arc<dyn Clock>,
    commits: Arc<AtomicU64>,
    gate: Arc<Gate>,
    prune_at: Instant,
}

impl<C: Commands> Writer<C> {
    pub(super) fn new(
        commands: C,
        opener: Opener,
        conn: SqliteConnection,
        clock: Arc<dyn Clock>,
        commits: Arc<AtomicU64>,
        gate: Arc<Gate>,
    ) -> Self {
        Self {
            commands,
            opener,
            conn: Some(conn),
            clock,
            commits,
            gate,
            prune_at: Instant::now(),
        }
    }

    /// Serves until no caller is left, and returns the connection.
    pub(super) async fn run(
        mut self,
        mut jobs: mpsc::Receiver<Job<C>>,
    ) -> Option<SqliteConnection> {
        loop {
            let first = match timeout_at(self.prune_at, jobs.recv()).await {
                Ok(Some(job)) => Some(job),
                Ok(None) => break,
                Err(_) => None,
            };
            // While a handler has its transaction open, more commands gather.
            let _entered = Arc::clone(&self.gate).enter().await;
            let gathered = gather(first, &mut jobs);
            if !gathered.is_empty() {
                self.serve(gathered).await;
            }
            if Instant::now() >= self.prune_at {
                self.prune().await;
            }
        }
        self.conn.take()
    }

    async fn serve(&mut self, jobs: Vec<Job<C>>) {
        let orders: Vec<_> = jobs.iter().flat_map(|job| &job.orders).collect();
        let mut answers = match self.transact(&orders).await {
            Ok(answers) => answers,
            Err(fault) if fault.meets_all() || orders.len() == 1 => {
                orders.iter().map(|_| Err(fault.clone().into())).collect()
            }
            // None of them was written: a fault of one command does not affect the others.
            Err(_) => Box::pin(self.one_by_one(&orders)).await,
        }
        .into_iter();
        for job in jobs {
            let own = answers.by_ref().take(job.orders.len()).collect();
            // A caller that gave up sends it again, or does not care.
            let _ = job.reply.send(own);
        }
    }

    async fn one_by_one(&mut self, orders: &[&C::Order]) -> Answers<C> {
        let mut answers = Vec::with_capacity(orders.len());
        for order in orders {
            let own = match self.transact(&[order]).await {
                Ok(own) => own,
                Err(fault) => vec![Err(fault.into())],
            };
            answers.extend(own);
        }
        answers
    }

    /// Carries out all of them in one transaction, or none.
    async fn transact(&mut self, orders: &[&C::Order]) -> Result<Answers<C>, Fault> {
        self.opener.is_in_place()?;
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.opener.writer(false).await?,
        };
        self.commands.prepare(&mut conn).await?;
        let give_up = Instant::now() + self.opener.patience;
        let (is_good, result) = loop {
            match attempt(&self.commands, &mut conn, orders, &*self.clock).await {
                // Retried at once: a busy process leaves only moments between two commits.
                (true, Err(fault))
                    if fault.cause() == Cause::Locked && Instant::now() < give_up => {}
                tried => break tried,
            }
        };
        if is_good {
            self.conn = Some(conn);
            self.opener.keep_to_this_log();
        } else {
            self.opener.forget_log();
        }
        let CarriedOut {
            answers,
            wrote,
            effect,
        } = result?;
        self.commands.committed(effect);
        if wrote {
            self.commits.fetch_add(1, Ordering::Relaxed);
        }
        Ok(answers)
    }

    /// Removes some rows whose time is over, if any.
    async fn prune(&mut self) {
        let begun = Instant::now();
        self.prune_at = begun + PRUNE_EVERY;
        let Some(mut conn) = self.conn.take() else {
            return;
        };
        let at = now(&*self.clock).saturating_sub(SPARE);
        match prune::<C>(&mut conn, at).await {
            Ok(pruned) => {
                if u64::try_from(PRUNED_AT_ONCE).is_ok_and(|most| pruned >= most) {
                    self.prune_at = begun;
                }
                self.conn = Some(conn);
            }
            Err(fault) if fault.cause() == Cause::Locked => self.conn = Some(conn),
            Err(fault) => {
                self.opener.forget_log();
                let rows = C::ROWS;
                tracing::warn!(%fault, "{rows} whose retention is over cannot be removed");
            }
        }
    }
}

/// The first job and the others that are already in the queue.
fn gather<C: Commands>(first: Option<Job<C>>, jobs: &mut mpsc::Receiver<Job<C>>) -> Vec<Job<C>> {
    let mut gathered = Vec::new();
    let mut orders = 0_usize;
    let mut next = first;
    while let Some(job) = next.or_else(|| jobs.try_recv().ok()) {
        // Nothing is carried out for a caller that has already given up.
        if !job.reply.is_closed() {
            orders = orders.saturating_add(job.orders.len());
            gathered.push(job);
        }
        if orders >= MOST {
            break;
        }
        next = None;
    }
    gathered
}

/// Takes the lock first, so that rows stay as they are read until the commit.
async fn begin(conn: &mut SqliteConnection) -> Result<Transaction<'_, Sqlite>, Fault> {
    Ok(conn.begin_with("BEGIN IMMEDIATE").await?)
}

/// The time to the microsecond, as a row holds it.
pub(super) fn now(clock: &dyn Clock) -> UnixTime {
    UnixTime::from_micros(clock.now().as_micros())
}

/// Carries commands out in a transaction. Also returns whether the connection is as it was before: one
/// that may still have a transaction is closed.
async fn attempt<C: Commands>(
    commands: &C,
    conn: &mut SqliteConnection,
    orders: &[&C::Order],
    clock: &dyn Clock,
) -> (bool, Result<CarriedOut<C>, Fault>) {
    let mut tx = match begin(conn).await {
        Ok(tx) => tx,
        // A wait for the lock in vain has done nothing.
        Err(fault) => return (fault.cause() == Cause::Locked, Err(fault)),
    };
    let now = now(clock);
    match commands.carry_out(&mut tx, orders, now).await {
        Ok(done) if done.wrote => match tx.commit().await {
            Ok(()) => (true, Ok(done)),
            Err(error) => (false, Err(error.into())),
        },
        Ok(done) => (tx.rollback().await.is_ok(), Ok(done)),
        Err(fault) => (tx.rollback().await.is_ok(), Err(fault)),
    }
}

async fn prune<C: Commands>(conn: &mut SqliteConnection, at: UnixTime) -> Result<u64, Fault> {
    let over: Option<(i64,)> = sqlx::query_as(C::IS_OVER)
        .bind(micros(at))
        .fetch_optional(&mut *conn)
        .await?;
    if over.is_none() {
        return Ok(0);
    }
    let mut tx = begin(conn).await?;
    let mut most = 0;
    for prune in C::PRUNE {
        let pruned = sqlx::query(*prune)
            .bind(micros(at))
            .bind(PRUNED_AT_ONCE)
            .execute(&mut *tx)
            .await?;
        most = most.max(pruned.rows_affected());
    }
    tx.commit().await?;
    Ok(most)
}
