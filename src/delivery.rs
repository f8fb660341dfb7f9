//! How a sender delivers, and what follows from it.

use std::time::Duration;

use http::StatusCode;

use crate::clock::Tolerance;
use crate::error::{ConfigError, ConfigErrorKind};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// Ends of what can be set, so that no sum of times overflows.
const LONGEST_RETENTION: Duration = Duration::from_secs(3_653 * 86_400);
const LONGEST_CEILING: Duration = Duration::from_secs(7 * 86_400);

/// When a sender tries again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetrySchedule {
    /// One attempt, never another.
    Never,
    /// `attempts` in all, always the same time apart.
    Fixed {
        /// The time between two attempts.
        interval: Duration,
        /// How many attempts in all.
        attempts: u32,
    },
    /// `attempts` in all, the time between them doubling.
    Doubling {
        /// The time before the second attempt.
        first: Duration,
        /// How many attempts in all.
        attempts: u32,
    },
    /// It retries, but says neither when nor how often.
    Unstated {
        /// The shortest time between two attempts that is assumed.
        interval: Duration,
        /// How long it is assumed to go on.
        horizon: Duration,
    },
}

impl RetrySchedule {
    /// The shortest time between two attempts; `None` where there is one only.
    pub fn interval(&self) -> Option<Duration> {
        match *self {
            Self::Never => None,
            Self::Fixed { interval, .. } | Self::Unstated { interval, .. } => Some(interval),
            Self::Doubling { first, .. } => Some(first),
        }
    }

    /// The time from the first attempt until the sender has surely given up: to the last attempt
    /// and one interval more. Zero where there is one attempt only.
    pub fn horizon(&self) -> Duration {
        match *self {
            Self::Never => Duration::ZERO,
            Self::Fixed { interval, attempts } => interval.saturating_mul(attempts),
            Self::Doubling { first, attempts } => {
                let doublings = 1_u32.checked_shl(attempts).unwrap_or(u32::MAX);
                first.saturating_mul(doublings.saturating_sub(1))
            }
            Self::Unstated { horizon, .. } => horizon,
        }
    }
}

/// Which answers a sender takes as a reason to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetriedStatuses {
    /// None: the sender does not retry.
    None,
    /// Every status but 2xx.
    AllButSuccess,
    /// These, and every 5xx.
    ServerErrorsAnd(&'static [u16]),
}

impl RetriedStatuses {
    /// Whether the sender tries again after this status.
    pub fn contains(&self, status: StatusCode) -> bool {
        match self {
            Self::None => false,
            Self::AllButSuccess => !status.is_success(),
            Self::ServerErrorsAnd(listed) => {
                status.is_server_error() || listed.contains(&status.as_u16())
            }
        }
    }
}

/// How a provider delivers: the facts that its answers, deadlines and records follow from.
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::{DeliveryProfile, RetriedStatuses, RetrySchedule};
///
/// let profile = DeliveryProfile::new(
///     RetrySchedule::Fixed { interval: Duration::from_secs(30), attempts: 5 },
///     RetriedStatuses::AllButSuccess,
/// )
/// .with_time_to_answer(Duration::from_secs(10))
/// .with_redelivery_by_hand();
/// assert_eq!(profile.deadline(), Duration::from_secs(8));
/// assert_eq!(profile.schedule().horizon(), Duration::from_secs(150));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryProfile {
    schedule: RetrySchedule,
    retried: RetriedStatuses,
    time_to_answer: Duration,
    redelivery_by_hand: bool,
    signed_time: Option<Tolerance>,
}

impl DeliveryProfile {
    /// A sender with this schedule, that waits 5 s for an answer, cannot redeliver by hand and
    /// signs no time.
    pub fn new(schedule: RetrySchedule, retried: RetriedStatuses) -> Self {
        let retried = match schedule {
            RetrySchedule::Never => RetriedStatuses::None,
            RetrySchedule::Fixed { .. }
            | RetrySchedule::Doubling { .. }
            | RetrySchedule::Unstated { .. } => retried,
        };
        Self {
            schedule,
            retried,
            time_to_answer: Duration::from_secs(5),
            redelivery_by_hand: false,
            signed_time: None,
        }
    }

    /// How long the sender waits for an answer.
    #[must_use]
    pub fn with_time_to_answer(mut self, limit: Duration) -> Self {
        self.time_to_answer = limit;
        self
    }

    /// A person can have an event sent again at any time.
    #[must_use]
    pub fn with_redelivery_by_hand(mut self) -> Self {
        self.redelivery_by_hand = true;
        self
    }

    /// The signature covers the time of the delivery, so that a captured one grows stale once this
    /// tolerance is over.
    #[must_use]
    pub fn with_signed_time(mut self, tolerance: Tolerance) -> Self {
        self.signed_time = Some(tolerance);
        self
    }

