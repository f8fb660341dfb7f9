//! Signatures of a message (RFC 9421), if a scheme uses them.

use std::borrow::Cow;

use super::outcome::{Outcome, short};
use super::read::{Read, check_id};
use super::{At, General, Settings};
use crate::clock::{Tolerance, UnixTime};
use crate::digest::Digest;
use crate::head::RequestHead;
use crate::message_signature::{Asked, Candidate, MessageSignatures, Unread};
use crate::secret::{Matching, SigningKey};
use crate::signature::error::{SignatureError, SignatureErrorKind as Kind, Stale};
use crate::signature::public_url::PublicUrl;

impl General {
    /// Reads the signatures that the rules select, and the content that each covers.
    pub(super) fn read_messages(
        &self,
        head: RequestHead<'_>,
        read: &mut Read,
    ) -> Result<(), SignatureError> {
        let Some(rules) = &self.message else {
            return Ok(());
        };
        let asked = Asked {
            method: head.method(),
            uri: head.uri(),
            headers: head.headers(),
        };
        let refused = |why| match self.places.first() {
            Some(place) => Self::error(kind_of(why), place),
            None => SignatureError::new(kind_of(why)),
        };
        read.messages = rules.candidates(asked).map_err(refused)?;
        if read.messages.len() > self.most_signatures {
            return Err(refused(Unread::TooMany));
        }
        // If keys are fetched, only one of them checks a message: the first whose name can be queried.
        let mut named = read.messages.iter().filter_map(|it| it.key_id.clone());
        read.key_id = named.find_map(|name| check_id(name.into_bytes()).ok());
        Ok(())
    }

    /// Removes all signatures except those of the one key that can be fetched for this message.
    pub(super) fn keep_of_one_key(&self, read: &mut Read) {
        let name = read.key_id.clone();
        let is_of = |it: &Candidate| match (&it.key_id, &name) {
            (Some(id), Some(name)) => id.as_bytes() == name,
            _ => true,
        };
        read.messages.retain(is_of);
    }

    /// The verdict on a message: a signature that is right and whose digests match the body; its
    /// times are checked last.
    pub(super) fn judge_messages(
        &self,
        read: &Read,
        keys: &[&SigningKey],
        body: &[u8],
        (tolerance, now): (Tolerance, UnixTime),
    ) -> Result<Outcome, SignatureError> {
        let new = SignatureError::new;
        let rules = self.message.as_ref().ok_or(new(Kind::Malformed))?;
        let mut refused = new(Kind::Mismatch);
        for candidate in &read.messages {
            let named = |key: &&SigningKey| candidate.key_id.as_deref() == Some(key.id().as_str());
            let any_named = keys.iter().copied().any(|key| named(&key));
            if !candidate.is_of(body) {
                continue;
            }
            let mut matching = Matching::default();
            for key in keys.iter().filter(|key| !any_named || named(key)) {
                if rules.signed_by(key, candidate) {
                    matching.add(key.id());
                }
            }
            let Some(keys) = matching.into_ids() else {
                continue;
            };
            if let Err(skew) = rules.fresh(candidate, tolerance, now) {
                refused = SignatureError::stale(Stale {
                    skew,
                    keys,
                    content: short(&Digest::Sha256.hash([candidate.base()])),
                    tolerance,
                });
                continue;
            }
            let nonce = rules
                .id(candidate)
                .map(|id| check_id(id.as_bytes().to_vec()));
            let id = match nonce {
                Some(id) => Some(id.map_err(new)?),
                None => read.id.clone(),
            };
            return Ok(Outcome {
                keys,
                signed_at: candidate.created,
                id: id.and_then(|id| String::from_utf8(id).ok()),
            });
        }
        Err(refused)
    }
}

/// The rules of message signatures, for the URL that the sender was given.
pub(super) fn message_rules(
    rules: &MessageSignatures,
    settings: &Settings,
    id: Option<&At>,
    reads_time: bool,
) -> Result<MessageSignatures, Cow<'static, str>> {
    let rules = rules.checked(settings.url.as_ref().map(PublicUrl::as_str))?;
    if reads_time || settings.key_id_place.is_some() {
        return Err("a message signature says itself when and with which key it was made".into());
    }
    let covers = |id: &At| id.headers().iter().all(|name| rules.demands_header(name));
    match id {
        Some(id) if !id.is_in_head() || !covers(id) => {
            Err("the id is read but not signed: it is of a header that must be covered".into())
        }
        _ => Ok(rules),
    }
}

fn kind_of(why: Unread) -> Kind {
    match why {
        Unread::NoHeader => Kind::MissingHeader,
        Unread::TooLong => Kind::HeaderTooLong,
        Unread::TooMany => Kind::TooManyCandidates,
        Unread::Malformed | Unread::UnknownParameter => Kind::Malformed,
        Unread::NotNamed | Unread::OtherAlgorithm => Kind::NoCandidate,
        Unread::BadTime => Kind::InvalidTimestamp,
        Unread::NotCovered | Unread::NotThere | Unread::NoUrl | Unread::NoKnownDigest => {
            Kind::MissingContent
        }
        Unread::Ambiguous => Kind::AmbiguousContent,
    }
}
