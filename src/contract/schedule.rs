//! When a sender retries.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A shorter lease would be lost to one slow answer of the store.
pub(super) const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// When a sender retries.
///
/// With the feature `senders`, it can also be read from a settings file, as `docs/schemes.md` says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetrySchedule {
    /// One attempt only. A sender that gives up within 2 s belongs here: none of its attempts
    /// arrives after a lease.
    Never,
    /// `attempts` in total, at equal intervals.
    Fixed {
        /// The time between two attempts.
        interval: Duration,
        /// The number of attempts in all.
        attempts: u32,
    },
    /// `attempts` in total, at intervals that double.
    Exponential {
        /// The time before the second attempt.
        first: Duration,
        /// The number of attempts in all.
        attempts: u32,
    },
    /// These times, each from one attempt to the next. See [`RetrySchedule::listed`].
    Listed(Cow<'static, [Duration]>),
    /// It retries, but states neither when nor how often.
    Unstated {
        /// The assumed shortest time between two attempts.
        interval: Duration,
        /// How long it is assumed to continue.
        horizon: Duration,
    },
}

impl RetrySchedule {
    /// These times, each from one attempt to the next: constants, or values read from a file.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_webhook::RetrySchedule;
    ///
    /// let waits: Vec<_> = [1, 60, 300].map(Duration::from_secs).into();
    /// assert_eq!(RetrySchedule::listed(waits).interval(), Some(Duration::from_secs(1)));
    /// ```
    pub fn listed(waits: impl Into<Cow<'static, [Duration]>>) -> Self {
        Self::Listed(waits.into())
    }

    /// The shortest time between two attempts; `None` if there is only one.
    pub fn interval(&self) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::Listed(waits) => waits.iter().min().copied(),
            Self::Fixed { interval, .. } | Self::Unstated { interval, .. } => Some(*interval),
            Self::Exponential { first, .. } => Some(*first),
        }
    }

    /// The time from the first attempt until the sender has surely given up: up to the last attempt
    /// plus one interval. Zero if there is only one attempt.
    pub fn horizon(&self) -> Duration {
        match self {
            Self::Never => Duration::ZERO,
            Self::Fixed { interval, attempts } => interval.saturating_mul(*attempts),
            Self::Exponential { first, attempts } => {
                // After this many doublings, every wait has reached the maximum.
                let waits = (0..128.min(*attempts)).scan(*first, |next, _| {
                    let wait = *next;
                    *next = wait.saturating_mul(2);
                    Some(wait)
                });
                sum(waits)
            }
            Self::Listed(waits) => sum(waits.iter().chain(waits.last()).copied()),
            Self::Unstated { horizon, .. } => *horizon,
        }
    }

    /// The longest lease after which an attempt still follows if its receiver dies. A listed wait
    /// that is shorter than the last one may cost an attempt, but never the event.
    pub(super) fn longest_lease(&self) -> Option<Duration> {
        let wait = match self {
            Self::Listed(waits) => waits.last().copied(),
            Self::Never | Self::Fixed { .. } | Self::Exponential { .. } | Self::Unstated { .. } => {
                self.interval()
            }
        };
        wait.map(|wait| wait.max(SHORTEST_LEASE))
    }
}

/// The schedule in words for an operator, such as `5 attempts, 2 min apart`.
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::RetrySchedule;
///
/// let waits: Vec<_> = [5, 300, 7_200].map(Duration::from_secs).into();
/// assert_eq!(RetrySchedule::listed(waits).to_string(), "again after 5 s, 5 min, 2 h");
/// ```
impl fmt::Display for RetrySchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("one attempt"),
            Self::Fixed { interval, attempts } => {
                write!(f, "{attempts} attempts, {} apart", Span(*interval))
            }
            Self::Exponential { first, attempts } => {
                write!(f, "{attempts} attempts, doubling from {}", Span(*first))
            }
            Self::Listed(waits) => {
                f.write_str("again after ")?;
                for (place, wait) in waits.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ", " };
                    write!(f, "{comma}{}", Span(*wait))?;
                }
                Ok(())
            }
            Self::Unstated { horizon, .. } => {
                write!(f, "retries for {} are assumed", Span(*horizon))
            }
        }
    }
}

/// A time in the largest unit that divides it evenly.
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let units = [
            (86_400_000, "d"),
            (3_600_000, "h"),
            (60_000, "min"),
            (1_000, "s"),
        ];
        let whole = units
            .into_iter()
            .find(|(unit, _)| millis >= *unit && millis.is_multiple_of(*unit));
        let (unit, name) = whole.unwrap_or((1, "ms"));
        write!(f, "{} {name}", millis / unit)
    }
}

fn sum(waits: impl Iterator<Item = Duration>) -> Duration {
    waits.fold(Duration::ZERO, Duration::saturating_add)
}
