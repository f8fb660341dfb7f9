//! Calls that have no answer in time.
//!
//! A backend that waits for a standby at `COMMIT` does not notice that its client is gone. If each call
//! that takes too long cost a connection, each would leave one more backend behind. So the worker keeps
//! the connection until the call has its answer, and does nothing else until then.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Row as _, raw_sql};
use tokio::time::{Instant, timeout, timeout_at};

use super::commands::Commands;
use super::error::Fault;
use super::flights;
use super::job::Job;
use super::shared::Shared;

/// The server itself ends a transaction after two deadlines: after two more, a call that has not reached
/// its `COMMIT` is given up.
const GIVEN_UP_AFTER: u32 = 2;
/// The server is queried about a commit after this many deadlines, then after twice as many, and so on.
const ASKED_AFTER: u32 = 10;
const ASKED_AT_LEAST_EVERY: Duration = Duration::from_secs(60);

/// The session of the server that a call's commit runs in, once it does.
#[derive(Default)]
pub(super) struct Commit(AtomicI32);

impl Commit {
    pub(super) fn begins(&self, pid: i32) {
        self.0.store(pid, Ordering::Relaxed);
    }

    fn pid(&self) -> Option<i32> {
        Some(self.0.load(Ordering::Relaxed)).filter(|pid| *pid != 0)
    }
}

/// Waits for a call that owns its connection. `None` if there will be no answer; then nothing of it is
/// still running on the server.
pub(super) async fn finished<T, C: Commands>(
    shared: &Arc<Shared<C>>,
    worker: usize,
    call: impl Future<Output = T>,
    limit: Instant,
    commit: &Commit,
) -> Option<T> {
    let mut call = Box::pin(call);
    if let Ok(done) = timeout_at(limit, &mut call).await {
        return Some(done);
    }
    let _overdue = Overdue::begin(shared, worker);
    let deadline = shared.sessions.deadline();
    if let Ok(done) = timeout(deadline.saturating_mul(GIVEN_UP_AFTER), &mut call).await {
        return Some(done);
    }
    let mut pause = deadline.saturating_mul(ASKED_AFTER - GIVEN_UP_AFTER);
    while let Some(pid) = commit.pid() {
        if let Ok(done) = timeout(pause, &mut call).await {
            return Some(done);
        }
        if is_over(shared, pid).await {
            break;
        }
        pause = pause.saturating_mul(2).min(ASKED_AT_LEAST_EVERY);
    }
    None
}

/// Whether the server has finished this session's work, so that its answer was lost on the way. `false` if
/// it cannot be queried.
///
/// The query uses a connection of its own, closed after the answer, and only one runs at a time.
async fn is_over<C: Commands>(shared: &Shared<C>, pid: i32) -> bool {
    let _one = shared.asking.lock().await;
    let asked = async {
        let mut conn = shared.sessions.connect().await?;
        let sql = format!(
            "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity
             WHERE pid OPERATOR(pg_catalog.=) {pid}
               AND coalesce(state, '') OPERATOR(pg_catalog.<>) 'idle'"
        );
        let row = raw_sql(AssertSqlSafe(sql)).fetch_one(&mut conn).await?;
        let busy: i64 = row.try_get(0)?;
        conn.close().await?;
        Ok::<_, Fault>(busy == 0)
    };
    matches!(
        timeout(shared.sessions.deadline(), asked).await,
        Ok(Ok(true))
    )
}

/// While this exists, its worker has a call without an answer.
struct Overdue<'a, C: Commands> {
    shared: &'a Shared<C>,
    worker: usize,
}

impl<'a, C: Commands> Overdue<'a, C> {
    fn begin(shared: &'a Shared<C>, worker: usize) -> Self {
        shared.overdue.fetch_add(1, Ordering::Relaxed);
        shared.flights.is_overdue(worker);
        // If this was the last free worker, nobody is left to take the queued jobs.
        if shared.is_stuck()
            && let Ok(mut jobs) = shared.jobs.try_lock()
        {
            for job in shared.gathering.take_all() {
                job.answer(Err(flights::overdue().into()));
            }
            while let Ok(job) = jobs.try_recv() {
                if let Job::Write(job) = job {
                    job.answer(Err(flights::overdue().into()));
                }
            }
        }
        Self { shared, worker }
    }
}

impl<C: Commands> Drop for Overdue<'_, C> {
    fn drop(&mut self) {
        self.shared.flights.is_back(self.worker);
        self.shared.overdue.fetch_sub(1, Ordering::Relaxed);
    }
}
