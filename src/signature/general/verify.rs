//! Judges a delivery by a scheme of the wider model.

#[cfg(feature = "asymmetric")]
use std::borrow::Cow;
use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::content::Sources;
use super::outcome::{First, Outcome, name_of};
use super::read::Read;
use super::source::{BodyParts, HeadParts};
use super::{General, Proof};
#[cfg(feature = "asymmetric")]
use crate::asymmetric::PublicKeyAlgorithm;
use crate::clock::{Tolerance, UnixTime};
use crate::head::RequestHead;
#[cfg(feature = "asymmetric")]
use crate::secret::{Found, KeyLookup};
use crate::secret::{KeyRing, Matching, SigningKey, SigningSecret};
#[cfg(feature = "asymmetric")]
use crate::signature::algorithm::Algorithm;
use crate::signature::error::{SignatureError, SignatureErrorKind as Kind, Stale};
#[cfg(feature = "asymmetric")]
use std::pin::Pin;
#[cfg(feature = "asymmetric")]
use tokio::time::Instant;

/// A check in progress: the head was read, the body is not yet available.
pub(in crate::signature) struct Check {
    general: Arc<General>,
    keys: Keys,
    head: HeadParts,
    read: Read,
    tolerance: Tolerance,
    now: UnixTime,
}

/// The keys of a check: those of its ring when it began, or the source to look them up in.
enum Keys {
    Ring(Arc<[SigningKey]>),
    #[cfg(feature = "asymmetric")]
    Elsewhere(Arc<dyn KeyLookup>, Instant),
}

impl Check {
    /// Checks the values in the head.
    pub(in crate::signature) fn begin(
        general: &Arc<General>,
        keys: &KeyRing,
        tolerance: Tolerance,
        head: RequestHead<'_>,
        now: UnixTime,
    ) -> Result<Self, SignatureError> {
        let request = head;
        let head = match general.reads_all_headers() {
            true => HeadParts::whole(request),
            false => HeadParts::of(request, &general.headers),
        };
        #[cfg_attr(not(feature = "asymmetric"), expect(unused_mut, reason = "read once"))]
        let mut read = general.read_head(&head)?;
        #[cfg(feature = "asymmetric")]
        general.read_messages(request, &mut read)?;
        let keys = Keys::of(keys, |key| key.is_active(now) && general.takes(key))?;
        #[cfg(feature = "asymmetric")]
        if general.proof == Proof::Message && matches!(keys, Keys::Ring(_)) {
            // Each signature names its own key of the ring.
            read.key_id = None;
        }
        Ok(Self {
            general: Arc::clone(general),
            keys,
            head,
            read,
            tolerance,
            now,
        })
    }

