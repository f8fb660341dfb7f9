use std::sync::atomic::{AtomicUsize, Ordering};

/// How much of a limited amount is in use.
#[derive(Debug)]
pub(crate) struct Counter {
    used: AtomicUsize,
    pub(crate) limit: usize,
}

impl Counter {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            limit,
        }
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::SeqCst)
    }

    /// Whether that much is left.
    pub(crate) fn has(&self, amount: usize) -> bool {
        self.sum(self.used(), amount).is_some()
    }

    pub(crate) fn take(&self, amount: usize) -> bool {
        let fits = |used: usize| self.sum(used, amount);
        self.used
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits)
            .is_ok()
    }

    pub(crate) fn give_back(&self, amount: usize) {
        self.used.fetch_sub(amount, Ordering::SeqCst);
    }

    fn sum(&self, used: usize, amount: usize) -> Option<usize> {
        used.checked_add(amount).filter(|sum| *sum <= self.limit)
    }
}
