//! How a sender delivers, and what follows from it.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;

use crate::clock::Tolerance;
use crate::error::{ConfigError, ConfigErrorKind};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// Far more than most webhooks ever are, and little enough to hold.
const MEBIBYTE: usize = 1024 * 1024;
/// A shorter lease is lost to one slow answer of the store.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);
/// Ends of what can be set, so that no sum of times overflows.
const LONGEST_RETENTION: Duration = Duration::from_secs(3_653 * 86_400);
const LONGEST_CEILING: Duration = Duration::from_secs(7 * 86_400);

/// When a sender tries again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetrySchedule {
    /// One attempt, never another. A sender that gives up within 2 s counts as one: none of its
    /// attempts comes after a lease.
    Never,
    /// `attempts` in all, always the same time apart.
    Fixed {
        /// The time between two attempts.
        interval: Duration,
        /// How many attempts in all.
        attempts: u32,
    },
    /// `attempts` in all, the time between them doubling.
    Exponential {
        /// The time before the second attempt.
        first: Duration,
        /// How many attempts in all.
        attempts: u32,
    },
    /// These times, each from one attempt to the next. See [`RetrySchedule::listed`].
    Listed(Cow<'static, [Duration]>),
    /// It retries, but says neither when nor how often.
    Unstated {
        /// The shortest time between two attempts that is assumed.
        interval: Duration,
        /// How long it is assumed to go on.
        horizon: Duration,
    },
}

impl RetrySchedule {
    /// These times, each from one attempt to the next: written in the code, or read from a file.
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

