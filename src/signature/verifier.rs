use std::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::error::{SignatureError, SignatureErrorKind as Kind, Stale};
use super::header::Candidates;
use super::one_or_more::OneOrMore;
use super::read::{Id, Read};
use super::scheme::{Component, Scheme};
use crate::clock::{Tolerance, UnixTime};
use crate::encoding::MAC_LEN;
use crate::head::RequestHead;
use crate::mac::MacState;
use crate::secret::{KeyId, KeyIds, KeyRing, Matching};

/// Checks deliveries of one [`Scheme`] against the keys of a ring.
///
/// It works without any HTTP server, on the head of a request, bytes and a time. Clones share the
/// keys.
#[derive(Debug, Clone)]
pub struct Verifier {
    scheme: Arc<Scheme>,
    keys: KeyRing,
}

impl Verifier {
    /// A verifier of this scheme with these keys.
    pub fn new(scheme: Scheme, keys: impl Into<KeyRing>) -> Self {
        Self {
            scheme: Arc::new(scheme),
            keys: keys.into(),
        }
    }

    /// The same verifier, accepting signed times this far from ours.
    #[must_use]
    pub fn tolerance(self, tolerance: Tolerance) -> Self {
        let scheme = Scheme {
            tolerance,
            ..(*self.scheme).clone()
        };
        Self {
            scheme: Arc::new(scheme),
            keys: self.keys,
        }
    }

    /// The keys, which can be replaced while the verifier is in use.
    pub fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// The scheme.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Checks a whole delivery: its head, as a [`RequestHead`] or as headers alone, and its body.
    /// The body is hashed once per active key, however many signatures the header holds, and
    /// signatures are compared in constant time.
    ///
    /// ```
    /// # use tower_webhook::signature::{Scheme, Verifier};
    /// # use tower_webhook::{Encoding, SigningSecret, UnixTime};
    /// # // GitHub's documented example.
    /// # let scheme = Scheme::builder("x-hub-signature-256").single("sha256=", Encoding::Hex).build()?;
    /// # let verifier = Verifier::new(scheme, SigningSecret::from_text("It's a Secret to Everybody")?);
    /// // As any framework hands it over, or a queue that has kept it.
    /// let request = http::Request::post("/webhooks/github")
    ///     .header("x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
    ///     .body("Hello, World!")?;
    /// verifier.verify(&request, request.body().as_bytes(), UnixTime::now())?;
    /// assert!(verifier.verify(&request, b"Hello, world!", UnixTime::now()).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Everything that does not prove the origin, and a right signature outside the time window:
    /// see [`SignatureErrorKind`](super::SignatureErrorKind).
    pub fn verify<'h>(
        &self,
        head: impl Into<RequestHead<'h>>,
        body: &[u8],
        now: UnixTime,
    ) -> Result<Verified, SignatureError> {
        self.verify_head(head.into(), body, now)
    }

    fn verify_head(
        &self,
        head: RequestHead<'_>,
        body: &[u8],
        now: UnixTime,
    ) -> Result<Verified, SignatureError> {
        // As `begin`, `update` and `finish` do, but nothing is put away for later.
        let mut read = Read::default();
        read.head(&self.scheme, head)?;
        let keys = self.keys.look();
        let mut matched = Matched::default();
        for key in keys.iter().filter(|key| key.is_active(now)) {
            let pieces = self.scheme.content.iter();
            let tag = (key.secret()).mac(pieces.map(|piece| read.bytes(piece, body)));
            matched.compare(key.id(), &tag, &read.candidates);
        }
        let id = read.id();
        matched.judge(read.signed_at, id, self.scheme.tolerance, now)
    }

    /// A MAC under each active key.
    #[inline]
    fn start(&self, now: UnixTime) -> Result<OneOrMore<Started>, SignatureError> {
        let mut started = None;
        for key in self.keys.look().iter().filter(|key| key.is_active(now)) {
            OneOrMore::append(
                &mut started,
                Started {
                    id: key.id().clone(),
                    mac: key.secret().start(),
                },
            );
        }
        started.ok_or(SignatureError::new(Kind::NoActiveKey))
    }

    /// Checks what can be checked before the body is there: which headers stand, and their shape.
    ///
    /// # Errors
    ///
    /// Every kind but [`Mismatch`](super::SignatureErrorKind::Mismatch),
    /// [`TooOld`](super::SignatureErrorKind::TooOld) and
    /// [`TooNew`](super::SignatureErrorKind::TooNew), which only the body can tell.
    pub fn begin<'h>(
        &self,
        head: impl Into<RequestHead<'h>>,
        now: UnixTime,
    ) -> Result<Verification, SignatureError> {
        self.begin_head(head.into(), now)
    }

    fn begin_head(
        &self,
        head: RequestHead<'_>,
        now: UnixTime,
    ) -> Result<Verification, SignatureError> {
        let mut read = Read::default();
        read.head(&self.scheme, head)?;
        let mut keys = self.start(now)?;

        // Everything up to the body goes in now, everything after it when the body is there.
        let mut pieces = self.scheme.content.iter();
        for piece in pieces
            .by_ref()
            .take_while(|piece| **piece != Component::Body)
        {
            let bytes = read.bytes(piece, b"");
            keys.each_mut(|key| key.mac.update(bytes));
        }
        let after_body = pieces.flat_map(|piece| read.bytes(piece, b"")).copied();
        Ok(Verification {
            after_body: after_body.collect(),
            keys,
            signed_at: read.signed_at,
            id: read.id(),
            candidates: read.candidates,
            tolerance: self.scheme.tolerance,
        })
    }
}

