//! The one task that writes: it takes what has gathered and commits it together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Sqlite, Transaction};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::clock::{Clock, UnixTime};
use crate::event::Name;
use crate::store::error::StoreError;
use crate::store::sql::{Stored, micros};
use crate::store::sqlite::connection::Opener;
use crate::store::sqlite::error::{Cause, Fault};
use crate::store::sqlite::statements as records;

use super::batch::{Found, Placed, decide};
use super::order::{Answer, Order};
use super::{looking, statements, take};

/// So many commands go into one commit at most.
const MOST: usize = 256;
/// Entries that are over go in batches of this size, one a second, or one after each commit while
/// there are more.
const PRUNED_AT_ONCE: i64 = 500;
const PRUNE_EVERY: Duration = Duration::from_secs(1);
/// So much longer than it counts an entry is there: a clock that is set back by less brings it back.
const SPARE: Duration = Duration::from_secs(300);
/// How often at most it is counted how full a full inbox is: another process may have made room.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// A command of one caller, who waits for its answer.
pub(super) struct Job {
    pub(super) placed: Placed,
    pub(super) reply: oneshot::Sender<Result<Answer, StoreError>>,
}

pub(super) struct Writer {
    opener: Opener,
    conn: Option<SqliteConnection>,
    clock: Arc<dyn Clock>,
    commits: Arc<AtomicU64>,
    capacity: u64,
    /// How many entries are not over, as far as this process knows.
    open: u64,
    counted: Instant,
    prune_at: Instant,
}

impl Writer {
    pub(super) fn new(
        opener: Opener,
        conn: SqliteConnection,
        clock: Arc<dyn Clock>,
        commits: Arc<AtomicU64>,
        capacity: u64,
        open: u64,
    ) -> Self {
        Self {
            opener,
            conn: Some(conn),
            clock,
            commits,
            capacity,
            open,
            counted: Instant::now(),
            prune_at: Instant::now(),
        }
    }

    /// Serves until nobody can ask any more.
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        loop {
            let first = match timeout_at(self.prune_at, jobs.recv()).await {
                Ok(Some(job)) => Some(job),
                Ok(None) => break,
                Err(_) => None,
            };
            let gathered = gather(first, &mut jobs);
            if !gathered.is_empty() {
                self.serve(gathered).await;
            }
            if Instant::now() >= self.prune_at {
                self.prune().await;
            }
        }
        if let Some(conn) = self.conn.take() {
            // The last one of a file puts the log into it.
            let _ = conn.close().await;
        }
    }

    async fn serve(&mut self, jobs: Vec<Job>) {
        let placed: Vec<_> = jobs.iter().map(|job| &job.placed).collect();
        let answers = match self.transact(&placed).await {
            Ok(answers) => answers,
            Err(fault) if fault.meets_all() || placed.len() == 1 => {
                placed.iter().map(|_| Err(fault.clone().into())).collect()
            }
            // Nothing of it was written: what one command meets costs the others nothing.
            Err(_) => Box::pin(self.one_by_one(&placed)).await,
        };
        for (job, answer) in jobs.into_iter().zip(answers) {
            // Who gave up sends it again, or does not care.
            let _ = job.reply.send(answer);
        }
    }

    async fn one_by_one(&mut self, placed: &[&Placed]) -> Vec<Result<Answer, StoreError>> {
        let mut answers = Vec::with_capacity(placed.len());
        for one in placed {
            match self.transact(&[one]).await {
                Ok(own) => answers.extend(own),
                Err(fault) => answers.push(Err(fault.into())),
            }
        }
        answers
    }

    /// All of them in one transaction, or none.
    async fn transact(
        &mut self,
        placed: &[&Placed],
    ) -> Result<Vec<Result<Answer, StoreError>>, Fault> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.opener.writer(false).await?,
        };
        if self.open >= self.capacity && self.counted.elapsed() >= COUNT_EVERY {
            self.open = looking::open(&mut conn).await?;
            self.counted = Instant::now();
        }
        let room = self.capacity.saturating_sub(self.open);
        let give_up = Instant::now() + self.opener.patience;
        let (is_good, result) = loop {
            match attempt(&mut conn, placed, &*self.clock, room).await {
                // Asked for again at once: a process that is busy leaves only moments between two commits.
                (true, Err(fault))
                    if fault.cause() == Cause::Locked && Instant::now() < give_up => {}
                tried => break tried,
            }
        };
        if is_good {
            self.conn = Some(conn);
        }
        let Committed {
            answers,
            wrote,
            opened,
        } = result?;
        self.open = self.open.saturating_add_signed(opened);
        if wrote {
            self.commits.fetch_add(1, Ordering::Relaxed);
        }
        Ok(answers)
    }

    /// Removes some entries whose time is over, if there are any.
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
                tracing::warn!(%fault, "entries whose retention is over cannot be removed");
            }
        }
    }
}

