use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::signature::{Stale, StaleRun, Verified};

/// Suspects our own clock where deliveries are authentic and all of them off alike. The layers of
/// one webhook share it.
#[derive(Debug, Default)]
pub(crate) struct ClockWatch {
    /// Whether anything is noted: what is in time looks no further where nothing is.
    noted: AtomicBool,
    run: Mutex<StaleRun>,
}

impl ClockWatch {
    /// Notes a stale delivery, and tells whether the clock is suspected.
    pub(crate) fn stale(&self, stale: &Stale) -> bool {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        self.noted.store(true, Ordering::Relaxed);
        run.stale(stale)
    }

    /// By how many seconds deliveries are off, above zero where they are old, while our clock is suspected.
    pub(crate) fn suspected(&self) -> Option<i64> {
        if !self.noted.load(Ordering::Relaxed) {
            return None;
        }
        let run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        run.suspected_skew()
    }

    /// Notes a delivery that was signed in time.
    #[inline]
    pub(crate) fn proved(&self, verified: &Verified) {
        if self.noted.load(Ordering::Relaxed) && verified.signed_at().is_some() {
            self.forget();
        }
    }

    #[cold]
    fn forget(&self) {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        self.noted.store(false, Ordering::Relaxed);
        run.in_time();
    }
}
