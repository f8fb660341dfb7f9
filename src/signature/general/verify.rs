//! Judges a delivery by a scheme of the wider model.

use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::content::Sources;
use super::read::Read;
use super::source::{BodyParts, HeadParts};
use super::{General, Proof};
use crate::clock::{Tolerance, UnixTime};
use crate::digest::Digest;
use crate::encoding::MAC_LEN;
use crate::head::RequestHead;
use crate::secret::{KeyRing, Matching, SigningKey};
use crate::signature::error::{SignatureError, SignatureErrorKind as Kind, Stale};

/// A check under way: the head is read, the body is not there yet.
pub(in crate::signature) struct Check {
    general: Arc<General>,
    keys: Arc<[SigningKey]>,
    head: HeadParts,
    read: Read,
    tolerance: Tolerance,
    now: UnixTime,
}

/// What a right signature proves.
pub(in crate::signature) struct Outcome {
    pub(in crate::signature) keys: crate::secret::KeyIds,
    pub(in crate::signature) signed_at: Option<UnixTime>,
    pub(in crate::signature) id: Option<String>,
}

impl Check {
    /// Checks what the head tells.
    pub(in crate::signature) fn begin(
        general: &Arc<General>,
        keys: &KeyRing,
        tolerance: Tolerance,
        head: RequestHead<'_>,
        now: UnixTime,
    ) -> Result<Self, SignatureError> {
        let head = HeadParts::of(head, &general.headers);
        let read = general.read_head(&head)?;
        let keys = keys.snapshot();
        if !keys.iter().any(|key| key.is_active(now)) {
            return Err(SignatureError::new(Kind::NoActiveKey));
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
        let mut matching = Matching::default();
        let mut first: Option<Vec<u8>> = None;
        let mut signed: Option<Vec<u8>> = None;
        let mut refused = None;
        let active = || keys.iter().filter(|key| key.is_active(begun));
        if general.proof == Proof::Token {
            for key in active() {
                let token = Digest::Sha256.hash([key.secret().bytes()]);
                let matches = matches(&token, &read.candidates, |text| Digest::Sha256.hash([text]));
                if matches {
                    matching.add(key.id());
                }
                first.get_or_insert(token);
            }
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
                    secret: key.secret().bytes(),
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
                    let slices = || pieces.iter().map(|piece| &**piece);
                    let Some(tag) = algorithm.sign(key.secret().bytes(), slices()) else {
                        continue;
                    };
                    if matches(&tag, &read.candidates, <[u8]>::to_vec) {
                        matched = true;
                        if general.content_is_id {
                            signed.get_or_insert_with(|| slices().collect::<Vec<_>>().concat());
                        }
                    }
                    first.get_or_insert(tag);
                }
            }
            if matched {
                matching.add(key.id());
            }
        }
        let Some(keys) = matching.into_ids() else {
            let kind = refused.filter(|_| first.is_none());
            return Err(SignatureError::new(kind.unwrap_or(Kind::Mismatch)));
        };
        let signed_at = read.time.map(|(_, time)| time);
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
                content: short(&first.unwrap_or_default()),
                tolerance,
            })),
        }
    }
}

/// Whether one of these is it. Each is compared, in constant time.
fn matches(tag: &[u8], candidates: &[Vec<u8>], of: impl Fn(&[u8]) -> Vec<u8>) -> bool {
    (candidates.iter()).fold(false, |any, candidate| {
        any | bool::from(of(candidate).ct_eq(tag))
    })
}

/// The id of an event that is known by what is signed: the content itself where it is a short text,
/// else its SHA-256.
fn name_of(content: &[u8], hashes: bool) -> String {
    let plain = content.iter().all(|byte| matches!(byte, b' '..=b'~'));
    match std::str::from_utf8(content) {
        Ok(text) if !hashes && plain && (1..=200).contains(&text.len()) => text.to_owned(),
        _ => {
            let hash = Digest::Sha256.hash([content]);
            format!("sha256:{}", data_encoding::HEXLOWER.encode(&hash))
        }
    }
}

/// As many bytes as tell one content from another.
fn short(tag: &[u8]) -> [u8; MAC_LEN] {
    let mut bytes = [0; MAC_LEN];
    bytes.iter_mut().zip(tag).for_each(|(to, from)| *to = *from);
    bytes
}
