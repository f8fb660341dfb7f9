//! JWS tokens, if a scheme uses them for signatures.

#[cfg(feature = "testing")]
use super::At;
use super::General;
use super::outcome::{Outcome, short};
use super::read::{Read, check_id};
use crate::clock::{Tolerance, UnixTime};
use crate::digest::Digest;
use crate::jws::{Ill, Request, Token};
use crate::secret::{Matching, SigningKey};
use crate::signature::error::{SignatureError, SignatureErrorKind as Kind, Stale};
use crate::signature::public_url::PublicUrl;

impl General {
    /// The text of a token, if it has the form that the rules demand.
    pub(super) fn jws_token(&self, text: &[u8]) -> Option<Vec<u8>> {
        let token = Token::parse(text)?;
        let allowed = self.jws.as_ref().is_some_and(|jws| jws.allows(&token));
        allowed.then(|| text.to_vec())
    }

    /// Records the key that the token names, if the rules use it.
    pub(super) fn name_key(&self, read: &mut Read) -> Result<(), SignatureError> {
        let Some(jws) = self.jws.as_ref().filter(|jws| jws.names_key()) else {
            return Ok(());
        };
        let token = read.candidates.first().and_then(|text| Token::parse(text));
        // A token without a name may be signed with any of a few keys.
        if let Some(name) = token.and_then(|token| jws.key_name(&token)) {
            let unread = |_| SignatureError::new(Kind::MissingContent);
            read.key_id = Some(check_id(name.into_bytes()).map_err(unread)?);
        }
        Ok(())
    }

    /// The headers that the token lists, if the rules use the list.
    pub(super) fn listed_by_token(&self, read: &Read) -> Result<String, SignatureError> {
        let Some(jws) = self.jws.as_ref().filter(|jws| jws.lists_headers()) else {
            return Ok(String::new());
        };
        let token = read.candidates.first().and_then(|text| Token::parse(text));
        let listed = token.and_then(|token| jws.listed(&token));
        listed.ok_or(SignatureError::new(Kind::MissingContent))
    }

    /// Whether the body is the token.
    #[cfg(feature = "testing")]
    pub(super) fn is_body_token(&self) -> bool {
        self.places.iter().any(|at| matches!(at, At::Body))
    }

    /// The verdict on a token: its signature first, then its claims, and their times last.
    pub(super) fn judge_token<'k>(
        &self,
        read: &Read,
        keys: impl Iterator<Item = &'k SigningKey>,
        content: &[u8],
        body: &[u8],
        (tolerance, now): (Tolerance, UnixTime),
    ) -> Result<Outcome, SignatureError> {
        let new = SignatureError::new;
        let jws = self.jws.as_ref().ok_or(new(Kind::Malformed))?;
        let text = read.candidates.first().ok_or(new(Kind::NoCandidate))?;
        let token = Token::parse(text).ok_or(new(Kind::Malformed))?;
        let input = jws.input(&token, content);
        let mut matching = Matching::default();
        for key in keys {
            if jws.signed_by(key, &token, &input) {
                matching.add(key.id());
            }
        }
        let keys = matching.into_ids().ok_or(new(Kind::Mismatch))?;
        let request = Request {
            body,
            url: self.url.as_ref().map(PublicUrl::as_str),
            tolerance,
            now,
        };
        match jws.judge(&token, request) {
            Ok(told) => Ok(Outcome {
                keys,
                signed_at: told.issued_at,
                id: told.id,
            }),
            Err(Ill::Missing) => Err(new(Kind::MissingContent)),
            Err(Ill::Other) => Err(new(Kind::Mismatch)),
            Err(Ill::Time(skew)) => {
                let content = short(&Digest::Sha256.hash([&*input]));
                Err(SignatureError::stale(Stale {
                    skew,
                    keys,
                    content,
                    tolerance,
                }))
            }
        }
    }
}
