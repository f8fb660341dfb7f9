use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, HeaderName, Response, StatusCode};
use http_body::Body;
use tokio::time::Instant;

use super::budget::Budget;
use super::discard::Discarding;
use super::observer::{
    Interest, MaskedHeaders, Observation, Observer, Timings, TracingObserver, Verdict,
};
use super::proofs::Proofs;
use super::refusal::Refusal;
use super::refused::Refused;
use super::response_body::ResponseBody;
use crate::clock::{Clock, SystemClock};
use crate::delivery::DeliveryProfile;
use crate::event::ProviderName;
use crate::rejection::{Reason, Rejection, RejectionResponse};
use crate::signature::Verified;

/// One mebibyte: far more than any webhook, and little enough to hold.
const DEFAULT_MAX_BODY_BYTES: usize = 1024 * 1024;

/// What all the layers for one provider share: its name, how it delivers, what bounds a delivery
/// and who sees what became of it.
///
/// ```
/// use tower_webhook::layer::Reception;
/// use tower_webhook::{DeliveryProfile, ProviderName, RetriedStatuses, RetrySchedule};
///
/// let profile = DeliveryProfile::new(RetrySchedule::Never, RetriedStatuses::None);
/// let reception = Reception::new(ProviderName::new("acme")?, profile).max_body_bytes(64 * 1024);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Reception {
    pub(crate) provider: ProviderName,
    pub(crate) consumer: Option<ProviderName>,
    pub(crate) profile: DeliveryProfile,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) budget: Budget,
    pub(crate) max_body_bytes: usize,
    pub(crate) secret_headers: Arc<[HeaderName]>,
    /// `None` for `tracing` events.
    observer: Option<Arc<dyn Observer>>,
    interest: Interest,
    rejections: Option<Arc<dyn RejectionResponse>>,
}

impl Reception {
    /// The usual reception of this provider: bodies up to 1 MiB, the default [`Budget`], the
    /// system's clock, `tracing` events and plain refusals.
    pub fn new(provider: ProviderName, profile: DeliveryProfile) -> Self {
        Self {
            provider,
            consumer: None,
            profile,
            clock: Arc::new(SystemClock),
            budget: Budget::default(),
            max_body_bytes: DEFAULT_MAX_BODY_BYTES,
            secret_headers: Arc::new([]),
            observer: None,
            interest: Interest::default(),
            rejections: None,
        }
    }

    /// Names who takes these deliveries, where several are to see the same events. See
    /// [`Webhook::consumer`](crate::Webhook::consumer).
    #[must_use]
    pub fn consumer(mut self, name: ProviderName) -> Self {
        self.consumer = Some(name);
        self
    }

    /// Refuses longer bodies with 413, announced or not.
    #[must_use]
    pub fn max_body_bytes(mut self, limit: usize) -> Self {
        self.max_body_bytes = limit;
        self
    }

    /// Shares a budget with other webhooks.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
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

    pub(crate) fn interest(&self) -> Interest {
        self.interest
    }

    /// Whether somebody wants to know how long a delivery took, whatever becomes of it.
    pub(crate) fn is_timed(&self) -> bool {
        self.observer.is_some()
    }

    /// An observation of this provider, to be filled in.
    pub(crate) fn observation(&self, verdict: Verdict) -> Observation<'_> {
        Observation {
            provider: &self.provider,
            consumer: self.consumer.as_ref(),
            verdict,
            reason: None,
            detail: None,
            status: None,
            key: None,
            signed_by: None,
            client: None,
            attempt: None,
            corrected: false,
            content_differs: false,
            test_id: false,
            predates_retention: false,
            unchecked: false,
            timings: Timings::default(),
            headers: None,
            body: None,
        }
    }

    /// Shows the observer what became of a delivery that was begun with at `started`, if that was
    /// noted: what is refused at its head may do without.
    pub(crate) fn observe(&self, observation: &mut Observation<'_>, started: Option<Instant>) {
        let total = || started.map_or(Duration::ZERO, |started| started.elapsed());
        // A journal that panics must not cost a delivery its answer or its record.
        let observed = catch_unwind(AssertUnwindSafe(|| match &self.observer {
            None => TracingObserver::write(observation, total),
            Some(observer) => {
                observation.timings.total = total();
                observer.observe(observation);
            }
        }));
        if observed.is_err() {
            tracing::error!(target: "tower_webhook", "the observer of deliveries panicked");
        }
    }

    /// The response to a refusal, which stands in its extensions.
    pub(crate) fn rejection<RB>(&self, reason: Reason) -> Response<ResponseBody<RB>> {
        self.rejected(reason, Extensions::new())
            .map(ResponseBody::own)
    }

    /// The same; what is left of a request's extensions need not be allocated anew.
    fn rejected(&self, reason: Reason, mut used: Extensions) -> Response<Bytes> {
        let rejection = Rejection::new(reason, &self.profile);
        let shaped = self.rejections.as_ref().and_then(|shape| {
            // A shape that panics must not cost a running handler its record.
            let shaped = catch_unwind(AssertUnwindSafe(|| shape.response(&rejection)));
            if shaped.is_err() {
                tracing::error!(target: "tower_webhook", "the shape of a rejection panicked");
            }
            shaped.ok()
        });
        let mut response = shaped.unwrap_or_else(|| {
            let mut response = rejection.response();
            used.clear();
            *response.extensions_mut() = used;
            response
        });
        response.extensions_mut().insert(rejection);
        response
    }

    /// Refuses a delivery before its handler: tells the observer, throws the body away and gives
    /// the answer. The request is used up.
    pub(crate) fn refuse<B: Body>(
        &self,
        refusal: &Refusal,
        parts: &mut Parts,
        proofs: &Proofs,
        body: B,
    ) -> Refused<B> {
        let response = self.rejected(refusal.reason, std::mem::take(&mut parts.extensions));
        let mut refused = Observation {
            reason: Some(refusal.reason),
            detail: refusal.detail(),
            status: Some(response.status()),
            signed_by: refusal
                .signed_by()
                .or(proofs.signature.as_ref().map(Verified::key_id)),
            client: refusal.client.or(proofs.client),
            headers: self.interest.headers.then(|| self.masked(parts)),
            body: proofs.body.as_ref().filter(|_| self.interest.body),
            ..self.observation(Verdict::Refused)
        };
        self.observe(&mut refused, proofs.arriving.started());
        // A wrong path must look like one that was never routed.
        let discarding = match response.status() {
            StatusCode::NOT_FOUND => None,
            _ => Discarding::of(&parts.headers, body),
        };
        Refused::new(response, discarding)
    }

    pub(crate) fn masked<'a>(&'a self, parts: &'a Parts) -> MaskedHeaders<'a> {
        MaskedHeaders::new(&parts.headers, &self.secret_headers)
    }
}

impl fmt::Debug for Reception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            provider,
            consumer,
            profile,
            clock,
            budget,
            max_body_bytes,
            secret_headers,
            observer: _,
            interest,
            rejections: _,
        } = self;
        f.debug_struct("Reception")
            .field("provider", provider)
            .field("consumer", consumer)
            .field("profile", profile)
            .field("clock", clock)
            .field("budget", budget)
            .field("max_body_bytes", max_body_bytes)
            .field("secret_headers", secret_headers)
            .field("interest", interest)
            .finish_non_exhaustive()
    }
}
