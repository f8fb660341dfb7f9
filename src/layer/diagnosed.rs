//! Diagnoses a refused signature after it has been answered.

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
/// How long after a refusal its answer has certainly been sent.
const BEHIND: Duration = Duration::from_millis(100);

impl EndpointConfig {
    /// Diagnoses refused signatures for the operator: at most one refusal per `every`, after it has
    /// been answered. See [`Webhook::diagnose_refusals`](crate::Webhook::diagnose_refusals).
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

/// A refused delivery, to be diagnosed after its answer.
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
    /// Takes this refusal if it is time for one.
    #[inline]
    pub(super) fn offer(
        sampler: &Arc<DiagnosisSampler>,
        endpoint: &EndpointConfig,
        reason: Reason,
        parts: &Parts,
        auth: &AuthState,
    ) {
        if let Some(now) = auth.readings.received()
            && sampler.is_due(now)
        {
            Self::take(sampler, now, endpoint, reason, parts, auth);
        }
    }

    #[cold]
    fn take(
        sampler: &Arc<DiagnosisSampler>,
        now: UnixTime,
        endpoint: &EndpointConfig,
        reason: Reason,
        parts: &Parts,
        auth: &AuthState,
    ) {
        let body = auth.body.clone().unwrap_or_default();
        // A decoded body is not the one that was signed.
        if body.len() > MAX_BODY || parts.headers.contains_key(CONTENT_ENCODING) {
            return;
        }
        if let Some(busy) = sampler.take(now) {
            Self {
                busy,
                endpoint: endpoint.clone(),
                reason,
                method: parts.method.clone(),
                uri: parts.uri.clone(),
                headers: parts.headers.clone(),
                body,
                now,
            }
            .start();
        }
    }

    /// Begins once the answer is given, on a blocking thread. Outside any runtime, the job is dropped.
    fn start(self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(async move {
                tokio::time::sleep(BEHIND).await;
                let _ = tokio::task::spawn_blocking(move || self.run()).await;
            }));
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
