//! The tasks that own a connection each: one takes what has gathered and carries it out in one transaction.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};

use crate::store::sql::{Order, Placed};

use super::attempt::{Answers, Failure, Job, Outcome, Shared, Work, attempt};
use super::error::{Cause, Fault};
use super::statements;

/// So many commands go into one transaction at most.
const MOST: usize = 128;
/// How often a command is sent, its deadline permitting.
const ATTEMPTS: u32 = 3;
/// How often two transactions may have inserted the same record at the same time.
const COLLISIONS: u32 = 10;
/// The wait before another attempt where there is no connection.
const PAUSE: Duration = Duration::from_millis(50);
/// Records that are over go in batches of this size, one a second, or one after each transaction while
/// there are more.
const PRUNED_AT_ONCE: i64 = 500;
const PRUNE_EVERY: Duration = Duration::from_secs(1);
/// So much longer than it counts a record is there: a clock that is set back by less brings it back.
const SPARE: Duration = Duration::from_secs(300);

pub(super) struct Worker {
    shared: Arc<Shared>,
    conn: Option<PgConnection>,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, conn: None }
    }

    /// Serves until nobody can ask any more.
    pub(super) async fn run(mut self) {
        while let Some((gathered, reading)) = self.gather().await {
            if !gathered.is_empty() {
                self.serve(gathered).await;
            }
            if let Some(work) = reading {
                self.read(work).await;
            }
        }
        if let Some(conn) = self.conn.take() {
            let _ = conn.close().await;
        }
    }

    /// What there is to do: commands that go together, and something to read after them.
    async fn gather(&self) -> Option<(Vec<Gathered>, Option<Work>)> {
        let mut jobs = self.shared.jobs.lock().await;
        let mut next = Some(jobs.recv().await?);
        let (mut gathered, mut count) = (Vec::new(), 0_usize);
        while let Some(job) = next {
            match job {
                Job::Read(work) => return Some((gathered, Some(work))),
                // Of who has given up already nothing is carried out.
                Job::Write { reply, .. } if reply.is_closed() => {}
                Job::Write {
                    orders,
                    give_up,
                    reply,
                } => {
                    count = count.saturating_add(orders.len());
                    gathered.push(Gathered {
                        orders,
                        give_up,
                        reply,
                    });
                }
            }
            if count >= MOST {
                break;
            }
            next = jobs.try_recv().ok();
        }
        Some((gathered, None))
    }

    async fn serve(&mut self, jobs: Vec<Gathered>) {
        let orders: Vec<_> = jobs.iter().flat_map(|job| &job.orders).collect();
        let give_up = jobs.iter().map(|job| job.give_up).max();
        let give_up = give_up.unwrap_or_else(Instant::now);
        let answers = match self.until(&orders, give_up).await {
            Ok(answers) => answers,
            Err(Failure { fault, .. }) if fault.meets_all() || orders.len() == 1 => {
                orders.iter().map(|_| Err(fault.clone().into())).collect()
            }
            // What one command meets costs the others nothing.
            Err(failure) => Box::pin(self.one_by_one(&orders, give_up, &failure)).await,
        };
        let mut answers = answers.into_iter();
        for job in jobs {
            let own = answers.by_ref().take(job.orders.len()).collect();
            // Who gave up sends it again, or does not care.
            let _ = job.reply.send(own);
        }
        self.prune().await;
    }

    async fn one_by_one(
        &mut self,
        orders: &[&Placed],
        give_up: Instant,
        failure: &Failure,
    ) -> Answers {
        let mut answers = Vec::with_capacity(orders.len());
        for order in orders {
            // Whether there was a record is not to be told from a second look.
            if failure.unsure && matches!(order.order, Order::Forget(_)) {
                answers.push(Err(failure.fault.clone().into()));
                continue;
            }
            match self.until(&[order], give_up).await {
                Ok(own) => answers.extend(own),
                Err(Failure { fault, .. }) => answers.push(Err(fault.into())),
            }
        }
        answers
    }

    /// All of them in one transaction, or none: again where that may help, until then.
    async fn until(&mut self, orders: &[&Placed], give_up: Instant) -> Result<Answers, Failure> {
        let forgets = |order: &&Placed| matches!(order.order, Order::Forget(_));
        let forgets = orders.iter().any(forgets);
        let (mut unsure, mut sent, mut collided) = (false, 0_u32, 0_u32);
        loop {
            let tried = self.once(orders, give_up).await;
            let failure = match tried {
                Ok(Outcome::Done(answers)) => return Ok(answers),
                Ok(Outcome::Collided) if collided < COLLISIONS => {
                    collided = collided.saturating_add(1);
                    continue;
                }
                Ok(Outcome::Collided) => Failure {
                    fault: Fault::new(Cause::Locked, "others insert the same record all the time"),
                    unsure: false,
                },
                Err(failure) => failure,
            };
            unsure |= failure.unsure;
            sent = sent.saturating_add(1);
            let fault = if unsure {
                failure.fault.unsure()
            } else {
                failure.fault
            };
            let last = match fault.cause() {
                // Once the statement is planned anew it is as before, unless this is a standby.
                Cause::Changed => sent >= 2,
                // Connecting is tried until the time is over.
                Cause::Connection | Cause::Away if self.conn.is_none() && !unsure => false,
                _ => sent >= ATTEMPTS,
            };
            if !fault.may_pass() || last || (unsure && forgets) {
                return Err(Failure { fault, unsure });
            }
            // An idle connection that was closed needs no wait.
            if sent > 1 || fault.cause() == Cause::Away {
                sleep(jitter(PAUSE)).await;
            }
            if Instant::now() >= give_up {
                return Err(Failure { fault, unsure });
            }
        }
    }

    /// One attempt. A connection on which anything failed is closed, never used again.
    async fn once(&mut self, orders: &[&Placed], give_up: Instant) -> Result<Outcome, Failure> {
        let sure = |fault| Failure {
            fault,
            unsure: false,
        };
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => match timeout_at(give_up, self.shared.sessions.connect()).await {
                Ok(connected) => connected.map_err(sure)?,
                Err(_) => return Err(sure(Fault::slow())),
            },
        };
        // The server has its own limit; this one is for a server that says nothing.
        let limit = Instant::now() + self.shared.sessions.deadline();
        let attempt = attempt(&mut conn, &self.shared, orders);
        let tried = match timeout_at(limit, Box::pin(attempt)).await {
            Ok(tried) => tried,
            Err(_) => Err(Failure {
                fault: Fault::slow(),
                unsure: true,
            }),
        };
        if tried.is_ok() {
            self.conn = Some(conn);
        }
        tried
    }

    async fn read(&mut self, work: Work) {
        // One that has stood idle may have been closed.
        if let Some(conn) = &mut self.conn
            && !self.shared.is_there(conn).await
        {
            self.conn = None;
        }
        let opened = match self.conn.take() {
            Some(conn) => Ok(conn),
            None => self.shared.sessions.connect().await,
        };
        match opened {
            Ok(mut conn) => {
                let limit = Instant::now() + self.shared.sessions.deadline();
                let reading = Box::pin(read(&mut conn, &self.shared, work));
                if let Ok(true) = timeout_at(limit, reading).await {
                    self.conn = Some(conn);
                }
            }
            Err(fault) => {
                work(Err(fault)).await;
            }
        }
    }

    /// Removes some records whose time is over, if it is time to look.
    async fn prune(&mut self) {
        let begun = Instant::now();
        {
            let mut at = lock(&self.shared.prune_at);
            if begun < *at {
                return;
            }
            *at = begun + PRUNE_EVERY;
        }
        let Some(mut conn) = self.conn.take() else {
            return;
        };
        let limit = begun + self.shared.sessions.deadline();
        match timeout_at(limit, Box::pin(prune(&mut conn, &self.shared))).await {
            Ok(Ok(pruned)) => {
                if u64::try_from(PRUNED_AT_ONCE).is_ok_and(|most| pruned >= most) {
                    *lock(&self.shared.prune_at) = begun;
                }
                self.conn = Some(conn);
            }
            Ok(Err(fault)) => {
                tracing::warn!(%fault, "records whose retention is over cannot be removed");
            }
            Err(_) => {}
        }
    }
}

