//! Bodies compressed with gzip (RFC 1952), if the sender's contract says which form is signed.

mod inflating;

use std::pin::Pin;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http_body::Body;
use http_body_util::Full;

use super::authenticator::Authenticator;
#[cfg(feature = "asymmetric")]
use super::authenticator::await_keys;
use super::checks::Pending;
use super::held::HeldBytes;
use super::limits::Limits;
use super::receive::{BoxError, keep, receive, sender_brought};
use crate::authenticated::AuthState;
use crate::contract::SignedForm;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use inflating::Inflating;

impl Authenticator {
    /// Takes a compressed body in. Both forms keep to the cap, the budget and the deadline.
    ///
    /// The handler gets the content, without the headers that describe the compressed form.
    pub(super) async fn take_in_compressed<B>(
        &self,
        signed: SignedForm,
        parts: &mut Parts,
        body: Pin<&mut B>,
        auth: &mut AuthState,
        pending: &mut Pending,
    ) -> Result<(), RejectionCause>
    where
        B: Body<Data = Bytes, Error: Into<BoxError>>,
    {
        let request_clock = self.endpoint.start_clock(&mut auth.readings);
        let limits = Limits::of(&self.endpoint, &request_clock);
        let mut held = HeldBytes::of(limits.part);
        let is_proved_first = signed == SignedForm::Compressed && !pending.is_nothing();
        let on_frame = |frame: &Bytes| pending.update(frame);
        let bytes = if !is_proved_first {
            inflate(body, limits, &mut held, on_frame).await?
        } else {
            let of_file = limits.of_a_file();
            let file = receive(body, &of_file, &mut held, sender_brought, on_frame).await?;
            auth.body = Some(file.clone());
            #[cfg(feature = "asymmetric")]
            await_keys(auth, pending, request_clock.deadline).await;
            self.judge(auth, pending, request_clock.received_at)?;
            let limits = limits.of_the_content(file.len());
            let content_held = held.split_off(file.len());
            // The room of the file, until it is dropped.
            let _file_held = std::mem::replace(&mut held, content_held);
            let mut file = Full::new(file);
            let bytes = inflate(Pin::new(&mut file), limits, &mut held, |_| {}).await?;
            auth.body = None;
            bytes
        };
        // A refusal from here on must not be reported as a body whose length was changed in
        // transit.
        parts.headers.remove(CONTENT_ENCODING);
        parts.headers.remove(CONTENT_LENGTH);
        auth.body = Some(bytes);
        if let Some(recorded) = &mut auth.recorded {
            recorded.is_decoded = true;
        }
        if !pending.is_nothing() {
            #[cfg(feature = "asymmetric")]
            await_keys(auth, pending, request_clock.deadline).await;
            self.judge(auth, pending, request_clock.received_at)?;
        }
        auth.body = auth.body.take().map(|bytes| keep(bytes, held));
        self.let_through(parts, auth);
        Ok(())
    }
}

/// Takes in the content of a file. The file is held only while the part that has arrived is decoded.
async fn inflate<B>(
    file: Pin<&mut B>,
    limits: Limits<'_>,
    held: &mut HeldBytes,
    on_frame: impl FnMut(&Bytes),
) -> Result<Bytes, RejectionCause>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    if file.size_hint().lower() > u64::try_from(limits.max_bytes).unwrap_or(u64::MAX) {
        return Err(Reason::BodyTooLarge.into());
    }
    let mut content = Inflating::new(file, limits.max_bytes);
    let brought = |content: &Inflating<'_, B>, _| content.sender_brought();
    let received = receive(Pin::new(&mut content), &limits, held, brought, on_frame).await;
    received.map_err(|cause| match cause.reason {
        Reason::BodyCutOff => content.take_fault().unwrap_or(cause),
        // The file has arrived, so the delay is due to decoding on this machine.
        Reason::BodyTooSlow if content.sender_brought().is_none() => RejectionCause::because(
            Reason::BudgetUsedUp,
            "the content of a compressed body was not decoded in time",
        ),
        _ => cause,
    })
}

#[cfg(test)]
mod tests;
