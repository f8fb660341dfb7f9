//! Idle connections: a device in between, such as a NAT, may have dropped them silently.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Tracks which idle connections are still usable.
pub(super) struct Idle {
    asked_after: Duration,
    /// Connections last used before this moment are considered dead.
    silent: Mutex<Option<Instant>>,
}

/// How to treat a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rested {
    /// Use it as it is.
    Briefly,
    /// Check first that the server responds.
    Long,
    /// Discard it.
    Forgotten,
}

impl Idle {
    /// Connections that were idle for this long are checked before use.
    pub(super) fn new(asked_after: Duration) -> Self {
        Self {
            asked_after,
            silent: Mutex::new(None),
        }
    }

    /// How to treat a connection that was last used at this moment.
    pub(super) fn judge(&self, used: Instant, now: Instant) -> Rested {
        if now.saturating_duration_since(used) < self.asked_after {
            return Rested::Briefly;
        }
        // No code that holds the lock can fail half-way.
        let silent = *self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        match silent.is_some_and(|silent| used <= silent) {
            true => Rested::Forgotten,
            false => Rested::Long,
        }
    }

    /// A checked connection was silent: those that would be checked now are not worth the wait.
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
        // A connection checked later that responds makes none of them usable again.
        idle.was_silent(at(50));
        assert_eq!(idle.judge(at(30), at(61)), Rested::Forgotten);
    }
}
