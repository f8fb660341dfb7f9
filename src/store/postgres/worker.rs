//! Workers, each with a connection, that carry out gathered commands in one transaction.

mod afterwards;
mod connecting;

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::aside::Aside;
use super::attempt::{Failure, Outcome, attempt};
use super::batch::{Answered, Batch};
use super::commands::{Answers, Commands};
use super::error::{Cause, Fault};
use super::job::{Job, Work, Write};
use super::link::Link;
use super::overdue::{Commit, finished};
use super::shared::Shared;

/// How long before its deadline a call fails because Postgres takes no connections.
const TIME_TO_TELL: Duration = Duration::from_millis(250);
/// The most commands in one transaction, and the bytes of content after which no more are added.
const MOST: usize = 128;
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// How often a command is sent at most, within its deadline.
const ATTEMPTS: u32 = 3;
/// How often in a row another transaction may insert one of the rows at the same time.
const COLLISIONS: u32 = 10;
/// The wait before another attempt if there is no connection.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Worker<C: Commands> {
    number: usize,
    shared: Arc<Shared<C>>,
    link: Option<Link>,
    /// How long it waits before it tries again to connect, if the last try failed.
    refused: Option<Duration>,
    /// How many commands go together: fewer if they took too long.
    most: usize,
    /// Commands that waited for this worker and can now begin.
    ready: Vec<Write<C>>,
    aside: Aside<C>,
}

impl<C: Commands> Worker<C> {
    pub(super) fn new(number: usize, shared: Arc<Shared<C>>) -> Self {
        Self {
            number,
            shared,
            link: None,
            refused: None,
            most: MOST,
            ready: Vec::new(),
            aside: Aside::new(),
        }
    }

    /// Serves until no caller is left.
    pub(super) async fn run(mut self) {
        loop {
            let gathered = match (self.aside.try_at(), self.stands_by()) {
                (Some(at), false) => timeout_at(at, self.gather()).await.ok(),
                (None, false) => Some(self.gather().await),
                // New commands are left to workers that have a connection.
                (Some(at), true) => {
                    sleep_until(at).await;
                    None
                }
                (None, true) => {
                    self.connect_beside().await;
                    continue;
                }
            };
            let reading = match gathered {
                Some(Some(reading)) => reading,
                Some(None) => break,
                None => None,
            };
            let jobs = std::mem::take(&mut self.ready);
            if !jobs.is_empty() {
                self.serve(Batch::new(jobs)).await;
            }
            if let Some(work) = reading {
                self.read(work).await;
            }
            self.try_again().await;
        }
        if let Some(link) = self.link.take() {
            let _ = link.conn.close().await;
        }
    }

    /// Takes the jobs that there are, and returns a read to do after them. If it is dropped half-way, the
    /// jobs that it took are in `ready`.
    async fn gather(&mut self) -> Option<Option<Work>> {
        let shared = Arc::clone(&self.shared);
        let gathering = &shared.gathering;
        self.take_gathered();
        let mut jobs = match self.ready.is_empty() {
            true => shared.jobs.lock().await,
            false => match shared.jobs.try_lock() {
                Ok(free) => free,
                Err(_) => return Some(None),
            },
        };
        while !self.is_full() {
            let next = match self.ready.is_empty() {
                true => tokio::select! {
                    job = jobs.recv() => Some(job?),
                    () = gathering.call() => None,
                },
                false => jobs.try_recv().ok(),
            };
            match next {
                Some(Job::Read(work)) => return Some(Some(work)),
                // Nothing is carried out for a caller that has already given up.
                Some(Job::Write(job)) if !job.is_wanted() => {}
                Some(Job::Write(job)) if C::gathers(&job.order) => {
                    gathering.wait(job, Instant::now());
                }
                Some(Job::Write(job)) => {
                    self.ready.extend(shared.flights.begin(self.number, job));
                }
                None if !self.ready.is_empty() => break,
                None => {}
            }
            self.take_gathered();
        }
        Some(None)
    }

    /// Takes gathered commands, if it is time for them to go.
    fn take_gathered(&mut self) {
        let now = Instant::now();
        while !self.is_full()
            && let Some(job) = self.shared.gathering.next(now)
        {
            if job.is_wanted() {
                self.ready
                    .extend(self.shared.flights.begin(self.number, job));
            }
        }
    }

