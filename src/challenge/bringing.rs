//! Handshakes: challenges that bring a secret.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::handshake::Handshake;
use super::reply::ChallengeReply;
use super::text::ChallengeText;
use super::{Challenge, ChallengeAnswer, Subject};
use crate::clock::UnixTime;
use crate::event::{Lookup, text_of};

impl Challenge {
    /// A handshake that brings a secret in this header of a POST, and gets it back in the same
    /// header (Asana).
    ///
    /// ```
    /// use tower_webhook::challenge::{Challenge, Handshake};
    /// use tower_webhook::KeyRing;
    ///
    /// let handshake = Handshake::new(KeyRing::empty(), |_: &str| Ok::<_, std::io::Error>(()));
    /// let asana = Challenge::secret_in_header("X-Hook-Secret", handshake);
    /// # drop(asana);
    /// ```
    pub fn secret_in_header(name: impl Into<Cow<'static, str>>, handshake: Handshake) -> Self {
        let mut this = Self::in_header(Method::POST, name, ChallengeText::Token);
        this.handshake = Some(handshake);
        this
    }

    /// A handshake that brings a secret in this member of an unsigned body, and gets 200 (Notion).
    /// While it is [open](Handshake::is_open), no other body is accepted.
    ///
    /// ```
    /// use tower_webhook::challenge::{Challenge, Handshake};
    /// use tower_webhook::KeyRing;
    ///
    /// let handshake = Handshake::new(KeyRing::empty(), |_: &str| Ok::<_, std::io::Error>(()));
    /// let notion = Challenge::secret_in_body("/verification_token", handshake);
    /// # drop(notion);
    /// ```
    pub fn secret_in_body(pointer: impl Into<Cow<'static, str>>, handshake: Handshake) -> Self {
        let mut this =
            Self::in_body(pointer, ChallengeText::Token).answer(ChallengeAnswer::Nothing);
        this.handshake = Some(handshake);
        this
    }

    /// The header in which it brings a secret.
    pub(crate) fn secret_header(&self) -> Option<HeaderName> {
        match (&self.subject, &self.handshake) {
            (Subject::Header(name), Some(_)) => name.parse().ok(),
            _ => None,
        }
    }

    /// The pointer to the member of the body in which it brings a secret.
    pub(crate) fn secret_member(&self) -> Option<&str> {
        match (&self.subject, &self.handshake) {
            (Subject::Member(pointer), Some(_)) => Some(pointer),
            _ => None,
        }
    }

    /// Whether it waits for an unsigned body with a secret.
    pub(crate) fn awaits_secret(&self, now: UnixTime) -> bool {
        let open = |it: &Handshake| it.is_open(now);
        self.is_signed() && self.handshake.as_ref().is_some_and(open)
    }

    /// The answer to an unproved body that brings a secret.
    pub(crate) fn reply_to_secret(&self, body: &[u8], now: UnixTime) -> Option<ChallengeReply> {
        let (Subject::Member(pointer), Some(handshake)) = (&self.subject, &self.handshake) else {
            return None;
        };
        let found = Lookup::new([&**pointer]).ok()?.raw(body).ok()?;
        let secret = text_of(found.first()?.as_deref()?)?;
        let refused = handshake.take(&secret, now);
        Some(refused.unwrap_or_else(|| ChallengeReply::empty(StatusCode::OK)))
    }

    /// The answer to a secret in this header: the same header.
    pub(super) fn bring(
        handshake: &Handshake,
        name: &str,
        secret: &str,
        now: UnixTime,
    ) -> ChallengeReply {
        if let Some(refused) = handshake.take(secret, now) {
            return refused;
        }
        let mut reply = ChallengeReply::empty(StatusCode::OK);
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(secret)) {
            reply.headers.insert(name, value);
        }
        reply
    }
}