/// Commands of one caller.
struct Gathered {
    orders: Vec<Placed>,
    give_up: Instant,
    reply: oneshot::Sender<Answers>,
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing can fail half-way while one is held.
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

async fn read(conn: &mut PgConnection, shared: &Shared, work: Work) -> bool {
    match shared.sessions.begin(conn, true).await {
        Ok(mut tx) => work(Ok(&mut tx)).await && tx.rollback().await.is_ok(),
        Err(fault) => {
            work(Err(fault)).await;
            false
        }
    }
}

async fn prune(conn: &mut PgConnection, shared: &Shared) -> Result<u64, Fault> {
    let mut tx = shared.sessions.begin(conn, false).await?;
    let now = shared.time(statements::now(&mut tx).await?);
    let at = now.saturating_sub(SPARE);
    let pruned = statements::prune(&mut tx, &shared.statements, at, PRUNED_AT_ONCE).await?;
    tx.commit().await?;
    Ok(pruned)
}

/// Half of it to all of it, so that many who wait do not come back at once.
fn jitter(pause: Duration) -> Duration {
    let mut byte = [128];
    // Without random bytes it is the middle.
    let _ = getrandom::fill(&mut byte);
    let [byte] = byte;
    pause / 2 + pause / 2 * u32::from(byte) / 255
}
