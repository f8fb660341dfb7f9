//! Builds the answers to challenges.

use http::{HeaderName, HeaderValue, StatusCode};

use super::reply::ChallengeReply;
use super::{Challenge, ChallengeAnswer, Subject};
use crate::clock::UnixTime;
use crate::secret::{KeyRing, SigningKey};

impl Challenge {
    pub(super) fn reply(
        &self,
        text: &str,
        keys: Option<&KeyRing>,
        now: UnixTime,
    ) -> ChallengeReply {
        let bad = || ChallengeReply::empty(StatusCode::BAD_REQUEST);
        if self.subject != Subject::Nothing && !self.text.allows(text) {
            return bad();
        }
        // A token contains no character that JSON escapes.
        let json = |members: &[(&str, &str)]| {
            let members = members
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).into()));
            let object = serde_json::Value::Object(members.collect());
            ChallengeReply::of("application/json", object.to_string().into_bytes())
        };
        if let Some(hash) = &self.hash {
            return match hash.of(text, now) {
                Some(spelled) => json(&[(hash.member(), &spelled)]),
                None => ChallengeReply::empty(StatusCode::SERVICE_UNAVAILABLE),
            };
        }
        match &self.answer {
            ChallengeAnswer::Nothing => ChallengeReply::empty(StatusCode::OK),
            ChallengeAnswer::NoContent => ChallengeReply::empty(StatusCode::NO_CONTENT),
            ChallengeAnswer::Fixed(text) => {
                ChallengeReply::of("application/json", text.as_bytes().to_vec())
            }
            ChallengeAnswer::Text => {
                ChallengeReply::of("text/plain; charset=utf-8", text.as_bytes().to_vec())
            }
            ChallengeAnswer::Json(member) => json(&[(member, text)]),
            ChallengeAnswer::Hmac {
                text: again,
                member,
                prefix,
                encoding,
            } => {
                let keys = keys.map(KeyRing::snapshot).unwrap_or_default();
                let mut active = keys.iter().filter(|key| key.is_active(now));
                let Some(secret) = active.find_map(SigningKey::secret) else {
                    return ChallengeReply::empty(StatusCode::SERVICE_UNAVAILABLE);
                };
                let mac = secret.mac(std::iter::once(text.as_bytes()));
                let spelled = format!("{prefix}{}", encoding.encode(&mac));
                match again {
                    Some(again) => json(&[(again, text), (member, &spelled)]),
                    None => json(&[(member, &spelled)]),
                }
            }
            ChallengeAnswer::SignedText {
                before,
                algorithm,
                encoding,
            } => {
                let keys = keys.map(KeyRing::snapshot).unwrap_or_default();
                let mut active = keys.iter().filter(|key| key.is_active(now));
                let mac = (active.find_map(SigningKey::secret))
                    .and_then(|secret| algorithm.mac(secret.bytes(), [text.as_bytes()]));
                match mac {
                    Some(mac) => {
                        let signed = format!("{before}{}", encoding.encode(&mac));
                        ChallengeReply::of("text/plain; charset=utf-8", signed.into_bytes())
                    }
                    None => ChallengeReply::empty(StatusCode::SERVICE_UNAVAILABLE),
                }
            }
            ChallengeAnswer::AllowedOrigin(origins) => {
                let mut reply = ChallengeReply::empty(StatusCode::OK);
                match HeaderValue::from_str(text) {
                    Ok(value) if origins.iter().any(|origin| origin == text) => {
                        let name = HeaderName::from_static("webhook-allowed-origin");
                        reply.headers.insert(name, value);
                        reply
                    }
                    _ => bad(),
                }
            }
        }
    }
}
