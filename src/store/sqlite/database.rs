//! A file and the thread that works on it, with one connection that writes and one that reads.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use crate::clock::{Clock, UnixTime};
use crate::store::error::{StoreError, StoreErrorKind};

use super::connection::Opener;
use super::error::{Cause, Fault};
use super::gate::Gate;
use super::writer::{Answers, Commands, Job, Writer, now};

/// How many callers wait in the queue; others wait for a place in it.
const LINE: usize = 1_024;

type Work =
    Box<dyn for<'c> FnOnce(Result<&'c mut SqliteConnection, Fault>) -> BoxFuture<'c, bool> + Send>;

/// A database file, shared by all its users in this process for the same tables.
///
/// It needs only a timer from the runtime that it is called in: its thread has a runtime of its
/// own. A call that is dropped half-way is finished by that thread.
pub(super) struct Database<C: Commands> {
    opener: Opener,
    deadline: Duration,
    clock: Arc<dyn Clock>,
    writer: mpsc::Sender<Job<C>>,
    reader: mpsc::Sender<Work>,
    commits: Arc<AtomicU64>,
    gate: Arc<Gate>,
}

impl<C: Commands> Database<C> {
    /// Opens the file, sets it up if necessary, and starts to serve.
    pub(super) async fn open(
        opener: Opener,
        deadline: Duration,
        clock: Arc<dyn Clock>,
        mut commands: C,
    ) -> Result<Self, Fault> {
        let (writer, jobs) = mpsc::channel(LINE);
        let (reader, work) = mpsc::channel(LINE);
        let (told, result) = oneshot::channel();
        let commits = Arc::<AtomicU64>::default();
        let gate = Arc::<Gate>::default();
        let serving = {
            let (opener, clock) = (opener.clone(), Arc::clone(&clock));
            let (commits, gate) = (Arc::clone(&commits), Arc::clone(&gate));
            async move {
                match connect(&opener, &mut commands).await {
                    Ok((writing, reading)) => {
                        let writer =
                            Writer::new(commands, opener.clone(), writing, clock, commits, gate);
                        // The caller may be gone: then no jobs arrive, and both tasks end.
                        let _ = told.send(Ok(()));
                        let (writing, reading) =
                            tokio::join!(writer.run(jobs), read(opener, reading, work));
                        // One after another: the last connection of a file checkpoints the log, and
                        // two that close at once may each leave that to the other.
                        for conn in [reading, writing].into_iter().flatten() {
                            let _ = conn.close().await;
                        }
                    }
                    Err(fault) => {
                        let _ = told.send(Err(fault));
                    }
                }
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let started = runtime.and_then(|runtime| {
            let thread = thread::Builder::new().name(C::THREAD.to_owned());
            thread.spawn(move || runtime.block_on(serving))
        });
        started.map_err(|error| Fault::new(Cause::Ended, error.to_string()))?;
        result.await.unwrap_or_else(|_| Err(Fault::ended()))?;
        Ok(Self {
            opener,
            deadline,
            clock,
            writer,
            reader,
            commits,
            gate,
        })
    }

    pub(super) fn opener(&self) -> &Opener {
        &self.opener
    }

    pub(super) fn path(&self) -> &Path {
        &self.opener.path
    }

    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The time that applies to rows.
    pub(super) fn now(&self) -> UnixTime {
        now(&*self.clock)
    }

    /// The gate at which writers wait for their turn.
    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// How many commits were made.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Carries commands out and returns their answers, in their order.
    pub(super) async fn write(&self, orders: Vec<C::Order>) -> Result<Answers<C>, StoreError> {
        let asking = async {
            let (reply, answers) = oneshot::channel();
            let job = Job { orders, reply };
            self.writer.send(job).await.map_err(|_| Fault::ended())?;
            answers.await.map_err(|_| Fault::ended())
        };
        self.in_time(asking).await
    }

    /// Reads committed data.
    pub(super) async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, Fault>>
            + Send
            + 'static,
    {
        let asking = async {
            let (reply, answer) = oneshot::channel();
            let work: Work = Box::new(move |conn| {
                Box::pin(async move {
                    let result = match conn {
                        Ok(conn) => work(conn).await,
                        Err(fault) => Err(fault),
                    };
                    let is_good = result.is_ok();
                    let _ = reply.send(result);
                    is_good
                })
            });
            self.reader.send(work).await.map_err(|_| Fault::ended())?;
            answer.await.map_err(|_| Fault::ended())?
        };
        self.in_time(asking).await
    }

    async fn in_time<T>(
        &self,
        asking: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, StoreError> {
        match timeout(self.deadline, asking).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(StoreError::new(StoreErrorKind::TimedOut)),
        }
    }
}

async fn connect(
    opener: &Opener,
    commands: &mut impl Commands,
) -> Result<(SqliteConnection, SqliteConnection), Fault> {
    let mut writing = opener.writer(true).await?;
    opener.keep_to_this_file()?;
    let give_up = Instant::now() + opener.patience;
    while let Err(fault) = commands.set_up(&mut writing).await {
        if fault.cause() != Cause::Locked || Instant::now() >= give_up {
            return Err(fault);
        }
    }
    let reading = opener.reader().await?;
    opener.keep_to_this_log();
    Ok((writing, reading))
}

/// Serves reads until no caller is left, and returns the connection. A connection on which something
/// failed is replaced.
async fn read(
    opener: Opener,
    first: SqliteConnection,
    mut work: mpsc::Receiver<Work>,
) -> Option<SqliteConnection> {
    let mut conn = Some(first);
    while let Some(work) = work.recv().await {
        let opened = match (opener.is_in_place(), conn.take()) {
            (Ok(()), Some(conn)) => Ok(conn),
            (Ok(()), None) => opener.reader().await,
            (Err(fault), open) => {
                conn = open;
                Err(fault)
            }
        };
        match opened {
            Ok(mut opened) => {
                if work(Ok(&mut opened)).await {
                    conn = Some(opened);
                } else {
                    opener.forget_log();
                }
            }
            Err(fault) => {
                work(Err(fault)).await;
            }
        }
    }
    conn
}