/// What there is already, together with the first.
fn gather(first: Option<Job>, jobs: &mut mpsc::Receiver<Job>) -> Vec<Job> {
    let mut gathered = Vec::new();
    let mut next = first;
    while let Some(job) = next.or_else(|| jobs.try_recv().ok()) {
        // Of who has given up already nothing is carried out.
        if !job.reply.is_closed() {
            gathered.push(job);
        }
        if gathered.len() >= MOST {
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
    answers: Vec<Result<Answer, StoreError>>,
    wrote: bool,
    opened: i64,
}

/// Carries commands out in a transaction. Says also whether the connection is as it was before: one that
/// may hold a transaction is closed.
async fn attempt(
    conn: &mut SqliteConnection,
    placed: &[&Placed],
    clock: &dyn Clock,
    room: u64,
) -> (bool, Result<Committed, Fault>) {
    let mut tx = match begin(conn).await {
        Ok(tx) => tx,
        // One that waited in vain has done nothing.
        Err(fault) => return (fault.cause() == Cause::Locked, Err(fault)),
    };
    let now = now(clock);
    match carry_out(&mut tx, placed, now, room).await {
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
    placed: &[&Placed],
    now: UnixTime,
    room: u64,
) -> Result<Committed, Fault> {
    let found = find(conn, placed, room).await?;
    let (decided, changes) = decide(placed, &found, now);
    let opened = changes.opened;
    let mut wrote = !changes.is_empty();
    statements::write(conn, changes).await?;
    let mut answers = Vec::with_capacity(placed.len());
    for (placed, answer) in placed.iter().zip(decided) {
        let answer = match (answer, &placed.order) {
            (Some(answer), _) => answer,
            (None, Order::Take(command)) => {
                let took = take::take(conn, &placed.namespace, command, now).await?;
                wrote |= took.wrote;
                Ok(Answer::Taken(took.taken))
            }
            (None, Order::SetPaused(provider, paused)) => {
                let changed = set_paused(conn, &placed.namespace, provider, *paused).await?;
                wrote |= changed;
                Ok(Answer::Changed(changed))
            }
            (None, _) => super::order::mixed_up(),
        };
        answers.push(answer);
    }
    Ok(Committed {
        answers,
        wrote,
        opened,
    })
}

/// What there is of the entries that these commands are about.
async fn find(conn: &mut SqliteConnection, placed: &[&Placed], room: u64) -> Result<Found, Fault> {
    let rows = statements::read(conn, placed).await?.into_iter().collect();
    let mut found = Found {
        rows,
        room,
        ..Found::default()
    };
    // Only what is not known here may be known to a store beside it.
    let places = placed.iter().filter_map(|placed| match &placed.order {
        Order::Accept(_) => placed.place.as_ref(),
        _ => None,
    });
    let places: Vec<_> = places.collect();
    if places.is_empty() {
        return Ok(found);
    }
    found.next_id = statements::next_id(conn).await?;
    let stored = records::read_places(conn, places.into_iter()).await?;
    for (at, stored) in stored {
        match stored {
            Stored::Record(record) => {
                found.records.insert(at, record);
            }
            Stored::Unreadable => {}
        }
    }
    Ok(found)
}

async fn set_paused(
    conn: &mut SqliteConnection,
    namespace: &Name,
    provider: &Name,
    paused: bool,
) -> Result<bool, Fault> {
    let sql = match paused {
        true => {
            "INSERT OR IGNORE INTO tower_webhook_inbox_paused (namespace, provider) VALUES (?, ?)"
        }
        false => "DELETE FROM tower_webhook_inbox_paused WHERE namespace = ? AND provider = ?",
    };
    let done = sqlx::query(sql)
        .bind(namespace.as_str().to_owned())
        .bind(provider.as_str().to_owned())
        .execute(conn)
        .await?;
    Ok(done.rows_affected() > 0)
}

async fn prune(conn: &mut SqliteConnection, at: UnixTime) -> Result<u64, Fault> {
    let over: Option<(i64,)> = sqlx::query_as(IS_OVER)
        .bind(micros(at))
        .fetch_optional(&mut *conn)
        .await?;
    if over.is_none() {
        return Ok(0);
    }
    let mut tx = begin(conn).await?;
    let pruned = sqlx::query(PRUNE)
        .bind(micros(at))
        .bind(PRUNED_AT_ONCE)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(pruned.rows_affected())
}

const IS_OVER: &str = "\
SELECT 1 FROM tower_webhook_inbox INDEXED BY tower_webhook_inbox_end
WHERE kept_until IS NOT NULL AND kept_until <= ?1 LIMIT 1";

/// What is over has no content any more.
const PRUNE: &str = "\
DELETE FROM tower_webhook_inbox WHERE id IN (
    SELECT id FROM tower_webhook_inbox INDEXED BY tower_webhook_inbox_end
    WHERE kept_until IS NOT NULL AND kept_until <= ?1 ORDER BY kept_until LIMIT ?2)";

/// Every statement that looks for what is over.
#[cfg(test)]
pub(super) fn all() -> Vec<String> {
    vec![IS_OVER.to_owned(), PRUNE.to_owned()]
}
