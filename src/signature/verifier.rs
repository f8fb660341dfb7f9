use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::error::{SignatureError, SignatureErrorKind as Kind};
use super::header::parse_timestamp;
use super::scheme::{Family, Piece, Scheme};
use crate::clock::{Tolerance, UnixTime};
use crate::encoding::MAC_LEN;
use crate::mac::MacState;
use crate::secret::{KeyId, KeyRing, SigningKey};

/// Longest signed id that is looked at.
const MAX_ID_LEN: usize = 256;

/// Checks deliveries of one [`Scheme`] against the keys of a ring.
///
/// It works without any HTTP server, on headers, bytes and a time. Clones share the keys.
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
    pub fn with_tolerance(self, tolerance: Tolerance) -> Self {
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

    /// Checks a whole delivery. The body is hashed once per active key, however many signatures
    /// the header holds, and signatures are compared in constant time.
    ///
    /// # Errors
    ///
    /// Everything that does not prove the origin, and a right signature outside the time window:
    /// see [`SignatureErrorKind`](super::SignatureErrorKind).
    pub fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: UnixTime,
    ) -> Result<Verified, SignatureError> {
        let mut verification = self.begin(headers, now)?;
        verification.update(body);
        verification.finish(now)
    }

    /// Checks what can be checked before the body is there: which headers stand, and their shape.
    ///
    /// # Errors
    ///
    /// Every kind but [`Mismatch`](super::SignatureErrorKind::Mismatch),
    /// [`TooOld`](super::SignatureErrorKind::TooOld) and
    /// [`TooNew`](super::SignatureErrorKind::TooNew), which only the body can tell.
    pub fn begin(
        &self,
        headers: &HeaderMap,
        now: UnixTime,
    ) -> Result<Verification, SignatureError> {
        let scheme = &*self.scheme;
        let (family, found) = self.family(headers)?;
        let value = found.signature.the_one(&family.signature)?;
        let in_signature = |kind| SignatureError::in_header(kind, &family.signature);
        let parsed = scheme
            .grammar
            .parse(scheme.encoding, value.as_bytes())
            .map_err(in_signature)?;

        let timestamp = match &family.timestamp {
            Some(name) => Some((found.timestamp.the_one(name)?.as_bytes(), name)),
            None => parsed.timestamp.map(|raw| (raw, &family.signature)),
        };
        let signed_at = timestamp
            .map(|(raw, name)| {
                parse_timestamp(raw).map_err(|kind| SignatureError::in_header(kind, name))
            })
            .transpose()?;
        let id = family
            .id
            .as_ref()
            .map(|name| self.id(found.id.the_one(name)?, name))
            .transpose()?;

        let keys = self.keys.snapshot();
        let mut macs = Vec::with_capacity(keys.len());
        for (number, key) in (1..).zip(&*keys) {
            if key.is_active(now) {
                macs.push((number, key.secret().start()));
            }
        }
        if macs.is_empty() {
            return Err(SignatureError::new(Kind::NoActiveKey));
        }

        // Everything up to the body goes in now, everything after it when the body is there.
        let mut after_body = None;
        for piece in &scheme.content {
            let bytes = match piece {
                Piece::Timestamp => timestamp.map_or(b"".as_slice(), |(raw, _)| raw),
                Piece::Id => id.map_or(b"".as_slice(), str::as_bytes),
                Piece::Literal(text) => text.as_bytes(),
                Piece::Body => {
                    after_body = Some(Vec::new());
                    continue;
                }
            };
            match &mut after_body {
                Some(rest) => rest.extend_from_slice(bytes),
                None => macs.iter_mut().for_each(|(_, mac)| mac.update(bytes)),
            }
        }
        Ok(Verification {
            candidates: parsed.candidates,
            keys,
            macs,
            after_body: after_body.unwrap_or_default(),
            signed_at,
            id: id.map(Into::into),
            tolerance: scheme.tolerance,
        })
    }

    /// The family whose headers are there, and these; headers of two are never mixed.
    fn family<'h>(&self, headers: &'h HeaderMap) -> Result<(&Family, Found<'h>), SignatureError> {
        let mut chosen = None;
        for family in &self.scheme.families {
            let found = Found::of(family, headers);
            let Some(name) = found.first_name(family) else {
                continue;
            };
            if chosen.replace((family, found)).is_some() {
                return Err(SignatureError::in_header(Kind::MixedFamilies, name));
            }
        }
        match (chosen, self.scheme.families.first()) {
            (Some(chosen), _) => Ok(chosen),
            (None, Some(family)) => Ok((family, Found::default())),
            (None, None) => Err(SignatureError::new(Kind::MissingHeader)),
        }
    }

    /// A signed id must not hold what separates it from the next piece.
    fn id<'h>(&self, value: &'h HeaderValue, name: &HeaderName) -> Result<&'h str, SignatureError> {
        let invalid = || SignatureError::in_header(Kind::InvalidId, name);
        let id = value.to_str().map_err(|_| invalid())?;
        // Also where it only appears once the text behind the id is added: `a:` and `::`.
        let separated = self.scheme.content.iter().any(|piece| match piece {
            Piece::Literal(text) => match text.as_bytes() {
                [byte] => id.as_bytes().contains(byte),
                _ => [id, text].concat().find(text) != Some(id.len()),
            },
            Piece::Timestamp | Piece::Id | Piece::Body => false,
        });
        if id.is_empty() || id.len() > MAX_ID_LEN || separated {
            return Err(invalid());
        }
        Ok(id)
    }
}

