//! A database and the thread that works on it, over some connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use futures_util::future::{BoxFuture, join_all};
use sqlx::postgres::PgConnection;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::commands::{Answers, Commands, ServerTime};
use super::error::{Cause, Fault};
use super::flights::{Flights, overdue};
use super::gathering::Gathering;
use super::job::{Job, Work, Write};
use super::pruning::Pruning;
use super::session::Sessions;
use super::shared::Shared;
use super::worker::Worker;
use crate::clock::UnixTime;
use crate::store::error::{StoreError, StoreErrorKind};

/// How many callers wait in the queue; others wait for a place in it.
const LINE: usize = 1_024;

/// A database, shared by all its users in this process.
///
/// It needs only a timer from the runtime that it is called in: its thread has a runtime of its own,
/// and finishes work whose caller was dropped.
pub(super) struct Database<C: Commands> {
    shared: Arc<Shared<C>>,
    jobs: mpsc::Sender<Job<C>>,
}

impl<C: Commands> Database<C> {
    /// Starts to serve over this many connections, which are made when needed.
    pub(super) fn start(
        sessions: Sessions,
        commands: C,
        connections: u32,
        time: ServerTime,
    ) -> Result<Self, Fault> {
        let (jobs, receiver) = mpsc::channel(LINE);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let workers = usize::try_from(connections).unwrap_or(usize::MAX);
        let shared = Arc::new(Shared {
            sessions,
            commands,
            time,
            jobs: Mutex::new(receiver),
            flights: Flights::new(),
            gathering: Gathering::new(),
            workers,
            overdue: AtomicUsize::new(0),
            asking: Mutex::new(()),
            commits: AtomicU64::new(0),
            pruning: Pruning::new(Instant::now()),
        });
        let own = Arc::clone(&shared);
        let serving = async move {
            let beside = own.commands.beside(own.sessions.clone());
            tokio::spawn(beside);
            let workers = (0..workers).map(|number| {
                let worker = Worker::new(number, Arc::clone(&own));
                tokio::spawn(worker.run())
            });
            join_all(workers.collect::<Vec<_>>()).await;
        };
        let started = runtime.and_then(|runtime| {
            let thread = thread::Builder::new().name(C::THREAD.to_owned());
            thread.spawn(move || runtime.block_on(serving))
        });
        started.map_err(|error| Fault::new(Cause::Connection, error.to_string()))?;
        Ok(Self { shared, jobs })
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.shared.sessions
    }

    /// How many transactions have written data.
    pub(super) fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    pub(super) fn commands(&self) -> &C {
        &self.shared.commands
    }

    /// The time that applies to rows when the server reports this.
    pub(super) fn time(&self, told: UnixTime) -> UnixTime {
        self.shared.time.of(told)
    }

    /// Carries commands out and returns their answers, in their order.
    pub(super) async fn write(&self, orders: Vec<C::Order>) -> Result<Answers<C>, StoreError> {
        let give_up = Instant::now() + self.sessions().deadline();
        let asking = async {
            // Each is a job of its own, so that a wait for a lock does not hold up others.
            let mut waiting = Vec::with_capacity(orders.len());
            for order in orders {
                let (reply, answer) = oneshot::channel();
                let job = Write {
                    order,
                    give_up,
                    reply,
                };
                let sent = self.jobs.send(Job::Write(job)).await;
                sent.map_err(|_| Fault::ended())?;
                waiting.push(answer);
            }
            let answers = join_all(waiting).await.into_iter();
            answers
                .map(|answer| answer.map_err(|_| Fault::ended()))
                .collect()
        };
        self.in_time(asking).await
    }

    /// Reads in a transaction.
    pub(super) async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut PgConnection, &'c Shared<C>) -> BoxFuture<'c, Result<T, Fault>>
            + Send
            + 'static,
    {
        self.in_time(self.reading(work)).await
    }

    /// Reads for the start-up check, which reports the fault.
    pub(super) async fn reading<T, W>(&self, work: W) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut PgConnection, &'c Shared<C>) -> BoxFuture<'c, Result<T, Fault>>
            + Send
            + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        let work: Work = Box::new(move |conn| {
            Box::pin(async move {
                let result = match conn {
                    Ok(conn) => work(conn, &shared).await,
                    Err(fault) => Err(fault),
                };
                let is_good = result.is_ok();
                let _ = reply.send(result);
                is_good
            })
        });
        let sent = self.jobs.send(Job::Read(work)).await;
        sent.map_err(|_| Fault::ended())?;
        // If the time limit is reached, the work is dropped, and its reply with it.
        answer.await.unwrap_or_else(|_| Err(Fault::slow()))
    }

    async fn in_time<T>(
        &self,
        asking: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, StoreError> {
        if self.shared.is_stuck() {
            return Err(overdue().into());
        }
        match timeout(self.sessions().deadline(), asking).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(StoreError::new(StoreErrorKind::TimedOut)),
        }
    }
}
