//! Chooses which refusals are diagnosed.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::UnixTime;
use crate::signature::diagnosis::Diagnose;

/// The most bytes that are hashed for one refusal.
const MAX_HASHED: u64 = 16 * 1024 * 1024;

/// Chooses which refusals are diagnosed: one at a time, and at most one per interval.
pub(crate) struct DiagnosisSampler {
    diagnose: Diagnose,
    /// In seconds.
    every: u64,
    /// The earliest second for the next one.
    next: AtomicU64,
    is_busy: AtomicBool,
}

impl DiagnosisSampler {
    pub(super) fn new(diagnose: Diagnose, every: Duration) -> Self {
        Self {
            diagnose: diagnose.hash_at_most(MAX_HASHED),
            every: every.as_secs().max(1),
            next: AtomicU64::new(0),
            is_busy: AtomicBool::new(false),
        }
    }

    /// Whether a refusal is due. A clock that was set back does not stop it.
    #[inline]
    pub(super) fn is_due(&self, now: UnixTime) -> bool {
        let (now, next) = (now.as_secs(), self.next.load(Ordering::Relaxed));
        now >= next || next > now.saturating_add(self.every)
    }

    #[cold]
    pub(super) fn take(self: &Arc<Self>, now: UnixTime) -> Option<Busy> {
        if self.is_busy.swap(true, Ordering::AcqRel) {
            return None;
        }
        let next = now.as_secs().saturating_add(self.every);
        self.next.store(next, Ordering::Relaxed);
        Some(Busy(Arc::clone(self)))
    }
}

impl fmt::Debug for DiagnosisSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiagnosisSampler")
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

/// Keeps others away until it is dropped.
pub(super) struct Busy(Arc<DiagnosisSampler>);

impl Busy {
    pub(super) fn diagnose(&self) -> &Diagnose {
        &self.0.diagnose
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.is_busy.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{stripe, stripe::keys};

    #[test]
    fn one_is_taken_at_a_time_and_one_in_a_while() {
        let stripe = stripe(keys(["whsec_test_9f8e7d6c5b4a"]).unwrap());
        let every = Duration::from_secs(60);
        let sampler = Arc::new(DiagnosisSampler::new(stripe.diagnose().unwrap(), every));
        let at = UnixTime::from_secs;
        assert!(sampler.is_due(at(1_000)));
        let first = sampler.take(at(1_000)).unwrap();
        assert!(!sampler.is_due(at(1_000)) && !sampler.is_due(at(1_059)));
        assert!(sampler.is_due(at(1_060)));
        assert!(
            sampler.take(at(1_060)).is_none(),
            "the first one is not over"
        );
        drop(first);
        assert!(sampler.take(at(1_060)).is_some());
        // The clock had been a year ahead.
        assert!(sampler.is_due(at(10)));
    }
}
