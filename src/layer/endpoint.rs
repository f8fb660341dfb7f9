mod told;

use std::fmt;
use std::sync::Arc;

use http::HeaderName;
use http::request::Parts;

use super::budget::Budget;
use super::clock_watch::ClockWatch;
use super::diagnosis_sampler::DiagnosisSampler;
use super::peer::Origin;
use super::room::Part;
use crate::authenticated::AuthState;
use crate::clock::{Clock, SystemClock};
use crate::contract::SenderContract;
#[cfg(feature = "gzip")]
use crate::contract::SignedForm;
use crate::error::ConfigError;
use crate::event::Name;
use crate::health::Pulse;
use crate::journal::JournalPort;
use crate::observer::{Interest, MaskedHeaders, Observation, Observer, Timings, Verdict};
use crate::rejection::RejectionResponse;
use crate::request_clock::{ClockReadings, RequestClock};
use crate::runtime::SharedConfirm;
use crate::signature::Scheme;

/// The settings that all layers for one provider share: its name, how it delivers, the limits of a
/// delivery and who sees its outcome.
///
/// ```
/// use tower_webhook::layer::EndpointConfig;
/// use tower_webhook::{SenderContract, Name, RetriedStatuses, RetrySchedule};
///
/// let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
/// let endpoint = EndpointConfig::new(Name::new("acme")?, contract).max_body_bytes(64 * 1024);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct EndpointConfig {
    pub(crate) provider: Name,
    pub(crate) consumer: Option<Name>,
    pub(crate) contract: SenderContract,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) budget: Budget,
    /// The share of the budget that this provider's bodies may take.
    pub(crate) part: Arc<Part>,
    pub(crate) max_body_bytes: usize,
    pub(crate) secret_headers: Arc<[HeaderName]>,
    /// The headers that hold the sender's own id of a delivery.
    pub(super) id_headers: Arc<[HeaderName]>,
    pub(crate) origin: Origin,
    pub(crate) clock_watch: Arc<ClockWatch>,
    pub(crate) pulse: Arc<Pulse>,
    pub(super) sampler: Option<Arc<DiagnosisSampler>>,
    stale_is_not_now: bool,
    /// `None` for `tracing` events.
    observer: Option<Arc<dyn Observer>>,
    interest: Interest,
    /// Records every outcome.
    journal: Option<JournalPort>,
    /// The parts of its requests that are secret and must not be displayed.
    #[cfg(feature = "page")]
    pub(crate) masks: Arc<crate::recorded::Masks>,
    rejections: Option<Arc<dyn RejectionResponse>>,
}

impl EndpointConfig {
    /// The usual endpoint of this provider: bodies up to the [largest](SenderContract::largest_body)
    /// that it sends, the default [`Budget`], the system's clock, `tracing` events and plain
    /// refusals.
    pub fn new(provider: Name, contract: SenderContract) -> Self {
        let budget = Budget::default();
        Self {
            provider,
            consumer: None,
            max_body_bytes: contract.largest_body(),
            pulse: Arc::new(Pulse::new(&contract)),
            contract,
            clock: Arc::new(SystemClock),
            part: budget.part(),
            budget,
            secret_headers: Arc::new([]),
            id_headers: Arc::new([]),
            origin: Origin::default(),
            clock_watch: Arc::default(),
            sampler: None,
            stale_is_not_now: false,
            observer: None,
            interest: Interest::default(),
            journal: None,
            #[cfg(feature = "page")]
            masks: Arc::default(),
            rejections: None,
        }
    }

    /// Names the consumer of these deliveries, if several must see the same events. See
    /// [`Webhook::consumer`](crate::Webhook::consumer).
    #[must_use]
    pub fn consumer(mut self, name: Name) -> Self {
        self.consumer = Some(name);
        self
    }

    /// Refuses longer bodies with 413, whether or not their length is announced. Defaults to the
    /// [largest](SenderContract::largest_body) body that the sender sends.
    ///
    /// The large bodies of one layer take at most half of its [`Budget`]; longer ones get the
    /// not-now status.
    #[must_use]
    pub fn max_body_bytes(mut self, limit: usize) -> Self {
        self.max_body_bytes = limit;
        self
    }

