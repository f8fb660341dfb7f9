use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How many bytes of content a worker's runs hold.
#[derive(Debug, Clone)]
pub(super) struct ByteBudget {
    most: usize,
    used: Arc<Used>,
}

#[derive(Debug, Default)]
struct Used {
    bytes: AtomicUsize,
    /// Notified when there are fewer.
    fewer: Notify,
}

/// Counted until this is dropped.
#[derive(Debug)]
pub(super) struct BytesInFlight {
    bytes: usize,
    used: Arc<Used>,
}

impl ByteBudget {
    pub(super) fn new(most: usize) -> Self {
        Self {
            // With a limit of zero, nothing would ever begin.
            most: most.max(1),
            used: Arc::default(),
        }
    }

    pub(super) fn left(&self) -> usize {
        let used = self.used.bytes.load(Ordering::Acquire);
        self.most.saturating_sub(used)
    }

    /// Waits until some bytes are left.
    pub(super) async fn some_left(&self) {
        while self.left() == 0 {
            self.used.fewer.notified().await;
        }
    }

    pub(super) fn count(&self, bytes: usize) -> BytesInFlight {
        self.used.bytes.fetch_add(bytes, Ordering::AcqRel);
        BytesInFlight {
            bytes,
            used: Arc::clone(&self.used),
        }
    }
}

impl Drop for BytesInFlight {
    fn drop(&mut self) {
        self.used.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        self.used.fewer.notify_one();
    }
}
