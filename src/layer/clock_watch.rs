use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::signature::{Stale, StaleRun, Verified};

/// Suspects our own clock if authentic deliveries are all off by a similar amount. The layers of
/// one webhook share it.
#[derive(Debug, Default)]
pub(crate) struct ClockWatch {
    /// Whether anything is noted; if not, a delivery in time checks nothing else.
    noted: AtomicBool,
    run: Mutex<StaleRun>,
}

impl ClockWatch {
    /// Notes a stale delivery, and returns whether the clock is suspected.
    pub(crate) fn stale(&self, stale: &Stale) -> bool {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        self.noted.store(true, Ordering::Relaxed);
        run.stale(stale)
    }

    /// While our clock is suspected, by how many seconds deliveries are off; positive if they are old.
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
