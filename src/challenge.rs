//! What a sender asks an endpoint before events flow, and the answer: data, and a pure function.
//!
//! An answer may sign a stranger's text with the key that signs events, but only texts that cannot
//! be an event: see [`ChallengeText`]. A webhook whose scheme could take such an answer for an
//! event is not built.

mod answers;
mod bringing;
mod handshake;
mod hash;
mod hashed;
mod reply;
mod text;
mod token;

use std::borrow::Cow;

use http::{Method, StatusCode};

use crate::clock::UnixTime;
use crate::digest::Digest;
use crate::encoding::Encoding;
use crate::event::{Lookup, text_of};
use crate::head::RequestHead;
use crate::secret::KeyRing;
use crate::signature::Algorithm;

pub use self::handshake::Handshake;
use self::hash::ChallengeHash;
pub use self::reply::ChallengeReply;
pub use self::text::ChallengeText;
use self::token::includes;

/// A challenge that a sender sends to an endpoint, and its answer.
///
/// ```
/// use http::{HeaderMap, Method};
/// use tower_webhook::challenge::{Challenge, ChallengeAnswer, ChallengeText};
/// use tower_webhook::{RequestHead, UnixTime};
///
/// let okta = Challenge::in_header(Method::GET, "x-okta-verification-challenge", ChallengeText::Token)
///     .answer(ChallengeAnswer::json("verification"));
/// let request = http::Request::get("/hooks").header("x-okta-verification-challenge", "abc").body(())?;
/// let reply = okta.reply_to_head(RequestHead::from(&request), None, UnixTime::now()).unwrap();
/// assert_eq!(reply.body(), br#"{"verification":"abc"}"#);
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Challenge {
    method: Method,
    subject: Subject,
    text: ChallengeText,
    when: Vec<(Subject, Cow<'static, str>)>,
    token: Option<(Cow<'static, str>, KeyRing)>,
    only_item: bool,
    answer: ChallengeAnswer,
    hash: Option<Box<ChallengeHash>>,
    handshake: Option<Handshake>,
}

/// The place of a value in a challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    Nothing,
    Parameter(Cow<'static, str>),
    Header(Cow<'static, str>),
    Member(Cow<'static, str>),
}

/// The answer to a challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChallengeAnswer {
    /// 200 without a body.
    Nothing,
    /// 204.
    NoContent,
    /// 200 with this JSON, whatever the text is.
    Fixed(Cow<'static, str>),
    /// 200 with the text, as plain text.
    Text,
    /// 200 with the text as this member of a JSON object.
    Json(Cow<'static, str>),
    /// 200 with the HMAC-SHA256 of the text under the key that signs events, as a member of a JSON
    /// object.
    Hmac {
        /// The member that repeats the text, if there is one.
        text: Option<Cow<'static, str>>,
        /// The member with the HMAC.
        member: Cow<'static, str>,
        /// The text before the HMAC.
        prefix: Cow<'static, str>,
        /// The encoding of the MAC.
        encoding: Encoding,
    },
    /// 200 with a text, followed by the MAC of the challenge under the key that signs events, as
    /// plain text (Braintree).
    SignedText {
        /// The text before the MAC.
        before: Cow<'static, str>,
        /// The algorithm of the MAC: the same as the scheme's.
        algorithm: Algorithm,
        /// The encoding of the MAC.
        encoding: Encoding,
    },
    /// 200 with `WebHook-Allowed-Origin`, if the text is one of these origins (CloudEvents).
    AllowedOrigin(Vec<Cow<'static, str>>),
}

impl ChallengeAnswer {
    /// The text as this member of a JSON object.
    pub fn json(member: impl Into<Cow<'static, str>>) -> Self {
        Self::Json(member.into())
    }
}

impl Challenge {
    fn new(method: Method, subject: Subject, text: ChallengeText) -> Self {
        Self {
            method,
            subject,
            text,
            when: Vec::new(),
            token: None,
            only_item: false,
            answer: ChallengeAnswer::Text,
            hash: None,
            handshake: None,
        }
    }

    /// A request with this method and a text in this query parameter.
    ///
    /// ```
    /// use http::Method;
    /// use tower_webhook::KeyRing;
    /// use tower_webhook::SecretFormat;
    /// use tower_webhook::challenge::{Challenge, ChallengeText};
    ///
    /// // For Meta, with a token that you gave it.
    /// let tokens = KeyRing::parse(&SecretFormat::Text, &["a-token-of-some-length"])?;
    /// let meta = Challenge::in_query(Method::GET, "hub.challenge", ChallengeText::Token)
    ///     .when_parameter("hub.mode", "subscribe")
    ///     .with_token("hub.verify_token", tokens);
    /// # drop(meta);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn in_query(
        method: Method,
        name: impl Into<Cow<'static, str>>,
        text: ChallengeText,
    ) -> Self {
        Self::new(method, Subject::Parameter(name.into()), text)
    }

    /// A request with this method and a text in this header.
    pub fn in_header(
        method: Method,
        name: impl Into<Cow<'static, str>>,
        text: ChallengeText,
    ) -> Self {
        Self::new(method, Subject::Header(name.into()), text)
    }

    /// A proved delivery with a text in this member of its JSON body.
    ///
    /// ```
    /// use tower_webhook::UnixTime;
    /// use tower_webhook::challenge::{Challenge, ChallengeText};
    ///
    /// let zoom = Challenge::in_body("/payload/plainToken", ChallengeText::Token)
    ///     .when_member("/event", "endpoint.url_validation");
    /// let body = br#"{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS"}}"#;
    /// let reply = zoom.reply_to_body(body, None, UnixTime::now()).unwrap();
    /// assert_eq!(reply.body(), b"qgg8vlvZRS");
    /// ```
    pub fn in_body(pointer: impl Into<Cow<'static, str>>, text: ChallengeText) -> Self {
        Self::new(Method::POST, Subject::Member(pointer.into()), text)
    }

    /// A request with this method, such as `HEAD`, without a text.
    ///
    /// ```
    /// use http::Method;
    /// use tower_webhook::challenge::Challenge;
    ///
    /// let head = Challenge::probe(Method::HEAD);
    /// # drop(head);
    /// ```
    pub fn probe(method: Method) -> Self {
        let probe = Self::new(method, Subject::Nothing, ChallengeText::Token);
        probe.answer(ChallengeAnswer::Nothing)
    }

    /// Applies only if this parameter of the query has this value.
    #[must_use]
    pub fn when_parameter(
        mut self,
        name: impl Into<Cow<'static, str>>,
        text: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.when
            .push((Subject::Parameter(name.into()), text.into()));
        self
    }

    /// Applies only if this member of the body has this value.
    #[must_use]
    pub fn when_member(
        mut self,
        pointer: impl Into<Cow<'static, str>>,
        text: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.when
            .push((Subject::Member(pointer.into()), text.into()));
        self
    }

    /// Reads members from the only element of the array in the body.
    ///
    /// ```
    /// use tower_webhook::challenge::{Challenge, ChallengeAnswer, ChallengeText};
    ///
    /// // For Azure Event Grid.
    /// let validation = Challenge::in_body("/data/validationCode", ChallengeText::Token)
    ///     .in_only_item()
    ///     .answer(ChallengeAnswer::json("validationResponse"));
    /// # drop(validation);
    /// ```
    #[must_use]
    pub fn in_only_item(mut self) -> Self {
        self.only_item = true;
        self
    }

    /// Requires this query parameter to be one of these tokens; another one gets 403.
    #[must_use]
    pub fn with_token(
        mut self,
        parameter: impl Into<Cow<'static, str>>,
        tokens: impl Into<KeyRing>,
    ) -> Self {
        self.token = Some((parameter.into(), tokens.into()));
        self
    }

    /// Sets the answer. The text alone unless set.
    #[must_use]
    pub fn answer(mut self, answer: ChallengeAnswer) -> Self {
        self.answer = answer;
        self
    }

    /// The method that it uses.
    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// The texts that it signs with the key of events, if it does.
    pub(crate) fn signs(&self) -> Option<(Algorithm, ChallengeText)> {
        match self.answer {
            ChallengeAnswer::Hmac { .. } => Some((Algorithm::Hmac(Digest::Sha256), self.text)),
            ChallengeAnswer::SignedText { algorithm, .. } => Some((algorithm, self.text)),
            _ => None,
        }
    }

    /// Whether it brings the secret of a sender that has proved nothing yet.
    pub(crate) fn is_handshake(&self) -> bool {
        self.handshake.is_some()
    }

    fn is_signed(&self) -> bool {
        matches!(self.subject, Subject::Member(_))
    }

    /// The answer to a request without a proof, if it makes this challenge; `keys` are those that
    /// sign events.
    pub fn reply_to_head(
        &self,
        head: RequestHead<'_>,
        keys: Option<&KeyRing>,
        now: UnixTime,
    ) -> Option<ChallengeReply> {
        if self.is_signed() || head.method() != self.method {
            return None;
        }
        for (subject, text) in &self.when {
            if in_head(head, subject)? != *text {
                return None;
            }
        }
        let text = match &self.subject {
            Subject::Nothing => String::new(),
            subject => in_head(head, subject)?,
        };
        if let (Some(handshake), Subject::Header(name)) = (&self.handshake, &self.subject) {
            return Some(Self::bring(handshake, name, &text, now));
        }
        if let Some((parameter, tokens)) = &self.token {
            let shown = in_head(head, &Subject::Parameter(parameter.clone()));
            if !shown.is_some_and(|shown| includes(tokens, &shown, now)) {
                return Some(ChallengeReply::empty(StatusCode::FORBIDDEN));
            }
        }
        Some(self.reply(&text, keys, now))
    }

    /// The answer to a proved delivery, if it makes this challenge.
    pub fn reply_to_body(
        &self,
        body: &[u8],
        keys: Option<&KeyRing>,
        now: UnixTime,
    ) -> Option<ChallengeReply> {
        let Subject::Member(pointer) = &self.subject else {
            return None;
        };
        // With a key, there is no handshake: this is an event.
        if self.handshake.is_some() {
            return None;
        }
        let item = match self.only_item {
            true => Cow::Owned(only_element(body)?),
            false => Cow::Borrowed(body),
        };
        let mut pointers = vec![&**pointer];
        for (subject, _) in &self.when {
            if let Subject::Member(pointer) = subject {
                pointers.push(pointer);
            }
        }
        let found = Lookup::new(pointers).ok()?.raw(&item).ok()?;
        let mut texts = found.iter().map(|raw| text_of(raw.as_deref()?));
        let text = texts.next()??;
        let expected = (self.when.iter()).filter(|(at, _)| matches!(at, Subject::Member(_)));
        for ((_, expected), found) in expected.zip(texts) {
            if found? != *expected {
                return None;
            }
        }
        Some(self.reply(&text, keys, now))
    }
}

/// The one text at that place.
fn in_head(head: RequestHead<'_>, subject: &Subject) -> Option<String> {
    match subject {
        Subject::Parameter(name) => {
            let query = form_urlencoded::parse(head.uri().query()?.as_bytes());
            let mut values = query
                .filter(|(other, _)| other == name)
                .map(|(_, value)| value);
            let first = values.next()?.into_owned();
            values.next().is_none().then_some(first)
        }
        Subject::Header(name) => {
            let mut values = head.headers().get_all(&**name).iter();
            let first = values.next()?.to_str().ok()?.to_owned();
            values.next().is_none().then_some(first)
        }
        Subject::Nothing | Subject::Member(_) => None,
    }
}

fn only_element(body: &[u8]) -> Option<Vec<u8>> {
    let items: Vec<&serde_json::value::RawValue> = serde_json::from_slice(body).ok()?;
    match items.as_slice() {
        [item] => Some(item.get().as_bytes().to_vec()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
