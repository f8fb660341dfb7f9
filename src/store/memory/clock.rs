//! The time that a memory store goes by.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::{Clock, UnixTime};

/// How often a clock that others move is looked at while waiting for a moment on it.
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(Clone)]
pub(crate) enum StoreClock {
    /// The wall clock at the start, and from there on the time that has passed: somebody who sets
    /// the wall clock moves no lease. Tokio's instant, so that a paused test pauses leases too.
    Steady { start: UnixTime, since: Instant },
    /// One that was given.
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

    /// How long to sleep before it may be `remaining` later on this clock.
    pub(crate) fn nap(&self, remaining: Duration) -> Duration {
        match self {
            Self::Steady { .. } => remaining,
            // It may jump, so it is looked at now and then.
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
