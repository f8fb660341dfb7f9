//! Connections that were idle: what stands between, such as a NAT, may have forgotten them, and tells nobody.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What is known of connections that were idle.
pub(super) struct Idle {
    asked_after: Duration,
    /// Those that were last used before this are silent.
    silent: Mutex<Option<Instant>>,
}

/// How a connection is to be gone about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rested {
    /// It is used as it is.
    Briefly,
    /// It is asked first whether the server is there.
    Long,
    /// It is of no use any more.
    Forgotten,
}

impl Idle {
    /// A connection that was idle for so long is asked before it is used.
    pub(super) fn new(asked_after: Duration) -> Self {
        Self {
            asked_after,
            silent: Mutex::new(None),
        }
    }

    /// What is to be done with a connection that was last used then.
    pub(super) fn judge(&self, used: Instant, now: Instant) -> Rested {
        if now.saturating_duration_since(used) < self.asked_after {
            return Rested::Briefly;
        }
        // Nothing can fail half-way while it is held.
        let silent = *self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        match silent.is_some_and(|silent| used <= silent) {
            true => Rested::Forgotten,
            false => Rested::Long,
        }
    }

    /// One that was asked gave no answer: none of those that are to be asked now is worth the wait.
    pub(super) fn was_silent(&self, asked: Instant) {
        let before = asked.checked_sub(self.asked_after);
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        *silent = (*silent).max(before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_one_is_silent_those_that_are_as_old_are_not_asked() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let idle = Idle::new(Duration::from_secs(30));
        assert_eq!(idle.judge(at(0), at(29)), Rested::Briefly);
        assert_eq!(idle.judge(at(0), at(30)), Rested::Long);
        idle.was_silent(at(60));
        for (used, expected) in [
            (0, Rested::Forgotten),
            (30, Rested::Forgotten),
            (31, Rested::Long),
        ] {
            assert_eq!(idle.judge(at(used), at(61)), expected, "{used}");
        }
        assert_eq!(idle.judge(at(60), at(61)), Rested::Briefly);
        // What is asked later and answers makes none of them good.
        idle.was_silent(at(50));
        assert_eq!(idle.judge(at(30), at(61)), Rested::Forgotten);
    }
}
