//! Answers the challenges of a sender: they are never claimed and never a duplicate.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response};

use crate::challenge::{Challenge, ChallengeText};
use crate::clock::UnixTime;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::head::RequestHead;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::secret::KeyRing;
use crate::signature::{Algorithm, Scheme};

/// The sender's challenges, and the keys that sign its events.
#[derive(Debug, Clone)]
pub(crate) struct Challenges {
    all: Arc<[Challenge]>,
    keys: Option<KeyRing>,
}

impl Challenges {
    /// The challenges of a provider; `None` if its sender has none.
    pub(crate) fn of(all: &[Challenge], keys: Option<&KeyRing>) -> Option<Self> {
        (!all.is_empty()).then(|| Self {
            all: all.into(),
            keys: keys.cloned(),
        })
    }

    /// Refuses a challenge whose answer could be the signature of an event.
    pub(crate) fn check(all: &[Challenge], scheme: Option<&Scheme>) -> Result<(), ConfigError> {
        let is_oracle = |(algorithm, text): (Algorithm, ChallengeText)| {
            let may_hold = |byte| text.may_hold(byte);
            scheme.is_some_and(|it| it.may_sign_only(algorithm, text.longest(), may_hold))
        };
        match all.iter().filter_map(Challenge::signs).any(is_oracle) {
            false => Ok(()),
            true => Err(ConfigError::new(
                ConfigErrorKind::Proof,
                "a challenge is answered with what could be the signature of an event: have the \
                 scheme demand a `json_body`",
            )),
        }
    }

    /// Whether a challenge may use this method.
    pub(super) fn come_with(&self, method: &Method) -> bool {
        self.all
            .iter()
            .any(|challenge| challenge.method() == method)
    }

    /// Ends a request that makes a challenge before any proof.
    pub(super) fn ask_head(
        &self,
        head: RequestHead<'_>,
        now: UnixTime,
    ) -> Result<(), RejectionCause> {
        let keys = self.keys.as_ref();
        let mut replies = self
            .all
            .iter()
            .filter_map(|it| it.reply_to_head(head, keys, now));
        replies
            .next()
            .map_or(Ok(()), |reply| Err(RejectionCause::replied(reply)))
    }

    /// Whether a secret is awaited in a body: until then, no request can be proved.
    pub(super) fn await_secret(&self, now: UnixTime) -> bool {
        self.all.iter().any(|it| it.awaits_secret(now))
    }

    /// Ends a delivery that was let in without a proof, because a secret is awaited.
    pub(super) fn ask_unproved(&self, body: &[u8], now: UnixTime) -> RejectionCause {
        let mut replies = self
            .all
            .iter()
            .filter_map(|it| it.reply_to_secret(body, now));
        match replies.next() {
            Some(reply) => RejectionCause::replied(reply),
            None => RejectionCause::because(Reason::ProofRefused, "the handshake is awaited first"),
        }
    }

    /// Ends a proved delivery that makes a challenge.
    pub(super) fn ask_body(&self, body: &[u8], now: UnixTime) -> Result<(), RejectionCause> {
        let keys = self.keys.as_ref();
        let mut replies = self
            .all
            .iter()
            .filter_map(|it| it.reply_to_body(body, keys, now));
        replies
            .next()
            .map_or(Ok(()), |reply| Err(RejectionCause::replied(reply)))
    }
}

/// The response to a challenge, in place of the one that its reason alone would give.
pub(super) fn reply(cause: &RejectionCause, mut response: Response<Bytes>) -> Response<Bytes> {
    let reply = cause
        .reply
        .as_deref()
        .filter(|_| cause.reason == Reason::Probe);
    if let Some(reply) = reply {
        let (status, headers, body) = reply.clone().into_parts();
        *response.status_mut() = status;
        response.headers_mut().extend(headers);
        *response.body_mut() = body.into();
    }
    response
}
