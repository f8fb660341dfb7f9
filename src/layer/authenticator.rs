use std::pin::Pin;

use bytes::Bytes;
use http::request::Parts;
use http_body::Body;

use super::checks::{Checks, Pending};
#[cfg(feature = "gzip")]
use super::coding::compressed;
use super::endpoint::EndpointConfig;
use super::held::HeldBytes;
use super::limits::Limits;
use super::receive::{BoxError, keep, receive, sender_brought};
use crate::authenticated::AuthState;
use crate::clock::UnixTime;
use crate::observer::{Observation, Verdict};
use crate::prove;
use crate::rejection_cause::RejectionCause;
use crate::signature::Verified;

/// The gates of a layer, and what it does with the requests that they refuse.
#[derive(Debug, Clone)]
pub(crate) struct Authenticator {
    pub(crate) endpoint: EndpointConfig,
    pub(crate) checks: Checks,
    /// Whether the observer also sees accepted requests: true if nothing inside this layer
    /// observes.
    pub(crate) observe_passed: bool,
}

impl Authenticator {
    /// Takes the body in, hashing each frame as it arrives, and judges the proofs that need it: the
    /// signature, and the user's own proof.
    ///
    /// The check stays in place until it is over: a future that owned it would have to move it.
    pub(super) async fn take_in<B>(
        &self,
        parts: &mut Parts,
        body: Pin<&mut B>,
        auth: &mut AuthState,
        pending: &mut Pending,
    ) -> Result<(), RejectionCause>
    where
        B: Body<Data = Bytes, Error: Into<BoxError>>,
    {
        if !pending.is_nothing() {
            for name in self.endpoint.secret_headers.iter() {
                if let Some(value) = parts.headers.get_mut(name) {
                    value.set_sensitive(true);
                }
            }
        }
        #[cfg(feature = "gzip")]
        if let Some(signed) = compressed(&parts.headers, &self.endpoint.contract) {
            // Boxed, like everything that most deliveries do without.
            let taking = self.take_in_compressed(signed, parts, body, auth, pending);
            return Box::pin(taking).await;
        }
        let request_clock = self.endpoint.start_clock(&mut auth.readings);
        let limits = Limits::of(&self.endpoint, &request_clock);
        let mut held = HeldBytes::of(limits.part);
        let on_frame = |frame: &Bytes| pending.update(frame);
        let bytes = receive(body, &limits, &mut held, sender_brought, on_frame).await?;
        // From here on, the observer sees the body of a refused request.
        auth.body = Some(bytes);
        #[cfg(feature = "asymmetric")]
        await_keys(auth, pending, request_clock.deadline).await;
        self.judge(auth, pending, request_clock.received_at)?;
        auth.body = auth.body.take().map(|bytes| keep(bytes, held));
        self.let_through(parts, auth);
        Ok(())
    }

    /// Checks the proofs that need the received body.
    pub(super) fn judge(
        &self,
        auth: &mut AuthState,
        pending: &mut Pending,
        now: UnixTime,
    ) -> Result<(), RejectionCause> {
        if let Some(check) = &mut pending.signature {
            let judged = check.judge(now);
            let keys = match &judged {
                Ok(verified) => Some(verified.key_ids()),
                // This is authentic too.
                Err(error) => error.key_ids(),
            };
            if let Some((verifier, keys)) = self.checks.signature.as_ref().zip(keys) {
                verifier.keys().matched(keys, now);
            }
            let verified = judged?;
            pending.signature = None;
            self.endpoint.clock_watch.proved(&verified);
            auth.signature = Some(verified);
        }
        if let Some((own, step)) = self.checks.custom.as_ref().zip(pending.custom.take()) {
            let body = auth.body.as_deref().unwrap_or_default();
            let proved = prove::finish(*step, body, now)?;
            if let Some(verified) = proved.verified() {
                self.endpoint.clock_watch.proved(verified);
            }
            auth.custom = Some(Box::new((own.covers(), proved)));
        }
        Ok(())
    }

    /// Reports a request that is let through, if the observer wants to see those.
    pub(super) fn let_through(&self, parts: &Parts, auth: &AuthState) {
        if !self.observe_passed {
            return;
        }
        let endpoint = &self.endpoint;
        let mut passed = Observation {
            signed_by: auth.verified().map(Verified::key_ids),
            client: auth.client,
            headers: (endpoint.interest().headers).then(|| endpoint.masked(parts)),
            body: auth.body.as_ref().filter(|_| endpoint.interest().body),
            ..endpoint.observation(Verdict::Passed)
        };
        endpoint.observe(&mut passed, auth.readings.started(), auth);
    }
}

/// Gives the keys that the body's proof needs time to be fetched, until the deadline. If one is
/// still missing then, the proof reports it.
#[cfg(feature = "asymmetric")]
pub(super) fn await_keys(
    auth: &AuthState,
    pending: &Pending,
    deadline: tokio::time::Instant,
) -> impl Future<Output = ()> + Send + 'static {
    let body = auth.body.as_deref().unwrap_or_default();
    let step = pending.custom.as_deref();
    let wanted = step.and_then(|step| prove::wanted(step, body));
    async move {
        if let Some(wanted) = wanted {
            let _ = tokio::time::timeout_at(deadline, wanted.0).await;
        }
    }
}
