use std::pin::Pin;

use bytes::Bytes;
use http::request::Parts;
use http_body::Body;

use super::gates::Gates;
use super::observer::{Observation, Verdict};
use super::proofs::Proofs;
use super::receive::{Limits, keep, receive};
use super::reception::Reception;
use super::refusal::Refusal;
use crate::signature::{Verification, Verified};

/// The gates of a layer, and what they do with what they refuse.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    pub(crate) reception: Reception,
    pub(crate) gates: Gates,
    /// Whether the observer sees what passed too: where nothing inside this layer observes.
    pub(crate) observe_passed: bool,
}

impl Guard {
    /// Takes the body in, hashing each frame as it arrives, and judges its signature, if there is
    /// one to judge.
    ///
    /// The check stays where it is until it is over: a future that holds it would move it about.
    pub(super) async fn verify<B>(
        &self,
        parts: &mut Parts,
        body: &mut B,
        proofs: &mut Proofs,
        verification: &mut Option<Verification>,
    ) -> Result<(), Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let Some(check) = verification else {
            return Ok(());
        };
        for name in self.reception.secret_headers.iter() {
            if let Some(value) = parts.headers.get_mut(name) {
                value.set_sensitive(true);
            }
        }
        let arrival = proofs.arrival(&self.reception);
        let (limits, received_at) = (Limits::of(&self.reception, &arrival), arrival.received_at);
        let (bytes, held) = receive(Pin::new(body), limits, |frame| check.update(frame)).await?;
        // What is refused now is shown to the observer with its body.
        proofs.body = Some(bytes);
        if let Some(check) = verification.take() {
            let verified = check.finish(received_at)?;
            self.reception.clock_watch.proved(&verified);
            proofs.signature = Some(verified);
        }
        proofs.body = proofs.body.take().map(|bytes| keep(bytes, held));
        if self.observe_passed {
            self.passed(parts, proofs);
        }
        Ok(())
    }

    fn passed(&self, parts: &Parts, proofs: &Proofs) {
        let reception = &self.reception;
        let mut passed = Observation {
            signed_by: proofs.signature.as_ref().map(Verified::key_ids),
            client: proofs.client,
            headers: (reception.interest().headers).then(|| reception.masked(parts)),
            body: proofs.body.as_ref().filter(|_| reception.interest().body),
            ..reception.observation(Verdict::Passed)
        };
        reception.observe(&mut passed, proofs.arriving.started());
    }
}
