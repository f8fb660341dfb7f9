use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many bytes of content a worker's runs hold.
#[derive(Debug, Clone)]
pub(super) struct ByteBudget {
    most: usize,
    used: Arc<AtomicUsize>,
}

/// Counted until this is dropped.
#[derive(Debug)]
pub(super) struct BytesInFlight {
    bytes: usize,
    used: Arc<AtomicUsize>,
}

impl ByteBudget {
    pub(super) fn new(most: usize) -> Self {
        Self {
            // Without any, nothing would ever begin.
            most: most.max(1),
            used: Arc::default(),
        }
    }

    pub(super) fn left(&self) -> usize {
        self.most.saturating_sub(self.used.load(Ordering::Acquire))
    }

    pub(super) fn count(&self, bytes: usize) -> BytesInFlight {
        self.used.fetch_add(bytes, Ordering::AcqRel);
        BytesInFlight {
            bytes,
            used: Arc::clone(&self.used),
        }
    }
}

impl Drop for BytesInFlight {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}
