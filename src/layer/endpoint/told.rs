//! Reports on a delivery: its outcome to the observer and the journal, a refusal to its sender.

use std::cell::LazyCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use http::{Extensions, Response};
use tokio::time::Instant;

use super::EndpointConfig;
use crate::authenticated::AuthState;
use crate::layer::response_body::ResponseBody;
use crate::layer::words::{in_words_of, refused_in_words_of};
use crate::observer::{Diagnosed, Observation, Observer, TracingObserver, Verdict, show};
use crate::reason::Reason;
use crate::rejection::Rejection;

impl EndpointConfig {
    /// Shows the observer the outcome of a delivery, and records it in the journal. `started` is
    /// when it began; a refusal at its head may leave that out.
    pub(crate) fn observe(
        &self,
        observation: &mut Observation<'_>,
        started: Option<Instant>,
        auth: &AuthState,
    ) {
        if let Some(came) = started {
            self.pulse.note(observation, came, &self.contract);
        }
        let total = || started.map(|started| started.elapsed());
        if let (Some(journal), Some(recorded)) = (&self.journal, &auth.recorded) {
            observation.timings.total = total().unwrap_or_default();
            show(|| journal.take_down(observation, auth, recorded));
            observation.body = observation.body.filter(|_| self.interest.body);
        }
        show(|| match &self.observer {
            None => {
                let (verdict, reason) = (observation.verdict, observation.reason);
                TracingObserver::write(verdict, reason, &&*observation, &total);
            }
            Some(observer) => {
                observation.timings.total = total().unwrap_or_default();
                observer.observe(observation);
            }
        });
    }

    /// The same for a refusal. Its details are collected only if something observes them.
    pub(in crate::layer) fn observe_refused<'a>(
        &'a self,
        reason: Reason,
        auth: &AuthState,
        observation: &mut dyn FnMut() -> Observation<'a>,
    ) {
        let started = auth.readings.started();
        if started.is_some() || self.is_timed() {
            return self.observe(&mut observation(), started, auth);
        }
        let observation = LazyCell::new(observation);
        let verdict = Verdict::of_refusal(reason);
        show(|| TracingObserver::write(verdict, Some(reason), &observation, &|| None));
    }

    /// Shows the observer why a delivery was refused.
    pub(in crate::layer) fn diagnosed(&self, diagnosed: &Diagnosed<'_>) {
        show(|| match &self.observer {
            None => TracingObserver.diagnosed(diagnosed),
            Some(observer) => observer.diagnosed(diagnosed),
        });
    }

    /// The response to a refusal, with the [`Rejection`] in its extensions.
    pub(crate) fn rejection<RB>(&self, reason: Reason) -> Response<ResponseBody<RB>> {
        self.rejected(reason, Extensions::new())
            .map(ResponseBody::own)
    }

    /// The same, reusing a request's extensions to avoid an allocation.
    pub(in crate::layer) fn rejected(
        &self,
        reason: Reason,
        mut used: Extensions,
    ) -> Response<Bytes> {
        let rejection = if self.stale_is_not_now && reason == Reason::SignatureStale {
            Rejection::not_now(reason, &self.contract)
        } else {
            Rejection::new(reason, &self.contract)
        };
        let mut response = Response::new(Bytes::new());
        used.clear();
        *response.extensions_mut() = used;
        match self.shaped(&rejection) {
            Some(shaped) => response = shaped,
            None => rejection.write_to(&mut response),
        }
        in_words_of(&self.contract, &mut response, |body| body);
        refused_in_words_of(&self.contract, &mut response);
        response.extensions_mut().insert(rejection);
        response
    }

    /// The response in the custom shape, if one is set.
    #[inline]
    fn shaped(&self, rejection: &Rejection) -> Option<Response<Bytes>> {
        let shape = self.rejections.as_ref()?;
        // A panic in the custom shape must not cost a running handler its record.
        let shaped = catch_unwind(AssertUnwindSafe(|| shape.response(rejection)));
        if shaped.is_err() {
            tracing::error!(target: "tower_webhook", "the shape of a rejection panicked");
        }
        shaped.ok()
    }
}
