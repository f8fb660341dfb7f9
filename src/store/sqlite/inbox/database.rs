//! A file and the thread that works on its inbox: one connection that writes, and one that reads beside it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use crate::clock::{Clock, UnixTime};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::sqlite::connection::Opener;
use crate::store::sqlite::error::{Cause, Fault};
use crate::store::sqlite::schema as records;

use super::batch::Placed;
use super::order::Answer;
use super::writer::{Job, Writer, now};
use super::{looking, schema};

/// So many callers wait in line; more wait for a place in it.
const LINE: usize = 4_096;

type Work =
    Box<dyn for<'c> FnOnce(Result<&'c mut SqliteConnection, Fault>) -> BoxFuture<'c, bool> + Send>;

/// The inbox of a file, shared by all who use it in this process.
///
/// It needs nothing of the runtime that it is called in but a timer: its thread has one of its own.
/// A call that is dropped half-way is finished by that thread.
pub(super) struct Database {
    opener: Opener,
    deadline: Duration,
    clock: Arc<dyn Clock>,
    writer: mpsc::Sender<Job>,
    reader: mpsc::Sender<Work>,
    commits: Arc<AtomicU64>,
    /// Told when there may be something to take.
    pub(super) news: Notify,
}

impl Database {
    /// Opens the file, sets it up where that is to be done, and begins to serve.
    pub(super) async fn open(
        opener: Opener,
        deadline: Duration,
        clock: Arc<dyn Clock>,
        capacity: u64,
    ) -> Result<Self, Fault> {
        let (writer, jobs) = mpsc::channel(LINE);
        let (reader, work) = mpsc::channel(LINE);
        let (told, result) = oneshot::channel();
        let commits = Arc::<AtomicU64>::default();
        let serving = {
            let (opener, clock) = (opener.clone(), Arc::clone(&clock));
            let commits = Arc::clone(&commits);
            async move {
                match connect(&opener).await {
                    Ok((writing, reading, open)) => {
                        let writer =
                            Writer::new(opener.clone(), writing, clock, commits, capacity, open);
                        // Who asked may be gone: then nobody asks anything, and both end.
                        let _ = told.send(Ok(()));
                        tokio::join!(writer.run(jobs), read(opener, reading, work));
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
            let thread = thread::Builder::new().name("webhook-inbox".to_owned());
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
            news: Notify::new(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.opener.path
    }

    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The time that entries go by.
    pub(super) fn now(&self) -> UnixTime {
        now(&*self.clock)
    }

    /// How many commits were made.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Carries a command out.
    pub(super) async fn run(&self, placed: Placed) -> Result<Answer, StoreError> {
        let asking = async {
            let (reply, answer) = oneshot::channel();
            let job = Job { placed, reply };
            self.writer.send(job).await.map_err(|_| Fault::ended())?;
            answer.await.map_err(|_| Fault::ended())
        };
        self.in_time(asking).await?
    }

    /// Reads what was committed.
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

async fn connect(opener: &Opener) -> Result<(SqliteConnection, SqliteConnection, u64), Fault> {
    let mut writing = opener.writer(true).await?;
    let give_up = Instant::now() + opener.patience;
    loop {
        // The records' tables too: what was handled inline is no new event.
        let migrated = match records::migrate(&mut writing).await {
            Ok(()) => schema::migrate(&mut writing).await,
            Err(fault) => Err(fault),
        };
        match migrated {
            Ok(()) => break,
            Err(fault) if fault.cause() == Cause::Locked && Instant::now() < give_up => {}
            Err(fault) => return Err(fault),
        }
    }
    let open = looking::open(&mut writing).await?;
    Ok((writing, opener.reader().await?, open))
}

/// Serves who reads until nobody can ask any more. A connection on which something failed is replaced.
async fn read(opener: Opener, first: SqliteConnection, mut work: mpsc::Receiver<Work>) {
    let mut conn = Some(first);
    while let Some(work) = work.recv().await {
        let opened = match conn.take() {
            Some(conn) => Ok(conn),
            None => opener.reader().await,
        };
        match opened {
            Ok(mut opened) => {
                if work(Ok(&mut opened)).await {
                    conn = Some(opened);
                }
            }
            Err(fault) => {
                work(Err(fault)).await;
            }
        }
    }
    if let Some(conn) = conn {
        let _ = conn.close().await;
    }
}
