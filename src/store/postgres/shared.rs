//! State that the workers of a database share.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, timeout_at};

use super::commands::{Commands, ServerTime};
use super::flights::Flights;
use super::gathering::Gathering;
use super::job::{Job, Write};
use super::pruning::Pruning;
use super::session::Sessions;

/// State that the workers of a database share.
pub(super) struct Shared<C: Commands> {
    pub(super) sessions: Sessions,
    pub(super) commands: C,
    pub(super) time: ServerTime,
    pub(super) jobs: Mutex<mpsc::Receiver<Job<C>>>,
    pub(super) flights: Flights<C>,
    pub(super) gathering: Gathering<Write<C>>,
    pub(super) workers: usize,
    /// How many workers have a call that had no answer in time.
    pub(super) overdue: AtomicUsize,
    /// Held while the server is queried about the result of a call.
    pub(super) asking: Mutex<()>,
    pub(super) commits: AtomicU64,
    pub(super) pruning: Pruning,
}

impl<C: Commands> Shared<C> {
    /// Whether the server answers on this connection.
    pub(super) async fn is_there(&self, conn: &mut PgConnection) -> bool {
        let limit = Instant::now() + self.sessions.deadline();
        matches!(timeout_at(limit, conn.ping()).await, Ok(Ok(())))
    }

    /// Whether each worker waits for an overdue answer, so that none would take a job.
    pub(super) fn is_stuck(&self) -> bool {
        self.overdue.load(Ordering::Relaxed) >= self.workers
    }
}
