use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What strangers can make a receiver hold: bytes of bodies that are not verified yet, and copies
/// that wait for the first one's outcome. Clones share the budget.
///
/// Over it, a delivery is told "not now".
///
/// ```
/// use tower_webhook::layer::Budget;
///
/// // One budget for all the webhooks of a process.
/// let budget = Budget::new(16 * 1024 * 1024, 256);
/// assert_eq!(budget.body_bytes(), 0);
/// ```
#[derive(Debug, Clone)]
pub struct Budget(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    body_bytes: Counter,
    waiting: Counter,
}

#[derive(Debug)]
struct Counter {
    used: AtomicUsize,
    limit: usize,
}

impl Counter {
    fn new(limit: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            limit,
        }
    }

    fn take(&self, amount: usize) -> bool {
        let fits = |used: usize| used.checked_add(amount).filter(|sum| *sum <= self.limit);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .is_ok()
    }

    fn give_back(&self, amount: usize) {
        self.used.fetch_sub(amount, Ordering::Relaxed);
    }
}

impl Budget {
    /// A budget of this many unverified body bytes and this many waiting copies.
    pub fn new(body_bytes: usize, waiting: usize) -> Self {
        Self(Arc::new(Counters {
            body_bytes: Counter::new(body_bytes),
            waiting: Counter::new(waiting),
        }))
    }

    /// How many unverified bytes are held now.
    pub fn body_bytes(&self) -> usize {
        self.0.body_bytes.used.load(Ordering::Relaxed)
    }

    /// How many copies wait now.
    pub fn waiting(&self) -> usize {
        self.0.waiting.used.load(Ordering::Relaxed)
    }

    /// Nothing yet, to be grown as bytes arrive.
    pub(crate) fn hold_bytes(&self) -> HeldBytes {
        HeldBytes {
            budget: self.clone(),
            held: 0,
        }
    }

    /// A place for one waiting copy, if there is one.
    pub(crate) fn wait(&self) -> Option<Waiting> {
        self.0.waiting.take(1).then(|| Waiting(self.clone()))
    }
}

impl Default for Budget {
    /// 64 MiB of unverified bytes and 1,024 waiting copies.
    fn default() -> Self {
        Self::new(64 * 1024 * 1024, 1024)
    }
}

/// Bytes that are counted until this is dropped.
#[derive(Debug)]
pub(crate) struct HeldBytes {
    budget: Budget,
    held: usize,
}

impl HeldBytes {
    /// Counts these too, or tells that they do not fit.
    pub(crate) fn grow(&mut self, amount: usize) -> bool {
        let taken = self.budget.0.body_bytes.take(amount);
        if taken {
            self.held = self.held.saturating_add(amount);
        }
        taken
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.budget.0.body_bytes.give_back(self.held);
    }
}

/// A waiting copy that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Waiting(Budget);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.waiting.give_back(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back() {
        let budget = Budget::new(10, 1);
        let mut one = budget.hold_bytes();
        let mut two = budget.hold_bytes();
        assert!(one.grow(6) && two.grow(4));
        assert!(!two.grow(1), "full to the byte");
        assert!(!two.grow(usize::MAX), "no overflow");
        drop(one);
        assert_eq!(budget.body_bytes(), 4);
        assert!(two.grow(6));

        let place = budget.wait();
        assert!(place.is_some() && budget.wait().is_none());
        drop(place);
        assert!(budget.wait().is_some());
        assert_eq!(budget.waiting(), 0);
    }
}
