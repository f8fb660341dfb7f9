use std::pin::Pin;

use bytes::Bytes;
use http::request::Parts;
use http_body::Body;

use super::checks::{Checks, Pending};
use super::endpoint::EndpointConfig;
use super::receive::{BoxError, Limits, keep, receive};
use crate::authenticated::AuthState;
use crate::observer::{Observation, Verdict};
use crate::prove;
use crate::rejection_cause::RejectionCause;
use crate::signature::Verified;

/// The gates of a layer, and what they do with what they refuse.
#[derive(Debug, Clone)]
pub(crate) struct Authenticator {
    pub(crate) endpoint: EndpointConfig,
    pub(crate) checks: Checks,
    /// Whether the observer sees what passed too: where nothing inside this layer observes.
    pub(crate) observe_passed: bool,
}

impl Authenticator {
    /// Takes the body in, hashing each frame as it arrives, and judges what is to
    /// prove by it: its signature, and a proof of the user's own.
    ///
    /// The check stays where it is until it is over: a future that holds it would move it about.
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
        let request_clock = self.endpoint.start_clock(&mut auth.readings);
        let limits = Limits::of(&self.endpoint, &request_clock);
        let hash = |frame: &Bytes| {
            if let Some(check) = &mut pending.signature {
                check.update(frame);
            }
        };
        let (bytes, held) = receive(body, limits, hash).await?;
        // What is refused now is shown to the observer with its body.
        auth.body = Some(bytes);
        if let Some(check) = &mut pending.signature {
            let verified = check.judge(request_clock.received_at)?;
            pending.signature = None;
            self.endpoint.clock_watch.proved(&verified);
            auth.signature = Some(verified);
        }
        if let Some((own, step)) = self.checks.custom.as_ref().zip(pending.custom.take()) {
            let body = auth.body.as_deref().unwrap_or_default();
            let proved = prove::finish(*step, body, request_clock.received_at)?;
            if let Some(verified) = proved.verified() {
                self.endpoint.clock_watch.proved(verified);
            }
            auth.custom = Some(Box::new((own.covers(), proved)));
        }
        auth.body = auth.body.take().map(|bytes| keep(bytes, held));
        if self.observe_passed {
            self.passed(parts, auth);
        }
        Ok(())
    }

    fn passed(&self, parts: &Parts, auth: &AuthState) {
        let endpoint = &self.endpoint;
        let mut passed = Observation {
            signed_by: auth.verified().map(Verified::key_ids),
            client: auth.client,
            headers: (endpoint.interest().headers).then(|| endpoint.masked(parts)),
            body: auth.body.as_ref().filter(|_| endpoint.interest().body),
            ..endpoint.observation(Verdict::Passed)
        };
        endpoint.observe(&mut passed, auth.readings.started());
    }
}