    /// The shortest time between two attempts; `None` where there is one only.
    pub fn interval(&self) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::Listed(waits) => waits.iter().min().copied(),
            Self::Fixed { interval, .. } | Self::Unstated { interval, .. } => Some(*interval),
            Self::Exponential { first, .. } => Some(*first),
        }
    }

    /// The time from the first attempt until the sender has surely given up: to the last attempt
    /// and one interval more. Zero where there is one attempt only.
    pub fn horizon(&self) -> Duration {
        match self {
            Self::Never => Duration::ZERO,
            Self::Fixed { interval, attempts } => interval.saturating_mul(*attempts),
            Self::Exponential { first, attempts } => {
                // No wait doubles more often than this before it is the longest there is.
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

    /// Longest lease of a receiver that dies after which an attempt is still to come. A listed wait
    /// that is shorter than the last one costs an attempt and never the event.
    fn longest_lease(&self) -> Option<Duration> {
        let wait = match self {
            Self::Listed(waits) => waits.last().copied(),
            Self::Never | Self::Fixed { .. } | Self::Exponential { .. } | Self::Unstated { .. } => {
                self.interval()
            }
        };
        wait.map(|wait| wait.max(SHORTEST_LEASE))
    }
}

fn sum(waits: impl Iterator<Item = Duration>) -> Duration {
    waits.fold(Duration::ZERO, Duration::saturating_add)
}

/// Which answers a sender takes as a reason to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetriedStatuses {
    /// None: the sender does not retry.
    None,
    /// Every status but 2xx.
    AllButSuccess,
    /// These, and every 5xx. See [`RetriedStatuses::server_errors_and`].
    ServerErrorsAnd(Cow<'static, [u16]>),
}

impl RetriedStatuses {
    /// These statuses, and every 5xx.
    pub fn server_errors_and(statuses: impl Into<Cow<'static, [u16]>>) -> Self {
        Self::ServerErrorsAnd(statuses.into())
    }

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
/// use tower_webhook::{SenderContract, RetriedStatuses, RetrySchedule};
///
/// let contract = SenderContract::new(
///     RetrySchedule::Fixed { interval: Duration::from_secs(30), attempts: 5 },
///     RetriedStatuses::AllButSuccess,
/// )
/// .waits(Duration::from_secs(10))
/// .redelivers_by_hand();
/// assert_eq!(contract.deadline(), Duration::from_secs(8));
/// assert_eq!(contract.schedule().horizon(), Duration::from_secs(150));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderContract {
    schedule: RetrySchedule,
    retried: RetriedStatuses,
    time_to_answer: Duration,
    redelivery_by_hand: bool,
    signed_time: Option<Tolerance>,
    largest_body: usize,
}

impl SenderContract {
    /// A sender with this schedule, that waits 5 s for an answer, cannot redeliver by hand, signs no
    /// time and sends bodies of up to 1 MiB.
    pub fn new(schedule: RetrySchedule, retried: RetriedStatuses) -> Self {
        let retried = match schedule {
            RetrySchedule::Never => RetriedStatuses::None,
            RetrySchedule::Fixed { .. }
            | RetrySchedule::Exponential { .. }
            | RetrySchedule::Listed(_)
            | RetrySchedule::Unstated { .. } => retried,
        };
        Self {
            schedule,
            retried,
            time_to_answer: Duration::from_secs(5),
            redelivery_by_hand: false,
            signed_time: None,
            largest_body: MEBIBYTE,
        }
    }

    /// How long the sender waits for an answer.
    #[must_use]
    pub fn waits(mut self, limit: Duration) -> Self {
        self.time_to_answer = limit;
        self
    }

    /// A person can have an event sent again at any time.
    #[must_use]
    pub fn redelivers_by_hand(mut self) -> Self {
        self.redelivery_by_hand = true;
        self
    }

    /// The signature covers the time of the delivery, so that a captured one grows stale once this
    /// tolerance is over.
    #[must_use]
    pub fn signs_time(mut self, tolerance: Tolerance) -> Self {
        self.signed_time = Some(tolerance);
        self
    }

    /// The largest body that the sender sends, in bytes: what a layer's cap is unless it is set.
    #[must_use]
    pub fn sends_up_to(mut self, bytes: usize) -> Self {
        self.largest_body = bytes;
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

    /// The largest body that the sender sends, in bytes.
    pub fn largest_body(&self) -> usize {
        self.largest_body
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
                ConfigErrorKind::Contract,
                format!(
                    "four fifths of a time to answer of {:?} are less than {least:?}",
                    self.time_to_answer
                ),
            ));
        }
        Ok(())
    }

    /// How long a claim lasts without renewal unless set: 15 s, or the sender's retry interval or
    /// the renewal ceiling where one of them is shorter, and at least 1 s.
    pub fn default_lease(&self) -> Duration {
        let usual = Duration::from_secs(15).min(self.default_renewal_ceiling());
        self.schedule
            .longest_lease()
            .map_or(usual, |longest| usual.min(longest))
            .max(SHORTEST_LEASE)
    }

    pub(crate) fn check_lease(&self, lease: Duration) -> Result<Duration, ConfigError> {
        let refused = |message| Err(ConfigError::new(ConfigErrorKind::Lease, message));
        let horizon = self.schedule.horizon();
        if self.retries_at_all() && horizon <= 2 * SHORTEST_LEASE {
            return refused(format!(
                "this sender gives up after {horizon:?}, which leaves no room for a lease of \
                 {SHORTEST_LEASE:?}: say that it never retries"
            ));
        }
        if lease < SHORTEST_LEASE {
            return refused(format!("{lease:?} is less than {SHORTEST_LEASE:?}"));
        }
        if lease > HOUR {
            return refused(format!("{lease:?} is more than {HOUR:?}"));
        }
        match self.schedule.longest_lease() {
            Some(longest) if lease > longest => refused(format!(
                "{lease:?} is more than the {longest:?} between two attempts of this sender: a \
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
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);
    const WAITS: &[Duration] = &[SECOND, MINUTE, Duration::from_secs(300)];

    fn flat() -> SenderContract {
        SenderContract::new(
            RetrySchedule::Fixed {
                interval: 30 * SECOND,
                attempts: 5,
            },
            RetriedStatuses::server_errors_and(&[408, 409, 425, 429]),
        )
    }

    fn once() -> SenderContract {
        SenderContract::new(RetrySchedule::Never, RetriedStatuses::AllButSuccess).waits(10 * SECOND)
    }

    #[test]
    fn schedules_end_where_the_providers_say() {
        let doubling = RetrySchedule::Exponential {
            first: MINUTE,
            attempts: 10,
        };
        assert_eq!(doubling.horizon(), 1023 * MINUTE);
        assert_eq!(doubling.interval(), Some(MINUTE));
        assert_eq!(flat().schedule().horizon(), 150 * SECOND);
        assert_eq!(once().schedule().horizon(), Duration::ZERO);
        let forever = RetrySchedule::Exponential {
            first: Duration::MAX,
            attempts: u32::MAX,
        };
        assert_eq!(forever.horizon(), Duration::MAX);
        let waits = RetrySchedule::listed(WAITS);
        assert_eq!(waits.interval(), Some(SECOND));
        assert_eq!(waits.horizon(), 11 * MINUTE + SECOND);
    }

    #[test]
    fn an_answer_is_one_that_the_sender_retries() {
        let failed = |contract: SenderContract, status: u16| {
            contract
                .failure(StatusCode::from_u16(status).unwrap())
                .as_u16()
        };
        assert_eq!(failed(flat(), 409), 409);
        assert_eq!(failed(flat(), 400), 500, "BlendFi gives up after a 400");
        assert_eq!(failed(flat(), 302), 500);
        assert_eq!(failed(flat(), 502), 502);
        assert_eq!(failed(once(), 502), 500, "nothing is retried: a plain 500");
        let picky = SenderContract::new(flat().schedule, RetriedStatuses::AllButSuccess);
        assert_eq!(failed(picky.clone(), 404), 404);
        assert!(!picky.retries(StatusCode::NO_CONTENT));
        assert_eq!(flat().not_now().as_u16(), 503);
        assert!(
            !once().retries_at_all(),
            "one attempt has no retried status"
        );
    }

    #[test]
    fn four_fifths_of_the_time_to_answer_are_ours() {
        assert_eq!(flat().deadline(), 4 * SECOND);
        assert_eq!(once().deadline(), 8 * SECOND);
        assert_eq!(once().time_to_answer(), 10 * SECOND);
        let within = |millis| flat().waits(Duration::from_millis(millis));
        assert!(within(125).check_deadline().is_ok());
        assert_eq!(
            within(124).check_deadline().unwrap_err().to_string(),
            "sender contract: four fifths of a time to answer of 124ms are less than 100ms"
        );
    }

    #[test]
    fn retention_outlasts_the_sender() {
        let window = Tolerance::DEFAULT;
        assert_eq!(flat().default_retention(), 30 * DAY, "it signs no time");
        let signed = flat().signs_time(window);
        assert_eq!(signed.default_retention(), 72 * HOUR);
        let by_hand = signed.clone().redelivers_by_hand();
        assert_eq!(by_hand.default_retention(), 30 * DAY);
        let error = signed
            .check_retention(599 * SECOND)
            .unwrap_err()
            .to_string();
        assert!(error.contains("599s") && error.contains("600s"), "{error}");
        assert!(signed.check_retention(600 * SECOND).is_ok());
        let minute = flat().signs_time(Tolerance::from_secs(60).unwrap());
        assert!(minute.check_retention(224 * SECOND).is_err());
        assert!(minute.check_retention(225 * SECOND).is_ok());
        // Ten years of 365.25 days and a day begun.
        let most = 3_653 * DAY;
        assert_eq!(flat().check_retention(most).unwrap(), most);
        assert_eq!(
            flat()
                .check_retention(most + SECOND)
                .unwrap_err()
                .to_string(),
            "retention: 315619201s is more than the 315619200s of ten years"
        );
    }

    #[test]
    fn a_dead_receiver_holds_no_event_until_the_sender_gives_up() {
        let error = flat().check_lease(31 * SECOND).unwrap_err().to_string();
        assert!(error.contains("31s") && error.contains("30s"), "{error}");
        assert!(flat().check_lease(30 * SECOND).is_ok());
        assert!(flat().check_lease(SECOND / 2).is_err());
        assert!(flat().check_lease(SECOND).is_ok());
        assert!(once().check_lease(HOUR).is_ok());
        assert_eq!(
            once().check_lease(HOUR + SECOND).unwrap_err().to_string(),
            "lease: 3601s is more than 3600s"
        );

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
        assert!(
            flat()
                .check_renewal_ceiling(15 * SECOND, 15 * SECOND)
                .is_ok()
        );
        assert!(once().check_renewal_ceiling(7 * DAY, 15 * SECOND).is_ok());
        assert_eq!(
            once()
                .check_renewal_ceiling(7 * DAY + SECOND, 15 * SECOND)
                .unwrap_err()
                .to_string(),
            "lease: the renewal ceiling of 604801s is more than 604800s"
        );
        assert_eq!(flat().default_renewal_ceiling(), 60 * SECOND);
    }

    #[test]
    fn a_short_first_wait_costs_an_attempt_and_not_the_event() {
        let listed =
            SenderContract::new(RetrySchedule::listed(WAITS), RetriedStatuses::AllButSuccess);
        assert_eq!(listed.default_lease(), 15 * SECOND);
        assert!(listed.check_lease(300 * SECOND).is_ok());
        assert!(listed.check_lease(301 * SECOND).is_err());
    }

    #[test]
    fn a_sender_that_gives_up_at_once_never_retries() {
        let hasty = RetrySchedule::Fixed {
            interval: SECOND,
            attempts: 2,
        };
        let hasty = SenderContract::new(hasty, RetriedStatuses::AllButSuccess);
        assert_eq!(
            hasty.check_lease(SECOND).unwrap_err().to_string(),
            "lease: this sender gives up after 2s, which leaves no room for a lease of 1s: say \
             that it never retries"
        );
    }

    fn schedules() -> impl Strategy<Value = RetrySchedule> {
        // Leaked: `Listed` holds what a preset writes down.
        let waits = prop::collection::vec(0_u64..=86_400_000, 1..20).prop_map(|waits| {
            let waits: Vec<_> = waits.into_iter().map(Duration::from_millis).collect();
            RetrySchedule::listed(waits)
        });
        let wait = || prop_oneof![0_u64..5_000, 0_u64..=86_400_000].prop_map(Duration::from_millis);
        prop_oneof![
            Just(RetrySchedule::Never),
            (wait(), 2_u32..1_000)
                .prop_map(|(interval, attempts)| RetrySchedule::Fixed { interval, attempts }),
            (wait(), 2_u32..40)
                .prop_map(|(first, attempts)| RetrySchedule::Exponential { first, attempts }),
            (wait(), wait())
                .prop_map(|(interval, horizon)| RetrySchedule::Unstated { interval, horizon }),
            waits,
        ]
    }

    proptest! {
        /// Of all senders that go on for more than 2 s and for less than six years.
        #[test]
        fn what_is_assumed_passes_every_check(
            schedule in schedules(),
            by_hand: bool,
            tolerance in prop::option::of(1_u64..=86_400),
        ) {
            let never = schedule == RetrySchedule::Never;
            let horizon = schedule.horizon();
            prop_assume!(never || (horizon > 2 * SECOND && horizon < 6 * 365 * DAY));
            let mut contract = SenderContract::new(schedule, RetriedStatuses::AllButSuccess);
            if by_hand {
                contract = contract.redelivers_by_hand();
            }
            if let Some(secs) = tolerance {
                contract = contract.signs_time(Tolerance::from_secs(secs).unwrap());
            }
            // As the layer puts them together.
            let lease = contract.check_lease(contract.default_lease());
            prop_assert!(lease.is_ok(), "{:?}", lease);
            let ceiling = contract.default_renewal_ceiling().max(contract.default_lease());
            let ceiling = contract.check_renewal_ceiling(ceiling, contract.default_lease());
            prop_assert!(ceiling.is_ok(), "{:?}", ceiling);
            let retention = contract.check_retention(contract.default_retention());
            prop_assert!(retention.is_ok(), "{:?}", retention);
            prop_assert!(contract.default_retention() >= horizon);
        }

        #[test]
        fn listed_waits_reach_as_far_as_the_same_waits_by_rule(first in 0_u64..=86_400, attempts in 1_u32..12) {
            let wait = |n: u32| Duration::from_secs(first << n);
            let waits: Vec<_> = (0..attempts).map(wait).collect();
            let doubling = RetrySchedule::Exponential { first: wait(0), attempts: attempts + 1 };
            let listed = RetrySchedule::listed(waits);
            // A doubling schedule counts one more doubling at its end, a listed one its last wait.
            prop_assert_eq!(doubling.horizon(), listed.horizon() + wait(attempts - 1));
        }
    }
}
