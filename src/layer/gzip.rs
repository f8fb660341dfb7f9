//! Bodies that come compressed by gzip (RFC 1952), where the sender's contract says which form is signed.

use std::io::{self, Cursor, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use flate2::bufread::GzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http_body::{Body, Frame, SizeHint};

use super::authenticator::Authenticator;
#[cfg(feature = "asymmetric")]
use super::authenticator::await_keys;
use super::checks::Pending;
use super::receive::{BoxError, Limits, keep, receive};
use crate::authenticated::AuthState;
use crate::contract::SignedForm;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;

impl Authenticator {
    /// Takes a compressed body in. Compressed or not, it keeps to the cap, the budget and the deadline.
    ///
    /// The handler gets the content, without the headers that told of the other form.
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
        let is_decoded = signed == SignedForm::Decoded;
        let request_clock = self.endpoint.start_clock(&mut auth.readings);
        let limits = Limits::of(&self.endpoint, &request_clock);
        let (sent, _sent_held) = receive(body, limits, |frame| {
            if !is_decoded {
                pending.update(frame);
            }
        })
        .await?;
        auth.body = Some(sent.clone());
        if !is_decoded {
            #[cfg(feature = "asymmetric")]
            await_keys(auth, pending, request_clock.deadline).await;
            self.judge(auth, pending, request_clock.received_at)?;
        }
        let mut content = Inflating::new(sent);
        let inflated = receive(Pin::new(&mut content), limits, |frame| {
            if is_decoded {
                pending.update(frame);
            }
        });
        let (bytes, held) = inflated.await.map_err(|cause| match cause.reason {
            Reason::BodyCutOff => RejectionCause::because(
                Reason::ContentEncoding,
                "the body is no gzip, although its Content-Encoding says so, or it ends too early",
            ),
            _ => cause,
        })?;
        // What is refused from here on is not told as a body whose length was changed on the way.
        parts.headers.remove(CONTENT_ENCODING);
        parts.headers.remove(CONTENT_LENGTH);
        auth.body = Some(bytes);
        if let Some(recorded) = &mut auth.recorded {
            recorded.is_decoded = true;
        }
        if is_decoded {
            #[cfg(feature = "asymmetric")]
            await_keys(auth, pending, request_clock.deadline).await;
            self.judge(auth, pending, request_clock.received_at)?;
        }
        auth.body = auth.body.take().map(|bytes| keep(bytes, held));
        self.let_through(parts, auth);
        Ok(())
    }
}

/// How much is decoded at a time.
const CHUNK: usize = 16 * 1024;
/// How much is decoded before others have their turn on the thread. A member without content counts as a
/// chunk.
const TURN: usize = 16 * CHUNK;

/// No file is so many times shorter than its content: zlib's technical notes,
/// <https://zlib.net/zlib_tech.html>, say 1032:1 at most.
const LARGEST_RATIO: u64 = 1_032;

/// The content of a gzip file, as a body: all of its members, one behind the other (section 2.2).
struct Inflating {
    /// None behind the last member.
    member: Option<GzDecoder<Cursor<Bytes>>>,
    /// What the file says that is still to come; 0 where it says nothing that can be. It may be wrong.
    announced: u64,
    in_turn: usize,
}

impl Inflating {
    fn new(file: Bytes) -> Self {
        // The length of the content of the last member, modulo 2^32 (section 2.3.1).
        let length = file.last_chunk().copied().map_or(0, u32::from_le_bytes);
        let most = u64::try_from(file.len())
            .unwrap_or(u64::MAX)
            .saturating_mul(LARGEST_RATIO);
        Self {
            member: next_member(Cursor::new(file)),
            announced: Some(u64::from(length))
                .filter(|length| *length <= most)
                .unwrap_or(0),
            in_turn: 0,
        }
    }

    fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        let Some(member) = &mut self.member else {
            return Ok(None);
        };
        let mut chunk = vec![0; CHUNK];
        let length = member.read(&mut chunk)?;
        if length == 0 {
            let member = self.member.take();
            self.member = member.and_then(|member| next_member(member.into_inner()));
        }
        chunk.truncate(length);
        Ok(Some(chunk.into()))
    }
}

/// What stands there, unless it is the end: nothing, or the zeros that some writers fill up with.
fn next_member(file: Cursor<Bytes>) -> Option<GzDecoder<Cursor<Bytes>>> {
    let is_end = file.chunk().iter().all(|byte| *byte == 0);
    (!is_end).then(|| GzDecoder::new(file))
}

impl Body for Inflating {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if self.in_turn >= TURN {
                self.in_turn = 0;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let chunk = match self.next_chunk() {
                Ok(None) => return Poll::Ready(None),
                Ok(Some(chunk)) => chunk,
                Err(error) => return Poll::Ready(Some(Err(error))),
            };
            self.in_turn = self.in_turn.saturating_add(CHUNK);
            if !chunk.is_empty() {
                let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
                self.announced = self.announced.saturating_sub(length);
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        // Behind what was announced there may be more: of how much the file says nothing.
        if self.announced == 0 && self.member.is_some() {
            return SizeHint::default();
        }
        SizeHint::with_exact(self.announced)
    }
}

#[cfg(test)]
mod tests;