    /// The verdict. The time is judged last, so that a stale delivery can be told from a forged one.
    pub(in crate::signature) fn finish(
        self,
        body: &[u8],
        now: UnixTime,
    ) -> Result<Outcome, SignatureError> {
        let Self {
            general,
            keys,
            head,
            mut read,
            tolerance,
            now: begun,
        } = self;
        let parts = BodyParts::of(&general, body).map_err(SignatureError::new)?;
        general.read_body(&parts, &mut read)?;
        #[cfg(feature = "asymmetric")]
        let source = keys.source();
        // If no key matches, the source may have replaced them.
        #[cfg(feature = "asymmetric")]
        let doubt = |read: &Read| {
            if let Some((source, id)) = source.as_ref().zip(name_in(read.key_id.as_deref())) {
                source.doubt(id);
            }
        };
        #[cfg(feature = "asymmetric")]
        if source.is_some() {
            general.keep_of_one_key(&mut read);
        }
        let keys = keys.named(read.key_id.as_deref())?;
        let mut matching = Matching::default();
        let mut first: Option<First<'_>> = None;
        let mut signed: Option<Vec<u8>> = None;
        let mut refused = None;
        let active = || {
            let active = keys.iter().filter(|key| key.is_active(begun));
            active.filter(|key| general.takes(key))
        };
        #[cfg(feature = "jwt")]
        if general.proof == Proof::Jws {
            let listed = general.listed_by_token(&read)?;
            let lists = general.reads_all_headers();
            let apart = lists.then(|| head.apart()).flatten();
            let mut judged = Err(SignatureError::new(Kind::Mismatch));
            for head in std::iter::once(&head).chain(&apart) {
                let sources = Sources {
                    general: &general,
                    head,
                    time: b"",
                    id: b"",
                    body,
                    parts: &parts,
                    secret: b"",
                    listed: &listed,
                };
                let content = match general.contents.first() {
                    Some(content) => sources.pieces(content).map_err(SignatureError::new)?,
                    None => None,
                };
                let content = content.unwrap_or_default().concat();
                judged = general.judge_token(&read, active(), &content, body, (tolerance, now));
                if !matches!(&judged, Err(error) if error.kind() == Kind::Mismatch) {
                    break;
                }
            }
            if matches!(&judged, Err(error) if error.kind() == Kind::Mismatch) {
                doubt(&read);
            }
            return judged;
        }
        #[cfg(feature = "asymmetric")]
        if general.proof == Proof::Message {
            let keys: Vec<_> = active().collect();
            let judged = general.judge_messages(&read, &keys, body, (tolerance, now));
            if matches!(&judged, Err(error) if error.kind() == Kind::Mismatch) {
                doubt(&read);
            }
            return judged;
        }
        if general.proof == Proof::Token {
            let tag = general.judge_shared_tokens(&read.candidates, active(), &mut matching);
            first = tag.map(First::Tag);
        }
        let apart = head.apart();
        for key in active() {
            let mut matched = false;
            for head in std::iter::once(&head).chain(&apart) {
                let sources = Sources {
                    general: &general,
                    head,
                    time: read.time.as_ref().map_or(b"", |(text, _)| text),
                    id: read.id.as_deref().unwrap_or_default(),
                    body,
                    parts: &parts,
                    secret: bytes_of(key),
                    #[cfg(feature = "jwt")]
                    listed: "",
                };
                for content in &general.contents {
                    let pieces = match sources.pieces(content) {
                        Ok(Some(pieces)) => pieces,
                        Ok(None) => continue,
                        Err(kind) => {
                            refused.get_or_insert(kind);
                            continue;
                        }
                    };
                    let Proof::Signed(algorithm) = general.proof else {
                        continue;
                    };
                    let (right, content) = match algorithm {
                        #[cfg(feature = "asymmetric")]
                        Algorithm::PublicKey(algorithm) => {
                            let message = joined(pieces);
                            let right = made_by(key, algorithm, &message, &read.candidates);
                            if right && general.content_is_id {
                                signed.get_or_insert_with(|| message.to_vec());
                            }
                            (right, First::Message(message))
                        }
                        algorithm => {
                            let slices = pieces.iter().map(|piece| &**piece);
                            let Some(tag) = algorithm.mac(bytes_of(key), slices) else {
                                continue;
                            };
                            let right = matches(&tag, &read.candidates);
                            if right && general.content_is_id {
                                signed.get_or_insert_with(|| pieces.concat());
                            }
                            (right, First::Tag(tag))
                        }
                    };
                    matched |= right;
                    first.get_or_insert(content);
                }
                if matched {
                    break;
                }
            }
            if matched {
                matching.add(key.id());
            }
        }
        let Some(keys) = matching.into_ids() else {
            #[cfg(feature = "asymmetric")]
            doubt(&read);
            let kind = refused.filter(|_| first.is_none());
            return Err(SignatureError::new(kind.unwrap_or(Kind::Mismatch)));
        };
        let signed_at = read.time.as_ref().map(|(_, time)| *time);
        match signed_at.map_or(Ok(()), |at| tolerance.check(at, now)) {
            Ok(()) => Ok(Outcome {
                keys,
                signed_at,
                id: match signed {
                    Some(content) => Some(name_of(&content, general.hashes_id)),
                    None => read.id.and_then(|id| String::from_utf8(id).ok()),
                },
            }),
            Err(skew) => Err(SignatureError::stale(Stale {
                skew,
                keys,
                content: first.map(First::short).unwrap_or_default(),
                tolerance,
            })),
        }
    }
}