    fn is_full(&self) -> bool {
        let bytes = self.ready.iter().map(|job| C::size(&job.order));
        self.ready.len() >= self.most || bytes.sum::<usize>() >= MOST_BYTES
    }

    async fn serve(&mut self, mut batch: Batch<C>) {
        let shared = Arc::clone(&self.shared);
        let under_way = batch.gathers().then(|| shared.gathering.begin());
        let tried = self.until(&mut batch).await;
        drop(under_way);
        match tried {
            Ok(answers) => {
                self.most = self.most.saturating_add(1).min(MOST);
                self.end(batch.answered(answers));
            }
            Err(fault) if fault.meets_all() || self.is_for_others(&batch) => {
                self.fail(batch, &fault);
            }
            Err(fault) => {
                if fault.cause() == Cause::Slow {
                    self.most = (batch.len() / 2).max(1);
                }
                let mut batches = batch.by_place();
                match batches.pop() {
                    Some(one) if batches.is_empty() => self.settle(one, fault).await,
                    last => {
                        // A fault of one row does not affect the others.
                        for batch in batches.into_iter().chain(last) {
                            match batch.is_wanted() {
                                true => self.serve_one(batch).await,
                                false => self.end(batch.failed(&fault)),
                            }
                        }
                    }
                }
            }
        }
        self.tidy_up().await;
    }

    /// Serves commands on one row.
    async fn serve_one(&mut self, mut batch: Batch<C>) {
        match self.until(&mut batch).await {
            Ok(answers) => self.end(batch.answered(answers)),
            Err(fault) => self.settle(batch, fault).await,
        }
    }

    /// Continues with commands on one row that met this fault together.
    async fn settle(&mut self, batch: Batch<C>, fault: Fault) {
        if fault.meets_all() || batch.is_over() || self.is_for_others(&batch) {
            return self.fail(batch, &fault);
        }
        if fault.cause() == Cause::Locked {
            self.shared.flights.set_aside(batch.places());
            return self.aside.push(batch, fault);
        }
        if batch.len() == 1 {
            return self.end(batch.failed(&fault));
        }
        let mut answered = Vec::with_capacity(batch.len());
        for mut one in batch.one_by_one() {
            answered.extend(match self.until(&mut one).await {
                Ok(answers) => one.answered(answers),
                Err(fault) => one.failed(&fault),
            });
        }
        self.end(answered);
    }

    /// Retries commands that wait for a lock, until one finds its row still locked.
    async fn try_again(&mut self) {
        if self.aside.try_at().is_none_or(|at| Instant::now() < at) {
            return;
        }
        self.aside.begin();
        // A command waits for a lock for half of its deadline.
        let until = Instant::now() + self.shared.sessions.deadline() / 2;
        for (batch, fault) in self.aside.over(until) {
            self.end(batch.failed(&fault));
        }
        while let Some((batch, _)) = self.aside.next() {
            self.serve_one(batch).await;
            if self.aside.try_at().is_some() {
                break;
            }
        }
        self.aside.end();
    }

    /// Answers commands, and takes on those that waited for them.
    fn end(&mut self, answered: Vec<Answered<C>>) {
        let places = answered.iter().filter_map(|(job, _)| job.place());
        let ready = self.shared.flights.end(self.number, places);
        self.ready.extend(ready);
        for (job, answer) in answered {
            job.answer(answer);
        }
    }

