use std::time::Duration;

use tokio::time::Instant;

use crate::clock::{Clock, UnixTime};

/// When a request's head was received, and when its answer is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestClock {
    pub(crate) received_at: UnixTime,
    pub(crate) started: Instant,
    pub(crate) deadline: Instant,
}

/// The clock readings for a request's head. Nothing is read before it is needed, because most
/// refusals need no time. Once read, a value is final.
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

    /// Takes over this reading, if there is one.
    #[inline]
    pub(crate) fn note(&mut self, received_at: Option<UnixTime>) {
        self.received_at = received_at.or(self.received_at);
    }

    /// When the request was received, if that was read.
    #[inline]
    pub(crate) fn received(&self) -> Option<UnixTime> {
        self.received_at
    }

    /// Starts the time to answer, unless it is running already.
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

    /// When its processing began, if that was read.
    pub(crate) fn started(&self) -> Option<Instant> {
        self.allowed.map(|allowed| allowed.started)
    }
}
