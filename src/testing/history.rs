use std::time::Duration;

use http::StatusCode;

use crate::clock::UnixTime;

/// The outcome of one event, as its sender saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    pub(super) attempts: Vec<Attempt>,
    pub(super) end: End,
}

/// One request for an event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// When it was sent, by the sender's clock.
    pub sent_at: UnixTime,
    /// The time since the first attempt.
    pub after: Duration,
    /// How long the answer took, or how long the sender waited for it.
    pub took: Duration,
    /// The answer; `None` if none arrived in time.
    pub status: Option<StatusCode>,
}

/// Why no further attempt is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum End {
    /// An answer of 2xx: the event was accepted.
    Acknowledged,
    /// An answer that this sender does not retry.
    Final,
    /// The sender has made all of its attempts.
    UsedUp,
}

impl History {
    /// The attempts in order; there is at least one.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// The answers in order, without the attempts that got none.
    pub fn statuses(&self) -> impl Iterator<Item = StatusCode> {
        self.attempts.iter().filter_map(|attempt| attempt.status)
    }

    /// Why it ended.
    pub fn end(&self) -> End {
        self.end
    }

    /// How long after its first attempt the event was acknowledged, if it was.
    pub fn acknowledged_after(&self) -> Option<Duration> {
        let last = self.attempts.last()?;
        (self.end == End::Acknowledged).then(|| last.after.saturating_add(last.took))
    }

    /// Whether the sender gave up: the event arrives again only if somebody fetches it or requests
    /// its redelivery by hand.
    pub fn is_lost(&self) -> bool {
        self.end != End::Acknowledged
    }
}
