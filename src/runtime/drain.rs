use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Waits, at shutdown, for the handlers that are still running. Clones are the same drain.
///
/// Handlers run detached from their requests, so a server that has shut down may leave some behind.
/// Give one drain to every webhook of a process, and wait for it after the server has ended.
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::Drain;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let drain = Drain::new();
/// // … webhooks take `DedupeConfig::new().drain(drain.clone())` and are served …
/// let unfinished = drain.wait(Duration::from_secs(10)).await;
/// assert_eq!(unfinished, 0);
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Drain {
    running: TaskTracker,
    begun: CancellationToken,
}

impl Drain {
    /// A drain for the webhooks of one process.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on, deliveries that no handler has begun get the not-now status. Those that wait
    /// for another's outcome get it at once.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Begins, waits until every handler has ended and its outcome is recorded, and returns how
    /// many had not after `limit`. Their claims end with their leases.
    pub async fn wait(&self, limit: Duration) -> usize {
        self.begin();
        self.running.close();
        let _ = tokio::time::timeout(limit, self.running.wait()).await;
        self.running.len()
    }

    /// The number of deliveries that are being handled now, or wait for the outcome of another.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    pub(crate) async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// Counts a delivery as being handled until the token is dropped.
    pub(crate) fn count(&self) -> TaskTrackerToken {
        self.running.token()
    }
}
