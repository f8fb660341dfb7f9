//! Time that does not move until the test moves it, so that a busy machine makes no difference.

use std::sync::mpsc;
use std::time::Duration;

use super::wait::LIMIT;

/// While time is paused, no sleep ends and no limit is reached; sockets work as usual.
pub(crate) struct StillTime {
    _end: mpsc::Sender<()>,
}

impl StillTime {
    pub(crate) fn begin() -> Self {
        let (end, ended) = mpsc::channel();
        tokio::time::pause();
        // Tokio lets paused time jump if everything waits, unless a blocking task is running. A
        // test that hangs gets its time back after a while, and so reaches its limits.
        tokio::task::spawn_blocking(move || {
            let _: Result<(), _> = ended.recv_timeout(LIMIT);
        });
        Self { _end: end }
    }

    /// Advances time at once by this much, and a little more for whatever ends at that very moment.
    pub(crate) async fn pass(&self, span: Duration) {
        tokio::time::advance(span + Duration::from_millis(2)).await;
    }
}

impl Drop for StillTime {
    fn drop(&mut self) {
        tokio::time::resume();
    }
}
