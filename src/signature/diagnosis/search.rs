//! Tries changes one by one until one matches.

use std::sync::Arc;

use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use super::cause::{Cause, Diagnosis, Finding};
use super::diagnose::Diagnose;
use super::trial::{Found, Match, Search};
use super::{bodies, heads};
use crate::clock::UnixTime;
use crate::head::{RequestHead, announced_length};
use crate::secret::KeyRing;
use crate::signature::error::{SignatureError, SignatureErrorKind as Kind};
use crate::signature::read::Read;
use crate::signature::scheme::Scheme;
use crate::signature::verifier::Verifier;

/// A signature with at most this many wrong bits counts as damaged.
const DAMAGED_BITS: u32 = 8;

impl Diagnose {
    /// The reason why this delivery is refused at this time: its head, as a [`RequestHead`] or as
    /// headers alone, and its body as it arrived.
    ///
    /// It takes up to a second of CPU time: never run it while handling a delivery.
    pub fn delivery<'h>(
        &self,
        head: impl Into<RequestHead<'h>>,
        body: &[u8],
        now: UnixTime,
    ) -> Diagnosis {
        Search::new(self, head.into(), body, now).run()
    }
}

impl Search<'_> {
    fn run(mut self) -> Diagnosis {
        let (refused, found) = match self.asked.verifier.verify(self.head, self.body, self.now) {
            Ok(verified) => {
                let found = Found {
                    findings: Vec::new(),
                    key: Some(verified.key_id().clone()),
                };
                (None, found)
            }
            Err(refused) => {
                let found = self.find(&refused);
                (Some(refused), found)
            }
        };
        Diagnosis {
            refused,
            findings: found.findings,
            key: found.key,
            tried: self.tried,
            is_complete: self.is_complete,
        }
    }

    fn find(&mut self, refused: &SignatureError) -> Found {
        if let Some(stale) = refused.as_stale() {
            let found = Found {
                findings: vec![self.of_time(stale.skew)],
                key: None,
            };
            return found.by(stale.keys.first());
        }
        match refused.kind() {
            Kind::Mismatch | Kind::NoActiveKey | Kind::MissingContent | Kind::AmbiguousContent => {
                (self.of_keys())
                    .or_else(|| self.of_content())
                    .or_else(|| self.of_other_schemes())
                    .or_else(|| self.of_key_and_body())
                    .or_else(|| self.damaged())
                    .or_else(|| self.of_length())
                    .unwrap_or_else(|| Found::one(Cause::Unknown, unknown(refused)))
            }
            _ => (self.of_spelling())
                .or_else(|| self.of_other_schemes())
                .unwrap_or_else(|| Found::one(Cause::Header, self.of_header(refused))),
        }
    }

    fn of_keys(&mut self) -> Option<Found> {
        let (scheme, head, body) = (self.scheme(), self.head, self.body);
        if let Some(matched) = self.ask(scheme, &self.all_keys(), head, body) {
            let what = "the key that made the signature has expired here";
            return Some(self.with_time(Finding::new(Cause::KeyExpired, what), &matched));
        }
        for (name, ring) in &self.asked.others {
            if let Some(matched) = self.ask(scheme, ring, head, body) {
                let what = format!("the key that made the signature is of {name}");
                return Some(self.with_time(Finding::new(Cause::OtherKeys, what), &matched));
            }
        }
        let candidates = self.candidates();
        let matched = self.ask(scheme, &candidates.ring, head, body)?;
        let (of, cause, what) = candidates.of(&matched)?;
        let found = self.with_time(Finding::new(*cause, *what), &matched);
        Some(found.by(of))
    }

    fn of_content(&mut self) -> Option<Found> {
        let ring = self.all_keys();
        (self.of_times(&ring))
            .or_else(|| self.of_url(&ring))
            .or_else(|| {
                let (finding, matched) = self.of_body(&ring)?;
                Some(self.with_time(finding, &matched))
            })
    }

    fn of_times(&mut self, ring: &KeyRing) -> Option<Found> {
        let (scheme, head, body) = (self.scheme(), self.head, self.body);
        let mut found = None;
        heads::other_times(scheme, head.headers(), |cause, what, headers| {
            let head = RequestHead::new(head.method(), head.uri(), headers);
            let matched = self.ask(scheme, ring, head, body);
            // The signed time is close to now: only the stated one may be far off.
            found = matched.map(|it| Found::one(cause, what).by(&it.key));
            found.is_none()
        });
        found
    }

    #[cfg(feature = "senders")]
    fn of_url(&mut self, ring: &KeyRing) -> Option<Found> {
        let (head, body) = (self.head, self.body);
        super::urls::changes(self.scheme(), head)
            .iter()
            .find_map(|changed| {
                let head = RequestHead::new(head.method(), &changed.uri, head.headers());
                let matched = self.ask(&changed.scheme, ring, head, body)?;
                Some(self.with_time(Finding::new(changed.cause, changed.what), &matched))
            })
    }

    #[cfg(not(feature = "senders"))]
    fn of_url(&mut self, _: &KeyRing) -> Option<Found> {
        None
    }

    fn of_body(&mut self, ring: &KeyRing) -> Option<(Finding, Match)> {
        let (scheme, head, body) = (self.scheme(), self.head, self.body);
        let mut found = None;
        bodies::changes(body, |changed| {
            let matched = self.ask(scheme, ring, head, &changed.bytes);
            found = matched.map(|it| (Finding::new(changed.cause, changed.what), it));
            found.is_none() && self.is_complete
        });
        found
    }

    /// A changed key and a changed body at once.
    fn of_key_and_body(&mut self) -> Option<Found> {
        let candidates = self.candidates();
        let (finding, matched) = self.of_body(&candidates.ring)?;
        let (of, cause, what) = candidates.of(&matched)?;
        let mut found = self.with_time(finding, &matched).by(of);
        found.findings.insert(0, Finding::new(*cause, *what));
        Some(found)
    }

    fn of_spelling(&mut self) -> Option<Found> {
        let (scheme, head, body) = (self.scheme(), self.head, self.body);
        let ring = self.all_keys();
        heads::respelled(scheme, head.headers()).iter().find_map(|headers| {
            let head = RequestHead::new(head.method(), head.uri(), headers);
            let matched = self.ask(scheme, &ring, head, body)?;
            let what = "the signature is right, and is spelled otherwise than this sender spells it: \
                        hex or base64, its prefix, its letters";
            Some(self.with_time(Finding::new(Cause::SignatureSpelling, what), &matched))
        })
    }

    fn of_other_schemes(&mut self) -> Option<Found> {
        let schemes = Arc::clone(&self.asked.schemes);
        let (head, body) = (self.head, self.body);
        let (ring, candidates) = (self.all_keys(), self.candidates());
        schemes.iter().find_map(|(name, scheme)| {
            let scheme = self.of_our_url(scheme);
            let matched = (self.ask(&scheme, &ring, head, body))
                .or_else(|| self.ask(&scheme, &candidates.ring, head, body))?;
            let what = format!("it is signed as a delivery of {name}, with this secret");
            let of = candidates.of(&matched).map(|(of, ..)| of.clone());
            let found = self.with_time(Finding::new(Cause::OtherScheme, what), &matched);
            Some(match of {
                Some(of) => found.by(&of),
                None => found,
            })
        })
    }

    /// The scheme with the configured URL.
    fn of_our_url(&self, scheme: &Scheme) -> Scheme {
        #[cfg(feature = "senders")]
        if let Some(url) = self
            .scheme()
            .general
            .as_ref()
            .and_then(|it| it.url.as_ref())
        {
            return super::urls::with_url(scheme, url);
        }
        scheme.clone()
    }

    /// The fault of the head, and the sender that it resembles.
    fn of_header(&self, refused: &SignatureError) -> String {
        let ring = self.all_keys();
        let alike = self.asked.schemes.iter().filter(|(_, scheme)| {
            let verifier = Verifier::new(scheme.clone(), ring.clone());
            scheme.headers().next().is_some() && verifier.begin(self.head, self.now).is_ok()
        });
        let names: Vec<_> = alike.map(|(name, _)| &**name).take(3).collect();
        match names.is_empty() {
            true => refused.to_string(),
            false => format!(
                "{refused}; the headers look like those of {}",
                names.join(" or ")
            ),
        }
    }

    /// Whether only a few bits of a signature are wrong.
    fn damaged(&mut self) -> Option<Found> {
        let scheme = self.scheme();
        #[cfg(feature = "senders")]
        if scheme.general.is_some() {
            return None;
        }
        let mut read = Read::default();
        read.head(scheme, self.head).ok()?;
        let keys = self.all_keys().snapshot();
        let near = keys.iter().find(|key| {
            let Some(secret) = key.secret() else {
                return false;
            };
            let pieces = scheme.content.iter();
            let tag = secret.mac(pieces.map(|piece| read.bytes(piece, self.body)));
            let mut fewest = u32::MAX;
            read.candidates.each(|candidate| {
                let bits = (tag.iter().zip(candidate)).map(|(a, b)| (a ^ b).count_ones());
                fewest = fewest.min(bits.sum());
            });
            fewest <= DAMAGED_BITS
        })?;
        let what = "all but a few bits of the signature are right";
        Some(Found::one(Cause::SignatureDamaged, what).by(near.id()))
    }

    fn of_length(&self) -> Option<Found> {
        let headers: &HeaderMap = self.head.headers();
        if headers.contains_key(CONTENT_ENCODING) {
            return None;
        }
        let announced = announced_length(headers)?;
        let came = u64::try_from(self.body.len()).ok()?;
        (came != announced).then(|| {
            let what = format!("{came} bytes of body came, and {announced} were announced");
            Found::one(Cause::BodyLength, what)
        })
    }
}

fn unknown(refused: &SignatureError) -> &'static str {
    match refused.kind() {
        Kind::NoActiveKey => "every key has expired, and none of them made the signature",
        Kind::MissingContent => "something that the signature covers is not there",
        _ => {
            "no key here made the signature, and no change that was tried explains it: the sender \
             signs with another secret, or the content was changed"
        }
    }
}
