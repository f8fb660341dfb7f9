//! The tasks that own a connection each: one takes what has gathered and carries it out in one transaction.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep, timeout_at};

use crate::store::sql::{Order, Placed};

use super::attempt::{Failure, Outcome, attempt, prune};
use super::batch::Batch;
use super::error::{Cause, Fault};
use super::job::{Answers, Job, Work, Write};
use super::overdue::{Commit, finished};
use super::shared::Shared;

/// So many commands go into one transaction at most.
const MOST: usize = 128;
/// How often a command is sent, its deadline permitting.
const ATTEMPTS: u32 = 3;
/// How often two transactions may have inserted the same record at the same time.
const COLLISIONS: u32 = 10;
/// The wait before another attempt where there is no connection.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Worker {
    number: usize,
    shared: Arc<Shared>,
    conn: Option<PgConnection>,
    /// What has waited for this worker, and is taken on.
    ready: Vec<Write>,
}

impl Worker {
    pub(super) fn new(number: usize, shared: Arc<Shared>) -> Self {
        Self {
            number,
            shared,
            conn: None,
            ready: Vec::new(),
        }
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
    async fn gather(&mut self) -> Option<(Vec<Write>, Option<Work>)> {
        let mut gathered = std::mem::take(&mut self.ready);
        let (mut jobs, mut next);
        if gathered.is_empty() {
            jobs = self.shared.jobs.lock().await;
            next = Some(jobs.recv().await?);
        } else if let Ok(free) = self.shared.jobs.try_lock() {
            jobs = free;
            next = jobs.try_recv().ok();
        } else {
            return Some((gathered, None));
        }
        let mut count: usize = gathered.iter().map(|job| job.orders.len()).sum();
        while let Some(job) = next {
            match job {
                Job::Read(work) => return Some((gathered, Some(work))),
                // Of who has given up already nothing is carried out.
                Job::Write(job) if !job.is_wanted() => {}
                Job::Write(job) => {
                    if let Some(job) = self.shared.flights.begin(self.number, job) {
                        count = count.saturating_add(job.orders.len());
                        gathered.push(job);
                    }
                }
            }
            if count >= MOST {
                break;
            }
            next = jobs.try_recv().ok();
        }
        Some((gathered, None))
    }

    async fn serve(&mut self, jobs: Vec<Write>) {
        let mut batch = Batch::of(jobs);
        let orders: Vec<_> = batch.orders().iter().collect();
        let is_alone = orders.len() == 1;
        match self.until(&orders, is_alone, &batch).await {
            Ok(answers) => batch.set_all(answers),
            Err(Failure { fault, .. }) if fault.meets_all() || is_alone => batch.fail(&fault),
            // What one command meets costs the others nothing.
            Err(failure) => Box::pin(self.one_by_one(&mut batch, &failure)).await,
        }
        self.ready = self.shared.flights.end(self.number, batch.orders());
        batch.reply();
        self.prune().await;
    }

    /// Those whose record somebody has locked come last: who waits for a lock holds up nobody else.
    async fn one_by_one(&mut self, batch: &mut Batch, failure: &Failure) {
        for is_patient in [false, true] {
            for (position, order) in batch.open() {
                // Whether there was a record is not to be told from a second look.
                if failure.unsure && matches!(order.order, Order::Forget(_)) {
                    batch.set(position, Err(failure.fault.clone().into()));
                    continue;
                }
                match self.until(&[&order], is_patient, batch).await {
                    Ok(own) => {
                        for answer in own {
                            batch.set(position, answer);
                        }
                    }
                    Err(Failure { fault, .. }) if fault.cause() == Cause::Locked && !is_patient => {
                    }
                    Err(Failure { fault, .. }) => batch.set(position, Err(fault.into())),
                }
            }
            batch.reply();
        }
    }

    /// All of these in one transaction, or none: again where that may help, until nobody in the batch waits
    /// any more.
    async fn until(
        &mut self,
        orders: &[&Placed],
        is_patient: bool,
        batch: &Batch,
    ) -> Result<Answers, Failure> {
        let give_up = batch.give_up();
        let forgets = |order: &&Placed| matches!(order.order, Order::Forget(_));
        let forgets = orders.iter().any(forgets);
        let (mut unsure, mut sent, mut collided) = (false, 0_u32, 0_u32);
        loop {
            let tried = self.once(orders, is_patient, give_up).await;
            let failure = match tried {
                Ok(Outcome::Done(answers)) => return Ok(answers),
                Ok(Outcome::Collided) if collided < COLLISIONS => {
                    collided = collided.saturating_add(1);
                    continue;
                }
                Ok(Outcome::Collided) => Failure::sure(Fault::new(
                    Cause::Locked,
                    "others insert the same record all the time",
                )),
                Err(failure) => failure,
            };
            let is_clean = failure.is_clean;
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
                return Err(Failure {
                    fault,
                    unsure,
                    is_clean,
                });
            }
            // An idle connection that was closed needs no wait.
            if sent > 1 || fault.cause() == Cause::Away {
                sleep(jitter(PAUSE)).await;
            }
            if Instant::now() >= give_up || !batch.is_wanted() {
                return Err(Failure {
                    fault,
                    unsure,
                    is_clean,
                });
            }
        }
    }

    /// One attempt. A connection on which anything failed is closed, never used again, unless the server
    /// has undone the transaction because of others.
    async fn once(
        &mut self,
        orders: &[&Placed],
        is_patient: bool,
        give_up: Instant,
    ) -> Result<Outcome, Failure> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => match timeout_at(give_up, self.shared.sessions.connect()).await {
                Ok(connected) => connected.map_err(Failure::sure)?,
                Err(_) => return Err(Failure::sure(Fault::slow())),
            },
        };
        // The server has its own limit; this one is for a server that says nothing.
        let limit = give_up.min(self.limit());
        let commit = Commit::default();
        let attempt = attempt(&mut conn, &self.shared, orders, is_patient, limit, &commit);
        let tried = finished(&self.shared, self.number, attempt, limit, &commit).await;
        let tried = tried.unwrap_or_else(|| {
            Err(Failure {
                fault: Fault::slow(),
                unsure: true,
                is_clean: false,
            })
        });
        if tried.as_ref().map_or_else(|it| it.is_clean, |_| true) {
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
                let (limit, commit) = (self.limit(), Commit::default());
                let reading = read(&mut conn, &self.shared, work);
                if let Some(true) =
                    finished(&self.shared, self.number, reading, limit, &commit).await
                {
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
        let Some(mut conn) = self.conn.take() else {
            return;
        };
        let Some(look) = self.shared.pruning.due(Instant::now()) else {
            self.conn = Some(conn);
            return;
        };
        let (limit, commit) = (self.limit(), Commit::default());
        let pruning = prune(&mut conn, &self.shared, look, &commit);
        match finished(&self.shared, self.number, pruning, limit, &commit).await {
            Some(Ok(())) => self.conn = Some(conn),
            Some(Err(fault)) => {
                tracing::warn!(%fault, "records whose retention is over cannot be removed");
            }
            None => {}
        }
    }

    fn limit(&self) -> Instant {
        Instant::now() + self.shared.sessions.deadline()
    }
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

/// Half of it to all of it, so that many who wait do not come back at once.
fn jitter(pause: Duration) -> Duration {
    let mut byte = [128];
    // Without random bytes it is the middle.
    let _ = getrandom::fill(&mut byte);
    let [byte] = byte;
    pause / 2 + pause / 2 * u32::from(byte) / 255
}