    /// Shares a budget with other webhooks.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.part = budget.part();
        self.budget = budget;
        self
    }

    /// Takes the time from another clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Shows every outcome to this observer instead of the `tracing` one.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.interest = observer.interest();
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Shapes the responses to refused deliveries.
    #[must_use]
    pub fn rejection_response(mut self, response: impl RejectionResponse) -> Self {
        self.rejections = Some(Arc::new(response));
        self
    }

    /// Adds this provider to the error about one of its settings.
    pub(crate) fn refused(&self, error: ConfigError) -> ConfigError {
        error.of_provider(self.provider.to_string())
    }

    /// Warns if bodies within the cap can never fit into the budget.
    pub(crate) fn warn_of_bodies_that_never_fit(&self) {
        let (fits, needed) = (self.part.largest(), self.largest_room());
        if needed > fits {
            tracing::warn!(
                target: "tower_webhook",
                provider = %self.provider,
                max_body_bytes = self.max_body_bytes,
                needed,
                fits,
                "the budget has no room for the largest bodies, which are told \"not now\": raise it \
                 to twice what is `needed`, or lower `max_body_bytes`"
            );
        }
    }

    /// The same of the room for what waits to be confirmed.
    pub(crate) fn warn_of_unconfirmed_bodies(&self, confirms: &[SharedConfirm]) {
        let shares = confirms.iter().map(SharedConfirm::share_of_bytes);
        if let Some(share) = shares.min().filter(|share| *share < self.max_body_bytes) {
            tracing::warn!(
                target: "tower_webhook",
                provider = %self.provider,
                max_body_bytes = self.max_body_bytes,
                share,
                "the largest bodies wait for a confirmation only if there is room to spare: one event has a quarter \
                 of `ConfirmLimits::body_bytes`; raise that to four times `max_body_bytes`, or lower `max_body_bytes`"
            );
        }
    }

    /// The most room that a body within the cap may need: twice the cap if it is proved before it
    /// is decoded.
    fn largest_room(&self) -> usize {
        #[cfg(feature = "gzip")]
        if self.contract.gzip_signed() == Some(SignedForm::Compressed) {
            return self.max_body_bytes.saturating_mul(2);
        }
        self.max_body_bytes
    }

    /// Answers an authentic delivery whose time is outside the window with the not-now status and
    /// `Retry-After` instead of 401.
    ///
    /// A sender that gives up at a 401 (BlendFi does) loses every event while our clock is off; at a
    /// not-now it comes again, and its next attempt is taken once the clock is right.
    ///
    /// It costs that strangers can tell: a captured delivery that is replayed too late gets another
    /// answer than a forged one, so that whoever holds it learns that it was authentic and that its
    /// key is still in use. The delivery is still not handled, and a sender that signs an event only once
    /// keeps retrying it until it gives up.
    #[must_use]
    pub fn stale_is_not_now(mut self) -> Self {
        self.stale_is_not_now = true;
        self
    }

    /// Learns from the scheme which headers hold secrets that must not be logged, and which hold an
    /// id.
    pub(crate) fn learn(&mut self, scheme: &Scheme) {
        self.secret_headers = scheme.headers().cloned().collect();
        self.id_headers = scheme.id_headers().cloned().collect();
    }

    /// Learns which other headers hold secrets that must not be logged.
    pub(crate) fn learn_secret(&mut self, headers: Vec<HeaderName>) {
        let known = self.secret_headers.iter().cloned();
        self.secret_headers = known.chain(headers).collect();
    }

    /// Records every outcome in a journal.
    pub(crate) fn recorded_by(&mut self, journal: JournalPort) {
        self.journal = Some(journal);
    }

    pub(crate) fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// The parts of a delivery that are kept until its outcome is known: those that the observer
    /// wants to see, and the body for the journal.
    pub(crate) fn interest(&self) -> Interest {
        Interest {
            body: self.interest.body || self.journal.is_some(),
            ..self.interest
        }
    }

    /// Whether the duration of every delivery is reported, whatever its outcome.
    pub(crate) fn is_timed(&self) -> bool {
        self.observer.is_some() || self.journal.is_some()
    }

    /// Whether refusals are reported anywhere.
    pub(super) fn is_watched(&self) -> bool {
        self.is_timed() || tracing::enabled!(target: "tower_webhook", tracing::Level::WARN)
    }

    /// An observation of this provider, to be completed.
    pub(crate) fn observation(&self, verdict: Verdict) -> Observation<'_> {
        Observation {
            provider: &self.provider,
            consumer: self.consumer.as_ref(),
            verdict,
            reason: None,
            detail: None,
            status: None,
            key: None,
            item: None,
            items: None,
            signed_by: None,
            client: None,
            claimed_id: None,
            body_len: None,
            content_length: None,
            clock_suspected: false,
            attempt: None,
            corrected: false,
            content_differs: false,
            test_id: false,
            predates_retention: false,
            unchecked: false,
            polled: false,
            timings: Timings::default(),
            headers: None,
            body: None,
        }
    }

    /// The state of a delivery before any gate has checked it. Completed in place, because it is large.
    #[inline]
    pub(crate) fn unproved(&self) -> AuthState {
        AuthState::none_yet(self.provider.clone(), ClockReadings::default())
    }

    /// Takes the proofs of outer gates out of the request and adds them.
    #[inline]
    pub(crate) fn take_auth(&self, parts: &mut Parts, auth: &mut AuthState) {
        auth.take(&mut parts.extensions);
        if self.is_timed() {
            let clock = self.start_clock(&mut auth.readings);
            if let Some(journal) = &self.journal {
                auth.recorded = Some(journal.begin(parts, clock.received_at));
            }
        }
    }

    /// Starts the time limit for the answer. The first layer that lets a request through does so;
    /// the others follow it.
    pub(crate) fn start_clock(&self, readings: &mut ClockReadings) -> RequestClock {
        readings.start(&*self.clock, || self.contract.deadline())
    }

    pub(crate) fn masked<'a>(&'a self, parts: &'a Parts) -> MaskedHeaders<'a> {
        MaskedHeaders::new(&parts.headers, &self.secret_headers)
    }
}

impl fmt::Debug for EndpointConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            provider,
            consumer,
            contract,
            clock,
            budget,
            part: _,
            max_body_bytes,
            secret_headers,
            id_headers,
            origin,
            clock_watch,
            pulse: _,
            sampler,
            stale_is_not_now,
            observer: _,
            interest,
            journal,
            #[cfg(feature = "page")]
                masks: _,
            rejections: _,
        } = self;
        f.debug_struct("EndpointConfig")
            .field("provider", provider)
            .field("consumer", consumer)
            .field("contract", contract)
            .field("clock", clock)
            .field("budget", budget)
            .field("max_body_bytes", max_body_bytes)
            .field("secret_headers", secret_headers)
            .field("id_headers", id_headers)
            .field("origin", origin)
            .field("clock_watch", clock_watch)
            .field("sampler", sampler)
            .field("stale_is_not_now", stale_is_not_now)
            .field("interest", interest)
            .field("journal", journal)
            .finish_non_exhaustive()
    }
}
