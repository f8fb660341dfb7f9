//! What the workers of a store share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, timeout_at};

use crate::clock::{Clock, UnixTime};

use super::flights::Flights;
use super::job::Job;
use super::pruning::Pruning;
use super::session::Sessions;
use super::statements::Statements;

/// What the workers of a store share.
pub(super) struct Shared {
    pub(super) sessions: Sessions,
    pub(super) statements: Statements,
    /// Instead of the server's clock, for tests.
    pub(super) clock: Option<Arc<dyn Clock>>,
    pub(super) jobs: Mutex<mpsc::Receiver<Job>>,
    pub(super) flights: Flights,
    pub(super) workers: usize,
    /// How many workers have a call that had no answer in time.
    pub(super) overdue: AtomicUsize,
    /// Held by who asks the server what became of a call.
    pub(super) asking: Mutex<()>,
    pub(super) commits: AtomicU64,
    pub(super) pruning: Pruning,
}

impl Shared {
    /// Whether the server answers on this connection.
    pub(super) async fn is_there(&self, conn: &mut PgConnection) -> bool {
        let limit = Instant::now() + self.sessions.deadline();
        matches!(timeout_at(limit, conn.ping()).await, Ok(Ok(())))
    }

    /// Whether each worker waits for an answer that is overdue, and none would take a job.
    pub(super) fn is_stuck(&self) -> bool {
        self.overdue.load(Ordering::Relaxed) >= self.workers
    }

    /// The time that records go by, where the server says this.
    pub(super) fn time(&self, told: UnixTime) -> UnixTime {
        match &self.clock {
            Some(clock) => UnixTime::from_micros(clock.now().as_micros()),
            None => told,
        }
    }
}
