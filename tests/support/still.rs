//! Time that stands still until the test moves it, so that a busy machine changes nothing.

use std::sync::mpsc;
use std::time::Duration;

use super::wait::LIMIT;

/// While it stands, no sleep ends and no limit is reached; sockets work as ever.
pub(crate) struct StillTime {
    _end: mpsc::Sender<()>,
}

impl StillTime {
    pub(crate) fn begin() -> Self {
        let (end, ended) = mpsc::channel();
        tokio::time::pause();
        // tokio lets paused time jump where everybody waits, unless a blocking task is at work.
        // A test that hangs gets its time back, and so reaches its limits.
        tokio::task::spawn_blocking(move || {
            let _: Result<(), _> = ended.recv_timeout(LIMIT);
        });
        Self { _end: end }
    }

    /// Lets this much time pass at once, and a little for what ends at that very moment.
    pub(crate) async fn pass(&self, span: Duration) {
        tokio::time::advance(span + Duration::from_millis(2)).await;
    }
}

impl Drop for StillTime {
    fn drop(&mut self) {
        tokio::time::resume();
    }
}