    /// Carries out all of these in one transaction, or none. Tries again if that may help, until no caller
    /// of the batch waits any more.
    async fn until(&mut self, batch: &mut Batch<C>) -> Result<Answers<C>, Fault> {
        let give_up = batch.give_up();
        let (mut sent, mut collided) = (0_u32, 0_u32);
        loop {
            let tried = self.once(&batch.orders(), give_up).await;
            let failure = match tried {
                Ok(Outcome::Done(answers)) => {
                    if batch.unsure {
                        self.shared.commands.may_have_changed();
                    }
                    return Ok(answers);
                }
                Ok(Outcome::Collided) if collided < COLLISIONS => {
                    collided = collided.saturating_add(1);
                    continue;
                }
                Ok(Outcome::Collided) => Failure::sure(Fault::new(
                    Cause::Locked,
                    "others insert the same row all the time",
                )),
                Err(failure) => failure,
            };
            batch.unsure |= failure.unsure;
            sent = sent.saturating_add(1);
            let fault = match batch.unsure {
                true => failure.fault.unsure(),
                false => failure.fault,
            };
            if self.is_for_others(batch) {
                return Err(fault);
            }
            let last = match fault.cause() {
                // Once the statement is planned anew, it works as before, unless this is a standby.
                Cause::Changed => sent >= 2,
                // Connecting is tried until the time is over.
                Cause::Connection | Cause::Away if self.link.is_none() && !batch.unsure => false,
                _ => sent >= ATTEMPTS,
            };
            if !fault.may_pass() || last || batch.is_over() {
                return Err(fault);
            }
            // After an idle connection was closed, no wait is needed.
            if sent > 1 || fault.cause() == Cause::Away {
                sleep(jitter(PAUSE)).await;
            }
            // Early enough to report that the server cannot be reached, not that it took too long.
            let is_away =
                self.link.is_none() && matches!(fault.cause(), Cause::Connection | Cause::Away);
            let spare = match is_away {
                true => (self.shared.sessions.deadline() / 4).min(TIME_TO_TELL),
                false => Duration::ZERO,
            };
            if Instant::now() + spare >= give_up || !batch.is_wanted() {
                return Err(fault);
            }
        }
    }

    /// Makes one attempt. A connection on which anything failed is closed and never used again, unless
    /// the server has undone the transaction because of others.
    async fn once(
        &mut self,
        orders: &[&C::Order],
        give_up: Instant,
    ) -> Result<Outcome<C>, Failure> {
        let mut link = match self.usable().await {
            Some(link) => link,
            None => self.connect(give_up).await.map_err(Failure::sure)?,
        };
        // The server has its own limit; this one is for a server that does not respond.
        let limit = give_up.min(self.limit());
        let commit = Commit::default();
        let attempt = attempt(&mut link, &self.shared, orders, limit, &commit);
        let tried = finished(&self.shared, self.number, attempt, limit, &commit).await;
        let tried = tried.unwrap_or_else(|| {
            Err(Failure {
                fault: Fault::slow(),
                unsure: true,
                is_clean: false,
            })
        });
        if let Err(failure) = &tried {
            self.shared.sessions.heed(&failure.fault);
            if failure.fault.cause() == Cause::Slow {
                link.plan_anew();
            }
        }
        if tried.as_ref().map_or_else(|it| it.is_clean, |_| true) {
            self.keep(link);
        }
        tried
    }

    async fn read(&mut self, work: Work) {
        // An idle connection may have been closed.
        let there = match self.usable().await {
            Some(mut link) => self.shared.is_there(&mut link.conn).await.then_some(link),
            None => None,
        };
        let opened = match there {
            Some(link) => Ok(link),
            None => {
                let connected = self.shared.sessions.link().await;
                self.heed(&connected);
                connected
            }
        };
        match opened {
            Ok(mut link) => {
                let (limit, commit) = (self.limit(), Commit::default());
                let reading = read(&mut link.conn, &self.shared, work);
                if let Some(true) =
                    finished(&self.shared, self.number, reading, limit, &commit).await
                {
                    self.keep(link);
                }
            }
            Err(fault) => {
                work(Err(fault)).await;
            }
        }
    }

    fn limit(&self) -> Instant {
        Instant::now() + self.shared.sessions.deadline()
    }
}

async fn read<C: Commands>(conn: &mut PgConnection, shared: &Shared<C>, work: Work) -> bool {
    match shared.sessions.begin(conn, true).await {
        Ok(mut tx) => work(Ok(&mut tx)).await && tx.rollback().await.is_ok(),
        Err(fault) => {
            work(Err(fault)).await;
            false
        }
    }
}

/// Half to all of the pause, so that many waiting tasks do not retry at the same moment.
fn jitter(pause: Duration) -> Duration {
    let mut byte = [128];
    // Without random bytes, it is the middle.
    let _ = getrandom::fill(&mut byte);
    let [byte] = byte;
    pause / 2 + pause / 2 * u32::from(byte) / 255
}
