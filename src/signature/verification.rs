//! A check in progress, and its result.

use std::fmt;

use subtle::ConstantTimeEq;

use super::error::{SignatureError, SignatureErrorKind as Kind, Stale};
#[cfg(feature = "senders")]
use super::general::{Check, Outcome};
use super::header::Candidates;
use super::one_or_more::OneOrMore;
use super::read::Id;
use crate::clock::{Tolerance, UnixTime};
use crate::encoding::MAC_LEN;
use crate::mac::MacState;
use crate::secret::{KeyId, KeyIds, Matching};

/// The unfinished MAC under one of the keys.
pub(super) struct Started {
    pub(super) id: KeyId,
    pub(super) mac: MacState,
}

/// The keys that made one of the signatures. Every key is compared with every candidate, even after
/// a match.
#[derive(Default)]
pub(super) struct Matched {
    /// The MAC under the first key, if there is a key.
    first: Option<[u8; MAC_LEN]>,
    keys: Matching,
}

impl Matched {
    #[inline(always)]
    pub(super) fn compare(&mut self, key: &KeyId, tag: &[u8; MAC_LEN], candidates: &Candidates) {
        if self.first.is_none() {
            self.first = Some(*tag);
        }
        let mut matches = false;
        candidates.each(|candidate| {
            // The caller learns that a key made it, but not which bytes differ.
            matches |= bool::from(differs(tag, candidate).ct_eq(&0));
        });
        if matches {
            self.keys.add(key);
        }
    }

    /// Judges the time last, to distinguish a stale delivery from a forged one.
    #[inline(always)]
    pub(super) fn judge(
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

/// The differing bits of two MACs, combined with OR: zero if there is no difference. Only this
/// result is compared, because each comparison costs a step that the compiler cannot optimize.
#[inline]
fn differs(a: &[u8; MAC_LEN], b: &[u8; MAC_LEN]) -> u64 {
    let (a, _) = a.as_chunks();
    let (b, _) = b.as_chunks();
    a.iter().zip(b).fold(0, |bits, (a, b)| {
        bits | (u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b))
    })
}

/// A check in progress: takes the body as it arrives, then is finished.
///
/// ```
/// use http::HeaderMap;
/// use tower_webhook::signature::{Scheme, Verifier};
/// use tower_webhook::{Encoding, SigningSecret, UnixTime};
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
pub struct Verification(Under);

#[cfg_attr(
    feature = "senders",
    expect(clippy::large_enum_variant, reason = "the large one is the usual one")
)]
enum Under {
    Plain(Hashing),
    /// With the body so far, unless that is passed at the end. `None` after the verdict.
    #[cfg(feature = "senders")]
    General(Option<Box<(Check, Vec<u8>)>>),
}

/// The check of a scheme of HMAC-SHA256 over time, id and body: it stores nothing of the body.
pub(super) struct Hashing {
    pub(super) candidates: Candidates,
    pub(super) keys: OneOrMore<Started>,
    pub(super) after_body: Vec<u8>,
    pub(super) signed_at: Option<UnixTime>,
    pub(super) id: Option<Id>,
    pub(super) tolerance: Tolerance,
}

impl Verification {
    #[inline]
    pub(super) fn plain(hashing: Hashing) -> Self {
        Self(Under::Plain(hashing))
    }

    #[cfg(feature = "senders")]
    pub(super) fn general(check: Check) -> Self {
        Self(Under::General(Some(Box::new((check, Vec::new())))))
    }

    /// The keys to fetch before the verdict on this body.
    #[cfg(feature = "asymmetric")]
    pub(crate) fn keys_wanted(
        &self,
        body: &[u8],
    ) -> Option<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>> {
        match &self.0 {
            Under::Plain(_) => None,
            Under::General(general) => general.as_ref()?.0.wanted(body),
        }
    }

    /// Adds the next bytes of the body. Schemes that need the `senders` feature are judged on the
    /// whole body, which is stored until then.
    #[inline]
    pub fn update(&mut self, frame: &[u8]) {
        match &mut self.0 {
            Under::Plain(hashing) => hashing.keys.each_mut(|key| key.mac.update(frame)),
            #[cfg(feature = "senders")]
            Under::General(general) => {
                (general.iter_mut()).for_each(|general| general.1.extend(frame));
            }
        }
    }

