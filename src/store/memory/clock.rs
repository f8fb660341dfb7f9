//! The clock of a memory store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::{Clock, UnixTime};

/// How often a wait for a moment on a given clock reads that clock again.
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(Clone)]
pub(crate) enum StoreClock {
    /// The wall clock at the start, and from then on the time that has passed: setting the wall
    /// clock moves no lease. Tokio's instant, so that a paused test pauses leases too.
    Steady { start: UnixTime, since: Instant },
    /// A clock that was given.
    Given(Arc<dyn Clock>),
}

impl StoreClock {
    pub(crate) fn steady() -> Self {
        Self::Steady {
            start: UnixTime::now(),
            since: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> UnixTime {
        match self {
            Self::Steady { start, since } => start.saturating_add(since.elapsed()),
            Self::Given(clock) => clock.now(),
        }
    }

    /// How long to sleep before this clock may have advanced by `remaining`.
    pub(crate) fn nap(&self, remaining: Duration) -> Duration {
        match self {
            Self::Steady { .. } => remaining,
            // It may jump, so it is read now and then.
            Self::Given(_) => remaining.min(LOOK_EVERY),
        }
    }
}

impl fmt::Debug for StoreClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steady { .. } => f.write_str("steady"),
            Self::Given(clock) => clock.fmt(f),
        }
    }
}