impl Check {
    /// The keys to fetch before the verdict, once the whole body is available.
    #[cfg(feature = "asymmetric")]
    pub(in crate::signature) fn wanted(
        &self,
        body: &[u8],
    ) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        let Keys::Elsewhere(source, arrived) = &self.keys else {
            return None;
        };
        let mut read = self.read.clone();
        let parts = BodyParts::of(&self.general, body).ok()?;
        self.general.read_body(&parts, &mut read).ok()?;
        source.fetch(name_in(read.key_id.as_deref())?, *arrived)
    }
}

impl Keys {
    fn of(ring: &KeyRing, active: impl Fn(&SigningKey) -> bool) -> Result<Self, SignatureError> {
        #[cfg(feature = "asymmetric")]
        if let Some(source) = ring.source() {
            return Ok(Self::Elsewhere(Arc::clone(source), Instant::now()));
        }
        let keys = ring.snapshot();
        match keys.iter().any(active) {
            true => Ok(Self::Ring(keys)),
            false => Err(SignatureError::new(Kind::NoActiveKey)),
        }
    }

    /// The key source, if there is one.
    #[cfg(feature = "asymmetric")]
    fn source(&self) -> Option<Arc<dyn KeyLookup>> {
        match self {
            Self::Ring(_) => None,
            Self::Elsewhere(source, _) => Some(Arc::clone(source)),
        }
    }

    /// The keys that may have signed, if the delivery names one.
    fn named(self, id: Option<&[u8]>) -> Result<Arc<[SigningKey]>, SignatureError> {
        match self {
            Self::Ring(keys) => Ok(match id.and_then(|id| std::str::from_utf8(id).ok()) {
                Some(id) if keys.iter().any(|key| key.id().as_str() == id) => {
                    let named = keys.iter().filter(|key| key.id().as_str() == id);
                    named.cloned().collect()
                }
                _ => keys,
            }),
            #[cfg(feature = "asymmetric")]
            Self::Elsewhere(source, arrived) => {
                let id = name_in(id).ok_or(SignatureError::new(Kind::UnknownKey))?;
                match source.look(id, arrived) {
                    Found::Keys(keys) => Ok(keys),
                    Found::Unknown => Err(SignatureError::new(Kind::UnknownKey)),
                    Found::NotNow => Err(SignatureError::new(Kind::KeysUnavailable)),
                }
            }
        }
    }
}

/// The name of a key to query; a delivery without one needs all keys.
#[cfg(feature = "asymmetric")]
fn name_in(id: Option<&[u8]>) -> Option<&str> {
    id.map_or(Some(""), |id| std::str::from_utf8(id).ok())
}

impl General {
    /// Whether it can use this key.
    pub(in crate::signature) fn takes(&self, key: &SigningKey) -> bool {
        match self.proof {
            Proof::Signed(algorithm) => algorithm.takes(key),
            Proof::Token => key.secret().is_some(),
            #[cfg(feature = "jwt")]
            Proof::Jws => self.jws.as_ref().is_some_and(|jws| jws.takes(key)),
            #[cfg(feature = "asymmetric")]
            Proof::Message => (self.message.as_ref()).is_some_and(|rules| rules.takes(key)),
        }
    }
}

/// The bytes of a secret; algorithms without a secret ignore them.
fn bytes_of(key: &SigningKey) -> &[u8] {
    key.secret().map_or(b"", SigningSecret::bytes)
}

/// The pieces as one text, not copied if there is only one piece.
#[cfg(feature = "asymmetric")]
fn joined<'a>(mut pieces: Vec<Cow<'a, [u8]>>) -> Cow<'a, [u8]> {
    match pieces.len() {
        1 => pieces.pop().unwrap_or_default(),
        _ => Cow::Owned(pieces.concat()),
    }
}

/// Whether this key made one of these signatures; the check stops at the first match.
#[cfg(feature = "asymmetric")]
fn made_by(
    key: &SigningKey,
    algorithm: PublicKeyAlgorithm,
    message: &[u8],
    candidates: &[Vec<u8>],
) -> bool {
    key.public_key()
        .is_some_and(|key| (candidates.iter()).any(|it| key.verify(algorithm, message, it)))
}

/// Whether one of these equals the tag. Each is compared, in constant time.
fn matches(tag: &[u8], candidates: &[Vec<u8>]) -> bool {
    (candidates.iter()).fold(false, |any, candidate| {
        any | bool::from(candidate.ct_eq(tag))
    })
}