    /// When the sender tries again.
    pub fn schedule(&self) -> &RetrySchedule {
        &self.schedule
    }

    /// How long the sender waits for an answer.
    pub fn time_to_answer(&self) -> Duration {
        self.time_to_answer
    }

    /// Whether the sender tries again after an answer with this status.
    pub fn retries(&self, status: StatusCode) -> bool {
        self.retried.contains(status)
    }

    /// Whether the sender tries again at all.
    pub fn retries_at_all(&self) -> bool {
        self.retried != RetriedStatuses::None
    }

    /// How long one request may take, from its head received: four fifths of the sender's time to
    /// answer, so that our answer is the one it sees, and at most an hour.
    pub fn deadline(&self) -> Duration {
        (self.time_to_answer.saturating_mul(4) / 5).min(HOUR)
    }

    /// The status that says "not now": 503, which every sender that retries takes as a reason to
    /// try again.
    pub(crate) fn not_now(&self) -> StatusCode {
        StatusCode::SERVICE_UNAVAILABLE
    }

    /// What the sender is told when a handler answered `status`, which is not a success: the same
    /// where it makes the sender try again, else 500.
    pub(crate) fn failure(&self, status: StatusCode) -> StatusCode {
        if self.retries(status) {
            status
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }

    /// How long a record is kept unless set: 30 days where old events can come back (by hand, or
    /// because no signed time lets a captured one grow stale), else 72 hours.
    pub fn default_retention(&self) -> Duration {
        let usual = if self.redelivery_by_hand || self.signed_time.is_none() {
            30 * DAY
        } else {
            72 * HOUR
        };
        usual.max(self.least_retention())
    }

    fn least_retention(&self) -> Duration {
        let horizon = self.schedule.horizon();
        let tolerance = self.signed_time.map_or(0, Tolerance::as_secs);
        let window = Duration::from_secs(tolerance);
        (horizon.saturating_mul(3) / 2)
            .max(window.saturating_mul(2))
            .max(MINUTE)
    }

    pub(crate) fn check_retention(&self, retention: Duration) -> Result<Duration, ConfigError> {
        let least = self.least_retention();
        if retention > LONGEST_RETENTION {
            return Err(ConfigError::new(
                ConfigErrorKind::Retention,
                format!("{retention:?} is more than the {LONGEST_RETENTION:?} of ten years"),
            ));
        }
        if retention < least {
            return Err(ConfigError::new(
                ConfigErrorKind::Retention,
                format!(
                    "{retention:?} is less than {least:?}, which 1.5 times the sender's retry \
                     horizon, twice the tolerance and a minute ask for"
                ),
            ));
        }
        Ok(retention)
    }

    /// A request must be given time to be handled in.
    pub(crate) fn check_deadline(&self) -> Result<(), ConfigError> {
        let least = Duration::from_millis(100);
        if self.deadline() < least {
            return Err(ConfigError::new(
                ConfigErrorKind::Profile,
                format!(
                    "four fifths of a time to answer of {:?} are less than {least:?}",
                    self.time_to_answer
                ),
            ));
        }
        Ok(())
    }

    /// How long a claim lasts without renewal unless set: 15 s, or less where the sender's retry
    /// interval or two fifths of its retry horizon are shorter.
    pub fn default_lease(&self) -> Duration {
        let usual = Duration::from_secs(15).min(self.default_renewal_ceiling());
        self.schedule
            .interval()
            .map_or(usual, |interval| usual.min(interval))
    }

    pub(crate) fn check_lease(&self, lease: Duration) -> Result<Duration, ConfigError> {
        let refused = |message| Err(ConfigError::new(ConfigErrorKind::Lease, message));
        if lease < Duration::from_secs(1) {
            return refused(format!("{lease:?} is less than 1s"));
        }
        if lease > HOUR {
            return refused(format!("{lease:?} is more than {HOUR:?}"));
        }
        match self.schedule.interval() {
            Some(interval) if lease > interval => refused(format!(
                "{lease:?} is more than the {interval:?} between two attempts of this sender: a \
                 receiver that dies must not hold an event for longer"
            )),
            _ => Ok(lease),
        }
    }

    /// How long a claim is renewed for in all unless set: two fifths of the retry horizon and at
    /// most 15 minutes; 15 minutes where the sender does not retry.
    pub fn default_renewal_ceiling(&self) -> Duration {
        let usual = 15 * MINUTE;
        if self.retries_at_all() {
            usual.min(self.schedule.horizon().saturating_mul(2) / 5)
        } else {
            usual
        }
    }

    pub(crate) fn check_renewal_ceiling(
        &self,
        ceiling: Duration,
        lease: Duration,
    ) -> Result<Duration, ConfigError> {
        let refused = |message| Err(ConfigError::new(ConfigErrorKind::Lease, message));
        if ceiling < lease {
            return refused(format!(
                "the renewal ceiling of {ceiling:?} is less than the lease of {lease:?}"
            ));
        }
        if ceiling > LONGEST_CEILING {
            return refused(format!(
                "the renewal ceiling of {ceiling:?} is more than {LONGEST_CEILING:?}"
            ));
        }
        let half = self.schedule.horizon() / 2;
        if self.retries_at_all() && ceiling >= half {
            return refused(format!(
                "the renewal ceiling of {ceiling:?} is not under {half:?}, half of this sender's \
                 retry horizon: the event would be held until the sender has given up"
            ));
        }
        Ok(ceiling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn flat() -> DeliveryProfile {
        DeliveryProfile::new(
            RetrySchedule::Fixed {
                interval: 30 * SECOND,
                attempts: 5,
            },
            RetriedStatuses::ServerErrorsAnd(&[408, 409, 425, 429]),
        )
    }

    fn once() -> DeliveryProfile {
        DeliveryProfile::new(RetrySchedule::Never, RetriedStatuses::AllButSuccess)
            .with_time_to_answer(10 * SECOND)
    }

    #[test]
    fn schedules_end_where_the_providers_say() {
        let doubling = RetrySchedule::Doubling {
            first: MINUTE,
            attempts: 10,
        };
        assert_eq!(doubling.horizon(), 1023 * MINUTE);
        assert_eq!(doubling.interval(), Some(MINUTE));
        assert_eq!(flat().schedule().horizon(), 150 * SECOND);
        assert_eq!(once().schedule().horizon(), Duration::ZERO);
        let forever = RetrySchedule::Doubling {
            first: Duration::MAX,
            attempts: u32::MAX,
        };
        assert_eq!(forever.horizon(), Duration::MAX);
    }

    #[test]
    fn an_answer_is_one_that_the_sender_retries() {
        let failed = |profile: DeliveryProfile, status: u16| {
            profile
                .failure(StatusCode::from_u16(status).unwrap())
                .as_u16()
        };
        assert_eq!(failed(flat(), 409), 409);
        assert_eq!(failed(flat(), 400), 500, "BlendFi gives up after a 400");
        assert_eq!(failed(flat(), 302), 500);
        assert_eq!(failed(flat(), 502), 502);
        assert_eq!(failed(once(), 502), 500, "nothing is retried: a plain 500");
        assert!(
            !once().retries_at_all(),
            "one attempt has no retried status"
        );
    }

    #[test]
    fn four_fifths_of_the_time_to_answer_are_ours() {
        assert_eq!(flat().deadline(), 4 * SECOND);
        assert_eq!(once().deadline(), 8 * SECOND);
    }

    #[test]
    fn retention_outlasts_the_sender() {
        let window = Tolerance::DEFAULT;
        assert_eq!(flat().default_retention(), 30 * DAY, "it signs no time");
        let signed = flat().with_signed_time(window);
        assert_eq!(signed.default_retention(), 72 * HOUR);
        let by_hand = signed.clone().with_redelivery_by_hand();
        assert_eq!(by_hand.default_retention(), 30 * DAY);
        let error = signed
            .check_retention(599 * SECOND)
            .unwrap_err()
            .to_string();
        assert!(error.contains("599s") && error.contains("600s"), "{error}");
        assert!(signed.check_retention(600 * SECOND).is_ok());
        let minute = flat().with_signed_time(Tolerance::from_secs(60).unwrap());
        assert!(minute.check_retention(224 * SECOND).is_err());
        assert!(minute.check_retention(225 * SECOND).is_ok());
    }

    #[test]
    fn a_dead_receiver_holds_no_event_until_the_sender_gives_up() {
        let error = flat().check_lease(31 * SECOND).unwrap_err().to_string();
        assert!(error.contains("31s") && error.contains("30s"), "{error}");
        assert!(flat().check_lease(30 * SECOND).is_ok());
        assert!(flat().check_lease(SECOND / 2).is_err());
        assert!(once().check_lease(HOUR).is_ok());

        let error = flat()
            .check_renewal_ceiling(75 * SECOND, 15 * SECOND)
            .unwrap_err()
            .to_string();
        assert!(error.contains("75s is not under 75s"), "{error}");
        assert!(
            flat()
                .check_renewal_ceiling(74 * SECOND, 15 * SECOND)
                .is_ok()
        );
        assert!(
            flat()
                .check_renewal_ceiling(14 * SECOND, 15 * SECOND)
                .is_err()
        );
        assert!(once().check_renewal_ceiling(DAY, 15 * SECOND).is_ok());
        assert_eq!(flat().default_renewal_ceiling(), 60 * SECOND);
    }
}
