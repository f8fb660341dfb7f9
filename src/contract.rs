//! How a sender delivers, and what follows from it.

mod methods;
mod retried;
mod schedule;
mod success;

use std::time::Duration;

use http::{Method, StatusCode};

use crate::clock::Tolerance;
use crate::error::{ConfigError, ConfigErrorKind};

use self::schedule::SHORTEST_LEASE;

pub(crate) use self::methods::{MethodUse, Methods};

pub use self::retried::RetriedStatuses;
pub use self::schedule::RetrySchedule;
pub use self::success::SuccessAnswer;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// Far more than most webhooks ever are, and little enough to hold.
const MEBIBYTE: usize = 1024 * 1024;
/// Ends of what can be set, so that no sum of times overflows.
const LONGEST_RETENTION: Duration = Duration::from_secs(3_653 * 86_400);
const LONGEST_CEILING: Duration = Duration::from_secs(7 * 86_400);

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
    success: SuccessAnswer,
    methods: Methods,
    empty_401: bool,
}

impl SenderContract {
    /// A sender with this schedule, that waits 5 s for an answer, cannot redeliver by hand, signs no
    /// time, POSTs bodies of up to 1 MiB, takes any 2xx for success and probes with no other method.
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
            success: SuccessAnswer::AnySuccess,
            methods: Methods::default(),
            empty_401: false,
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

    /// Which answers the sender counts as success.
    ///
    /// ```
    /// use tower_webhook::{RetriedStatuses, RetrySchedule, SenderContract, SuccessAnswer};
    ///
    /// let once = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
    /// let adyen = once.clone().counts_as_success(SuccessAnswer::text("[accepted]"));
    /// let asaas = once.counts_as_success(SuccessAnswer::exactly(200));
    /// # drop((adyen, asaas));
    /// ```
    #[must_use]
    pub fn counts_as_success(mut self, success: SuccessAnswer) -> Self {
        self.success = success;
        self
    }

    /// The methods that the sender delivers with, where it is not POST alone: GET, where the query
    /// says everything.
    #[must_use]
    pub fn delivers_with(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods.delivering = methods.into_iter().collect();
        self
    }

    /// The methods that the sender looks with whether a receiver is there, such as HEAD. They are
    /// answered with success behind the gates that need no body, and run nothing.
    #[must_use]
    pub fn probes_with(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods.probing = methods.into_iter().collect();
        self
    }

    /// The sender tests its receivers with wrong signatures, and wants 401 with no body for them,
    /// whatever a [`RejectionResponse`](crate::RejectionResponse) would put there.
    #[must_use]
    pub fn wants_empty_401(mut self) -> Self {
        self.empty_401 = true;
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
        match self.retried {
            RetriedStatuses::AllButSuccess => !self.success.has_status(status),
            RetriedStatuses::None
            | RetriedStatuses::ServerErrorsAnd(_)
            | RetriedStatuses::Only(_) => {
                self.retried.contains(status) && !self.success.has_status(status)
            }
        }
    }

    /// What the sender counts as success.
    pub fn success(&self) -> &SuccessAnswer {
        &self.success
    }

    /// The methods that the sender delivers with.
    pub fn delivering_methods(&self) -> &[Method] {
        self.methods.delivering()
    }

    /// The methods that the sender probes with.
    pub fn probing_methods(&self) -> &[Method] {
        &self.methods.probing
    }

    /// Whether a 401 is to have no body.
    pub fn needs_empty_401(&self) -> bool {
        self.empty_401
    }

    /// Whether it tries again after a success that lacks the body it wants.
    #[cfg(feature = "testing")]
    pub(crate) fn retries_other_bodies(&self) -> bool {
        self.retried == RetriedStatuses::AllButSuccess
    }

    pub(crate) fn methods(&self) -> &Methods {
        &self.methods
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

    /// The status that says "not now": 503 where it makes this sender try again, as it does nearly
    /// everywhere.
    pub(crate) fn not_now(&self) -> StatusCode {
        let listed = match &self.retried {
            RetriedStatuses::Only(listed) => &**listed,
            RetriedStatuses::None
            | RetriedStatuses::AllButSuccess
            | RetriedStatuses::ServerErrorsAnd(_) => return StatusCode::SERVICE_UNAVAILABLE,
        };
        let usual = StatusCode::SERVICE_UNAVAILABLE;
        let first = listed.first().filter(|_| !self.retries(usual));
        let first = first.and_then(|status| StatusCode::from_u16(*status).ok());
        first.unwrap_or(usual)
    }

    /// What the sender is told when a handler answered `status`, which is not a success: the same
    /// where it makes the sender try again, else 500, or "not now" where that does not.
    pub(crate) fn failure(&self, status: StatusCode) -> StatusCode {
        if self.retries(status) {
            return status;
        }
        let usual = StatusCode::INTERNAL_SERVER_ERROR;
        if self.retries_at_all() && !self.retries(usual) {
            self.not_now()
        } else {
            usual
        }
    }

    /// There must be a success to give, and a word for "not now".
    pub(crate) fn check_words(&self) -> Result<(), ConfigError> {
        let refused = |message| Err(ConfigError::new(ConfigErrorKind::Contract, message));
        if let Some(fault) = self.success.fault() {
            return refused(fault);
        }
        if self.retries_at_all() && !self.retries(self.not_now()) {
            return refused(
                "the sender tries again and no status makes it: of those that it retries, name one \
                 from 400 to 599 that does not count as success",
            );
        }
        Ok(())
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
                     horizon, twice the tolerance and a minute ask for: keep records for at least that"
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
            return refused(format!(
                "{lease:?} is less than {SHORTEST_LEASE:?}: give at least that"
            ));
        }
        if lease > HOUR {
            return refused(format!(
                "{lease:?} is more than {HOUR:?}: give at most that"
            ));
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
                "the renewal ceiling of {ceiling:?} is less than the lease of {lease:?}: raise it, or \
                 shorten the lease"
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
mod tests;