    /// The verdict, after the whole body was added. The signature is judged before the time, to
    /// distinguish a stale delivery from a forged one.
    ///
    /// # Errors
    ///
    /// [`Mismatch`](super::SignatureErrorKind::Mismatch),
    /// [`TooOld`](super::SignatureErrorKind::TooOld) and
    /// [`TooNew`](super::SignatureErrorKind::TooNew); for a scheme that reads the body, every kind.
    #[inline]
    pub fn finish(mut self, now: UnixTime) -> Result<Verified, SignatureError> {
        self.judge(now)
    }

    /// The verdict on this body, after fetching the key that the delivery names.
    ///
    /// This applies if keys come from a [`KeySource`](crate::keys::KeySource) that does not know
    /// the key yet. The layers wait in this way, but no longer than their deadline.
    ///
    /// ```
    /// use tower_webhook::UnixTime;
    /// use tower_webhook::signature::{SignatureError, Verified, Verifier};
    ///
    /// async fn check(
    ///     verifier: &Verifier,
    ///     request: &http::Request<Vec<u8>>,
    /// ) -> Result<Verified, SignatureError> {
    ///     let now = UnixTime::now();
    ///     verifier.begin(request, now)?.finish_with_keys(request.body(), now).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish).
    #[cfg(feature = "asymmetric")]
    pub async fn finish_with_keys(
        self,
        body: &[u8],
        now: UnixTime,
    ) -> Result<Verified, SignatureError> {
        if let Some(wanted) = self.keys_wanted(body) {
            wanted.await;
        }
        self.finish_on(body, now)
    }

    /// The same in place: the value is large, and is used up.
    #[inline]
    pub(crate) fn judge(&mut self, now: UnixTime) -> Result<Verified, SignatureError> {
        match &mut self.0 {
            Under::Plain(hashing) => hashing.judge(now),
            #[cfg(feature = "senders")]
            Under::General(general) => {
                let general = general.take().ok_or(SignatureError::new(Kind::Mismatch))?;
                let (check, body) = *general;
                check.finish(&body, now).map(Verified::from)
            }
        }
    }

    /// The same for a body that is passed whole.
    pub(crate) fn finish_on(
        mut self,
        body: &[u8],
        now: UnixTime,
    ) -> Result<Verified, SignatureError> {
        match &mut self.0 {
            Under::Plain(hashing) => hashing.keys.each_mut(|key| key.mac.update(body)),
            #[cfg(feature = "senders")]
            Under::General(general) => {
                let general = general.take().ok_or(SignatureError::new(Kind::Mismatch))?;
                return general.0.finish(body, now).map(Verified::from);
            }
        }
        self.judge(now)
    }
}

impl Hashing {
    #[inline]
    fn judge(&mut self, now: UnixTime) -> Result<Verified, SignatureError> {
        let mut matched = Matched::default();
        self.keys.each_mut(|Started { id, mac }| {
            mac.update(&self.after_body);
            matched.compare(id, &mac.finish(), &self.candidates);
        });
        matched.judge(self.signed_at, self.id.take(), self.tolerance, now)
    }
}

impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Under::Plain(Hashing {
                candidates,
                keys,
                after_body: _,
                signed_at,
                id,
                tolerance,
            }) => f
                .debug_struct("Verification")
                .field("candidates", &candidates.len())
                .field("keys", &keys.len())
                .field("signed_at", signed_at)
                .field("id", id)
                .field("tolerance", tolerance)
                .finish(),
            #[cfg(feature = "senders")]
            Under::General(_) => f.debug_struct("Verification").finish_non_exhaustive(),
        }
    }
}

#[cfg(feature = "senders")]
impl From<Outcome> for Verified {
    fn from(outcome: Outcome) -> Self {
        Self {
            keys: outcome.keys,
            signed_at: outcome.signed_at,
            id: outcome.id.map(Id::from),
        }
    }
}

/// The facts that a right signature proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    keys: KeyIds,
    signed_at: Option<UnixTime>,
    id: Option<Id>,
}

impl Verified {
    /// A result that was stored and is read back; `None` without a key.
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

    /// The names of all keys that matched. During a rotation they show whether the new secret is
    /// entered correctly, and when the old one is no longer used.
    pub fn key_ids(&self) -> &KeyIds {
        &self.keys
    }

    /// When the delivery was signed, if the scheme signs a time.
    pub fn signed_at(&self) -> Option<UnixTime> {
        self.signed_at
    }

    /// The delivery's id, if the scheme signs one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_ref().map(Id::as_str)
    }
}
