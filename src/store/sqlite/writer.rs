//! The one task that writes: it takes what has gathered and commits it together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Sqlite, Transaction};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::clock::{Clock, UnixTime};
use crate::store::error::StoreError;
use crate::store::sql::{Answer, Placed, decide};

use super::connection::Opener;
use super::error::{Cause, Fault};
use super::gate::Gate;
use super::statements;

/// So many commands go into one commit at most.
const MOST: usize = 256;
/// Records that are over go in batches of this size, one a second, or one after each commit while
/// there are more.
const PRUNED_AT_ONCE: i64 = 500;
const PRUNE_EVERY: Duration = Duration::from_secs(1);
/// So much longer than it counts a record is there: a clock that is set back by less brings it back.
const SPARE: Duration = Duration::from_secs(300);

type Answers = Vec<Result<Answer, StoreError>>;

/// Commands of one caller, who waits for their answers.
pub(super) struct Job {
    pub(super) orders: Vec<Placed>,
    pub(super) reply: oneshot::Sender<Answers>,
}

pub(super) struct Writer {
    opener: Opener,
    conn: Option<SqliteConnection>,
    clock: Arc<dyn Clock>,
    commits: Arc<AtomicU64>,
    gate: Arc<Gate>,
    prune_at: Instant,
}

impl Writer {
    pub(super) fn new(
        opener: Opener,
        conn: SqliteConnection,
        clock: Arc<dyn Clock>,
        commits: Arc<AtomicU64>,
        gate: Arc<Gate>,
    ) -> Self {
        Self {
            opener,
            conn: Some(conn),
            clock,
            commits,
            gate,
            prune_at: Instant::now(),
        }
    }

    /// Serves until nobody can ask any more, and gives the connection back.
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) -> Option<SqliteConnection> {
        loop {
            let first = match timeout_at(self.prune_at, jobs.recv()).await {
                Ok(Some(job)) => Some(job),
                Ok(None) => break,
                Err(_) => None,
            };
            // While a handler has its transaction open, more gathers.
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

    async fn serve(&mut self, jobs: Vec<Job>) {
        let orders: Vec<_> = jobs.iter().flat_map(|job| &job.orders).collect();
        let mut answers = match self.transact(&orders).await {
            Ok(answers) => answers,
            Err(fault) if fault.meets_all() || orders.len() == 1 => {
                orders.iter().map(|_| Err(fault.clone().into())).collect()
            }
            // Nothing of it was written: what one command meets costs the others nothing.
            Err(_) => Box::pin(self.one_by_one(&orders)).await,
        }
        .into_iter();
        for job in jobs {
            let own = answers.by_ref().take(job.orders.len()).collect();
            // Who gave up sends it again, or does not care.
            let _ = job.reply.send(own);
        }
    }

    async fn one_by_one(&mut self, orders: &[&Placed]) -> Answers {
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

    /// All of them in one transaction, or none.
    async fn transact(&mut self, orders: &[&Placed]) -> Result<Answers, Fault> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.opener.writer(false).await?,
        };
        let give_up = Instant::now() + self.opener.patience;
        let (is_good, result) = loop {
            match attempt(&mut conn, orders, &*self.clock).await {
                // Asked for again at once: a process that is busy leaves only moments between two commits.
                (true, Err(fault))
                    if fault.cause() == Cause::Locked && Instant::now() < give_up => {}
                tried => break tried,
            }
        };
        if is_good {
            self.conn = Some(conn);
        }
        let Committed { answers, wrote } = result?;
        if wrote {
            self.commits.fetch_add(1, Ordering::Relaxed);
        }
        Ok(answers)
    }

    /// Removes some records whose time is over, if there are any.
    async fn prune(&mut self) {
        let begun = Instant::now();
        self.prune_at = begun + PRUNE_EVERY;
        let Some(mut conn) = self.conn.take() else {
            return;
        };
        let at = now(&*self.clock).saturating_sub(SPARE);
        match prune(&mut conn, at).await {
            Ok(pruned) => {
                if u64::try_from(PRUNED_AT_ONCE).is_ok_and(|most| pruned >= most) {
                    self.prune_at = begun;
                }
                self.conn = Some(conn);
            }
            Err(fault) if fault.cause() == Cause::Locked => self.conn = Some(conn),
            Err(fault) => {
                tracing::warn!(%fault, "records whose retention is over cannot be removed");
            }
        }
    }
}

/// What there is already, together with the first.
fn gather(first: Option<Job>, jobs: &mut mpsc::Receiver<Job>) -> Vec<Job> {
    let mut gathered = Vec::new();
    let mut orders = 0_usize;
    let mut next = first;
    while let Some(job) = next.or_else(|| jobs.try_recv().ok()) {
        // Of who has given up already nothing is carried out.
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

/// The lock is taken first: what is read stays so until the commit.
async fn begin(conn: &mut SqliteConnection) -> Result<Transaction<'_, Sqlite>, Fault> {
    Ok(conn.begin_with("BEGIN IMMEDIATE").await?)
}

/// The time to the microsecond, as a row holds it.
pub(super) fn now(clock: &dyn Clock) -> UnixTime {
    UnixTime::from_micros(clock.now().as_micros())
}

struct Committed {
    answers: Answers,
    wrote: bool,
}

/// Carries commands out in a transaction. Says also whether the connection is as it was before: one that
/// may hold a transaction is closed.
async fn attempt(
    conn: &mut SqliteConnection,
    orders: &[&Placed],
    clock: &dyn Clock,
) -> (bool, Result<Committed, Fault>) {
    let mut tx = match begin(conn).await {
        Ok(tx) => tx,
        // One that waited in vain has done nothing.
        Err(fault) => return (fault.cause() == Cause::Locked, Err(fault)),
    };
    let now = now(clock);
    match carry_out(&mut tx, orders, now).await {
        Ok(done) if done.wrote => match tx.commit().await {
            Ok(()) => (true, Ok(done)),
            Err(error) => (false, Err(error.into())),
        },
        Ok(done) => (tx.rollback().await.is_ok(), Ok(done)),
        Err(fault) => (tx.rollback().await.is_ok(), Err(fault)),
    }
}

async fn carry_out(
    conn: &mut SqliteConnection,
    orders: &[&Placed],
    now: UnixTime,
) -> Result<Committed, Fault> {
    let found = statements::read(conn, orders).await?;
    let (answers, changes) = decide(orders.iter().copied(), &found, now);
    let wrote = !changes.is_empty();
    statements::write(conn, changes).await?;
    Ok(Committed { answers, wrote })
}

async fn prune(conn: &mut SqliteConnection, at: UnixTime) -> Result<u64, Fault> {
    if !statements::is_over(conn, at).await? {
        return Ok(0);
    }
    let mut tx = begin(conn).await?;
    let pruned = statements::prune(&mut tx, at, PRUNED_AT_ONCE).await?;
    tx.commit().await?;
    Ok(pruned)
}