/// The headers of one family that a delivery has.
#[derive(Default)]
struct Found<'h> {
    signature: Place<'h>,
    timestamp: Place<'h>,
    id: Place<'h>,
}

impl<'h> Found<'h> {
    /// One look at each header: to ask the map for each name takes longer, for it hashes them byte
    /// by byte.
    fn of(family: &Family, headers: &'h HeaderMap) -> Self {
        let mut found = Self::default();
        for (name, value) in headers {
            for (place, wanted) in [
                (&mut found.signature, Some(&family.signature)),
                (&mut found.timestamp, family.timestamp.as_ref()),
                (&mut found.id, family.id.as_ref()),
            ] {
                if wanted == Some(name) {
                    place.take(value);
                }
            }
        }
        found
    }

    /// The first of the family's headers that is there.
    fn first_name<'f>(&self, family: &'f Family) -> Option<&'f HeaderName> {
        [
            (&self.signature, Some(&family.signature)),
            (&self.timestamp, family.timestamp.as_ref()),
            (&self.id, family.id.as_ref()),
        ]
        .into_iter()
        .find_map(|(place, name)| name.filter(|_| !matches!(place, Place::Missing)))
    }
}

/// Where a header may stand: not at all, once, or more often.
#[derive(Default)]
enum Place<'h> {
    #[default]
    Missing,
    Once(&'h HeaderValue),
    Repeated,
}

impl<'h> Place<'h> {
    fn take(&mut self, value: &'h HeaderValue) {
        *self = match self {
            Self::Missing => Self::Once(value),
            Self::Once(_) | Self::Repeated => Self::Repeated,
        };
    }

    fn the_one(&self, name: &HeaderName) -> Result<&'h HeaderValue, SignatureError> {
        match self {
            Self::Missing => Err(SignatureError::in_header(Kind::MissingHeader, name)),
            Self::Once(value) => Ok(value),
            Self::Repeated => Err(SignatureError::in_header(Kind::RepeatedHeader, name)),
        }
    }
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
    candidates: Vec<[u8; MAC_LEN]>,
    keys: Arc<[SigningKey]>,
    /// One for each active key, with its number in the ring, from 1 on.
    macs: Vec<(u32, MacState)>,
    after_body: Vec<u8>,
    signed_at: Option<UnixTime>,
    id: Option<Box<str>>,
    tolerance: Tolerance,
}

impl Verification {
    /// Takes in the next bytes of the body.
    pub fn update(&mut self, frame: &[u8]) {
        for (_, mac) in &mut self.macs {
            mac.update(frame);
        }
    }

    /// The verdict, now that the whole body was taken in. The signature is judged before the time,
    /// so that a stale delivery can be told from a forged one.
    ///
    /// # Errors
    ///
    /// [`Mismatch`](super::SignatureErrorKind::Mismatch),
    /// [`TooOld`](super::SignatureErrorKind::TooOld) and
    /// [`TooNew`](super::SignatureErrorKind::TooNew).
    pub fn finish(self, now: UnixTime) -> Result<Verified, SignatureError> {
        // Every key is compared with every candidate, whichever matched before.
        let mut matched = 0_u32;
        for (number, mut mac) in self.macs {
            mac.update(&self.after_body);
            let tag = mac.finish();
            let hit = (self.candidates.iter())
                .fold(Choice::from(0), |hit, candidate| hit | tag.ct_eq(candidate));
            matched.conditional_assign(&number, hit);
        }
        let key_id = (1_u32..)
            .zip(&*self.keys)
            .find_map(|(number, key)| (number == matched).then(|| key.id().clone()))
            .ok_or(SignatureError::new(Kind::Mismatch))?;
        if let Some(signed_at) = self.signed_at {
            (self.tolerance.check(signed_at, now))
                .map_err(|skew| SignatureError::stale(skew, key_id.clone()))?;
        }
        Ok(Verified {
            key_id,
            signed_at: self.signed_at,
            id: self.id,
        })
    }
}

impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            candidates,
            keys: _,
            macs,
            after_body: _,
            signed_at,
            id,
            tolerance,
        } = self;
        f.debug_struct("Verification")
            .field("candidates", &candidates.len())
            .field("keys", &macs.len())
            .field("signed_at", signed_at)
            .field("id", id)
            .field("tolerance", tolerance)
            .finish()
    }
}

/// What a right signature proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    key_id: KeyId,
    signed_at: Option<UnixTime>,
    id: Option<Box<str>>,
}

impl Verified {
    /// The name of the key that matched: during a roll-over it tells when the old one has fallen
    /// silent.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// When the delivery was signed, where the scheme signs a time.
    pub fn signed_at(&self) -> Option<UnixTime> {
        self.signed_at
    }

    /// The delivery's id, where the scheme signs one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

#[cfg(test)]
mod tests;