/// The MAC under one of the keys, on its way.
struct Started {
    id: KeyId,
    mac: MacState,
}

/// Which keys have made one of the signatures. Every key is compared with every candidate,
/// whichever matched before.
#[derive(Default)]
struct Matched {
    /// The MAC under the first key, if there was a key at all.
    first: Option<[u8; MAC_LEN]>,
    keys: Matching,
}

impl Matched {
    #[inline]
    fn compare(&mut self, key: &KeyId, tag: &[u8; MAC_LEN], candidates: &Candidates) {
        if self.first.is_none() {
            self.first = Some(*tag);
        }
        let mut matches = false;
        candidates.each(|candidate| {
            // That a key has made it is what the caller is told; which bytes differ is not.
            matches |= bool::from(differs(tag, candidate).ct_eq(&0));
        });
        if matches {
            self.keys.add(key);
        }
    }

    /// Judges the time last, so that a stale delivery can be told from a forged one.
    #[inline]
    fn judge(
        self,
        signed_at: Option<UnixTime>,
        id: Option<Id>,
        tolerance: Tolerance,
        now: UnixTime,
    ) -> Result<Verified, SignatureError> {
        let Some(content) = self.first else {
            return Err(SignatureError::new(Kind::NoActiveKey));
        };
        let Some(keys) = self.keys.into_ids() else {
            return Err(SignatureError::new(Kind::Mismatch));
        };
        match signed_at.map_or(Ok(()), |at| tolerance.check(at, now)) {
            Ok(()) => Ok(Verified {
                keys,
                signed_at,
                id,
            }),
            Err(skew) => Err(SignatureError::stale(Stale {
                skew,
                keys,
                content,
                tolerance,
            })),
        }
    }
}

/// The bits in which two MACs differ, one above the other: zero where none does. Only that is
/// compared, for each comparison costs a step that the compiler must not see through.
#[inline]
fn differs(a: &[u8; MAC_LEN], b: &[u8; MAC_LEN]) -> u64 {
    let (a, _) = a.as_chunks();
    let (b, _) = b.as_chunks();
    a.iter().zip(b).fold(0, |bits, (a, b)| {
        bits | (u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b))
    })
}

