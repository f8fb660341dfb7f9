//! How a sender delivers, and what follows from it.

mod failure_share;
mod methods;
mod retried;
mod schedule;
#[cfg(feature = "gzip")]
mod signed_form;
mod success;
mod times;

use std::time::Duration;

use http::{Method, StatusCode};

use crate::clock::Tolerance;
use crate::error::{ConfigError, ConfigErrorKind};

pub(crate) use self::methods::{MethodUse, Methods};

pub use self::failure_share::FailureShare;
pub use self::retried::RetriedStatuses;
pub use self::schedule::RetrySchedule;
#[cfg(feature = "senders")]
pub(crate) use self::schedule::Span;
#[cfg(feature = "gzip")]
pub use self::signed_form::SignedForm;
pub use self::success::SuccessAnswer;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// Far more than most webhooks need, and little enough to hold.
const MEBIBYTE: usize = 1024 * 1024;

/// How a provider delivers: the facts that determine its answers, deadlines and records.
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
    failure_share: FailureShare,
    #[cfg(feature = "gzip")]
    gzip: Option<SignedForm>,
}

impl SenderContract {
    /// A sender with this schedule that waits 5 s for an answer, cannot redeliver by hand, signs no
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
            failure_share: FailureShare::ASSUMED,
            #[cfg(feature = "gzip")]
            gzip: None,
        }
    }

    /// How long the sender waits for an answer.
    #[must_use]
    pub fn waits(mut self, limit: Duration) -> Self {
        self.time_to_answer = limit;
        self
    }

    /// Declares that a person can have an event sent again at any time.
    #[must_use]
    pub fn redelivers_by_hand(mut self) -> Self {
        self.redelivery_by_hand = true;
        self
    }

    /// Declares that the sender's proof covers the time of the delivery, so that a captured one
    /// grows stale after this tolerance. A [`Provider`](crate::Provider) that is proved by a scheme
    /// or by your own proof takes the tolerance from there, and ignores this one.
    #[must_use]
    pub fn signs_time(mut self, tolerance: Tolerance) -> Self {
        self.signed_time = Some(tolerance);
        self
    }

    /// Declares that a captured delivery never grows stale.
    pub(crate) fn signs_no_time(mut self) -> Self {
        self.signed_time = None;
        self
    }

    /// Sets the largest body that the sender sends, in bytes: the default for a layer's cap.
    #[must_use]
    pub fn sends_up_to(mut self, bytes: usize) -> Self {
        self.largest_body = bytes;
        self
    }

    /// Sets which answers the sender counts as success.
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

    /// Sets the methods that the sender delivers with, if it is not POST alone: for example GET,
    /// with all data in the query.
    #[must_use]
    pub fn delivers_with(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods.delivering = methods.into_iter().collect();
        self
    }

    /// The methods with which the sender checks whether a receiver is there, such as HEAD. They are
    /// answered with success behind the gates that need no body, and run nothing.
    #[must_use]
    pub fn probes_with(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods.probing = methods.into_iter().collect();
        self
    }

    /// Declares that the sender tests its receivers with wrong signatures, and expects 401 without
    /// a body, whatever a [`RejectionResponse`](crate::RejectionResponse) would put there.
    #[must_use]
    pub fn wants_empty_401(mut self) -> Self {
        self.empty_401 = true;
        self
    }

    /// Sets the share of failures at which the sender pauses an endpoint, or gives it up. By
    /// default, half of the deliveries of an hour, if there are at least twenty.
    #[must_use]
    pub fn pauses_at(mut self, share: FailureShare) -> Self {
        self.failure_share = share;
        self
    }

    /// The share of failed deliveries at which the sender pauses an endpoint, as set or as assumed.
    pub fn failure_share(&self) -> FailureShare {
        self.failure_share
    }

    /// Declares that the sender may gzip its bodies, and signs them in this form. Without this
    /// setting, a compressed body gets 415.
    ///
    /// Handlers get the content, without `Content-Encoding` and `Content-Length`. Both the
    /// compressed and the decoded form must keep to the largest body: a larger one gets 413 before
    /// it is in memory. A file of more than 4,096 members gets 415.
    ///
    /// If the content is signed, a budget of twice the largest body takes every allowed body. If
    /// the compressed bytes are signed, they stay in memory until the content is decoded, and the
    /// budget must be four times the largest body:
    /// see [`Budget`](crate::layer::Budget).
    ///
    /// ```
    /// use tower_webhook::{RetriedStatuses, RetrySchedule, SenderContract, SignedForm};
    ///
    /// let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None)
    ///     .gzip(SignedForm::Decoded);
    /// assert_eq!(contract.gzip_signed(), Some(SignedForm::Decoded));
    /// ```
    #[cfg(feature = "gzip")]
    #[must_use]
    pub fn gzip(mut self, signed: SignedForm) -> Self {
        self.gzip = Some(signed);
        self
    }

    /// Which form of a compressed body is signed; `None` if none may arrive compressed.
    #[cfg(feature = "gzip")]
    pub fn gzip_signed(&self) -> Option<SignedForm> {
        self.gzip
    }

    /// When the sender retries.
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

    /// Whether the sender retries after an answer with this status.
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

    /// Which answers the sender counts as success.
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

    /// Whether a 401 must have no body.
    pub fn needs_empty_401(&self) -> bool {
        self.empty_401
    }

    /// Whether the sender retries after a success without the body that it expects.
    #[cfg(feature = "testing")]
    pub(crate) fn retries_other_bodies(&self) -> bool {
        self.retried == RetriedStatuses::AllButSuccess
    }

    pub(crate) fn methods(&self) -> &Methods {
        &self.methods
    }

    /// Whether the sender ever retries.
    pub fn retries_at_all(&self) -> bool {
        self.retried != RetriedStatuses::None
    }

    /// How long one request may take, from the receipt of its head: four fifths of the sender's
    /// time to answer, so that it still sees our answer, and at most an hour.
    pub fn deadline(&self) -> Duration {
        (self.time_to_answer.saturating_mul(4) / 5).min(HOUR)
    }

    /// The not-now status: 503 if this sender retries after it, as nearly all do.
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

    /// The status sent after a handler answered `status`, which is not a success: the same one if
    /// the sender retries after it, else 500, or the not-now status if it does not retry after
    /// that.
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

    /// Checks that there is a status for success and one for "not now".
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
}

#[cfg(test)]
mod tests;
