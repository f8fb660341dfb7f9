use std::time::Duration;

use tokio::time::Instant;

use crate::clock::{Clock, UnixTime};

/// When a request's head was there, and when its answer must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestClock {
    pub(crate) received_at: UnixTime,
    pub(crate) started: Instant,
    pub(crate) deadline: Instant,
}

/// What was read of the clocks when a request's head was there: nothing before somebody asks, for
/// most of what is refused needs no time. Once read it stands.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ClockReadings {
    received_at: Option<UnixTime>,
    allowed: Option<Allowed>,
}

#[derive(Debug, Clone, Copy)]
struct Allowed {
    started: Instant,
    deadline: Instant,
}

impl ClockReadings {
    pub(crate) fn received_at(&mut self, clock: &dyn Clock) -> UnixTime {
        *self.received_at.get_or_insert_with(|| clock.now())
    }

    /// Takes over that this time was read, if it was.
    #[inline]
    pub(crate) fn note(&mut self, received_at: Option<UnixTime>) {
        self.received_at = received_at.or(self.received_at);
    }

    /// When the request was received, where that was asked for.
    #[inline]
    pub(crate) fn received(&self) -> Option<UnixTime> {
        self.received_at
    }

    /// Starts the time to answer, unless it runs already.
    pub(crate) fn start(
        &mut self,
        clock: &dyn Clock,
        allowed: impl FnOnce() -> Duration,
    ) -> RequestClock {
        let received_at = self.received_at(clock);
        let Allowed { started, deadline } = *self.allowed.get_or_insert_with(|| {
            let started = Instant::now();
            let deadline = started + allowed();
            Allowed { started, deadline }
        });
        RequestClock {
            received_at,
            started,
            deadline,
        }
    }

    /// When it began to be looked at, where that was asked for.
    pub(crate) fn started(&self) -> Option<Instant> {
        self.allowed.map(|allowed| allowed.started)
    }
}