/// A check under way: fed with the body as it arrives, then finished.
///
/// ```
/// # use http::HeaderMap;
/// # use tower_webhook::signature::{Scheme, Verifier};
/// # use tower_webhook::{Encoding, SigningSecret, UnixTime};
/// // GitHub's documented example.
/// let scheme = Scheme::builder("x-hub-signature-256").single("sha256=", Encoding::Hex).build()?;
/// let verifier = Verifier::new(scheme, SigningSecret::from_text("It's a Secret to Everybody")?);
/// let mut headers = HeaderMap::new();
/// headers.insert(
///     "x-hub-signature-256",
///     "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17".parse()?,
/// );
///
/// let now = UnixTime::now();
/// let mut check = verifier.begin(&headers, now)?;
/// for frame in [b"Hello, ".as_slice(), b"World!"] {
///     check.update(frame);
/// }
/// let verified = check.finish(now)?;
/// assert_eq!(verified.key_id().as_str(), "1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Verification {
    candidates: Candidates,
    keys: OneOrMore<Started>,
    after_body: Vec<u8>,
    signed_at: Option<UnixTime>,
    id: Option<Id>,
    tolerance: Tolerance,
}

impl Verification {
    /// Takes in the next bytes of the body.
    pub fn update(&mut self, frame: &[u8]) {
        self.keys.each_mut(|key| key.mac.update(frame));
    }

    /// The verdict, now that the whole body was taken in. The signature is judged before the time,
    /// so that a stale delivery can be told from a forged one.
    ///
    /// # Errors
    ///
    /// [`Mismatch`](super::SignatureErrorKind::Mismatch),
    /// [`TooOld`](super::SignatureErrorKind::TooOld) and
    /// [`TooNew`](super::SignatureErrorKind::TooNew).
    pub fn finish(mut self, now: UnixTime) -> Result<Verified, SignatureError> {
        let mut matched = Matched::default();
        self.keys.each_mut(|Started { id, mac }| {
            mac.update(&self.after_body);
            matched.compare(id, &mac.finish(), &self.candidates);
        });
        matched.judge(self.signed_at, self.id, self.tolerance, now)
    }
}

impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            candidates,
            keys,
            after_body: _,
            signed_at,
            id,
            tolerance,
        } = self;
        f.debug_struct("Verification")
            .field("candidates", &candidates.len())
            .field("keys", &keys.len())
            .field("signed_at", signed_at)
            .field("id", id)
            .field("tolerance", tolerance)
            .finish()
    }
}

/// What a right signature proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    keys: KeyIds,
    signed_at: Option<UnixTime>,
    id: Option<Id>,
}

impl Verified {
    /// What was verified before and is read back; `None` without a key.
    #[cfg(feature = "inbox")]
    pub(crate) fn remembered<'a>(
        keys: impl Iterator<Item = &'a str>,
        signed_at: Option<UnixTime>,
        id: Option<&str>,
    ) -> Option<Self> {
        let mut matching = Matching::default();
        keys.for_each(|name| matching.add(&KeyId::from(name)));
        Some(Self {
            keys: matching.into_ids()?,
            signed_at,
            id: id.map(Id::remembered),
        })
    }

    /// The name of the first key of the ring that matched.
    pub fn key_id(&self) -> &KeyId {
        self.keys.first()
    }

    /// The names of all keys that matched: during a roll-over they tell whether the new secret is
    /// typed in rightly, and when the old one has fallen silent.
    pub fn key_ids(&self) -> &KeyIds {
        &self.keys
    }

    /// When the delivery was signed, where the scheme signs a time.
    pub fn signed_at(&self) -> Option<UnixTime> {
        self.signed_at
    }

    /// The delivery's id, where the scheme signs one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_ref().map(Id::as_str)
    }
}

#[cfg(test)]
mod tests;
