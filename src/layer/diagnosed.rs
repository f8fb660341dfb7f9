//! A refused signature that is diagnosed behind its answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::request::Parts;
use http::{HeaderMap, Method, Uri};

use super::diagnosis_sampler::{Busy, DiagnosisSampler};
use super::endpoint::EndpointConfig;
use crate::authenticated::AuthState;
use crate::clock::UnixTime;
use crate::head::RequestHead;
use crate::observer::{ClaimedId, Diagnosed};
use crate::reason::Reason;
use crate::signature::diagnosis::Diagnose;

/// Longer bodies are not diagnosed.
const MAX_BODY: usize = 1024 * 1024;

impl EndpointConfig {
    /// Finds out why signatures are refused, for the operator: of no more than one refusal in this time,
    /// behind its answer. See [`Webhook::diagnose_refusals`](crate::Webhook::diagnose_refusals).
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_webhook::layer::EndpointConfig;
    /// use tower_webhook::provider::{self, stripe};
    ///
    /// let stripe = provider::stripe(stripe::keys(["whsec_test_9f8e7d6c5b4a"])?);
    /// let diagnose = stripe.diagnose().expect("it signs");
    /// let endpoint = EndpointConfig::new(stripe.name().clone(), stripe.contract().clone())
    ///     .diagnose_refusals(diagnose, Duration::from_secs(60));
    /// # drop(endpoint);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[must_use]
    pub fn diagnose_refusals(mut self, diagnose: Diagnose, every: Duration) -> Self {
        self.sampler = Some(Arc::new(DiagnosisSampler::new(diagnose, every)));
        self
    }
}

/// A refused delivery that is to be diagnosed once it is answered.
pub(super) struct DiagnosisJob {
    busy: Busy,
    endpoint: EndpointConfig,
    reason: Reason,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    now: UnixTime,
}

impl DiagnosisJob {
    /// This refusal, if it is one to be diagnosed.
    #[inline]
    pub(super) fn of(
        sampler: &Arc<DiagnosisSampler>,
        endpoint: &EndpointConfig,
        reason: Reason,
        parts: &Parts,
        auth: &AuthState,
    ) -> Option<Box<Self>> {
        let now = auth.readings.received()?;
        if !sampler.is_due(now) {
            return None;
        }
        Self::take(sampler, now, endpoint, reason, parts, auth)
    }

    #[cold]
    fn take(
        sampler: &Arc<DiagnosisSampler>,
        now: UnixTime,
        endpoint: &EndpointConfig,
        reason: Reason,
        parts: &Parts,
        auth: &AuthState,
    ) -> Option<Box<Self>> {
        let body = auth.body.clone().unwrap_or_default();
        // What was decoded is not what was signed.
        if body.len() > MAX_BODY || parts.headers.contains_key(CONTENT_ENCODING) {
            return None;
        }
        Some(Box::new(Self {
            busy: sampler.take(now)?,
            endpoint: endpoint.clone(),
            reason,
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            body,
            now,
        }))
    }

    /// Begins with it, on a thread for work that blocks. Outside any runtime it is let go.
    pub(super) fn start(self: Box<Self>) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn_blocking(move || self.run()));
        }
    }

    fn run(&self) {
        let head = RequestHead::new(&self.method, &self.uri, &self.headers);
        let diagnosis = self.busy.diagnose().delivery(head, &self.body, self.now);
        let id = (self.endpoint.id_headers.iter()).find_map(|name| self.headers.get(name));
        self.endpoint.diagnosed(&Diagnosed {
            provider: &self.endpoint.provider,
            consumer: self.endpoint.consumer.as_ref(),
            reason: self.reason,
            claimed_id: id
                .filter(|value| !value.is_sensitive())
                .map(|value| ClaimedId::new(value.as_bytes())),
            diagnosis: &diagnosis,
        });
    }
}

impl fmt::Debug for DiagnosisJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiagnosisJob").finish_non_exhaustive()
    }
}
