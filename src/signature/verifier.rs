use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use subtle::{Choice, ConstantTimeEq};

use super::error::{SignatureError, SignatureErrorKind as Kind};
use super::header::{Candidates, parse_timestamp};
use super::one_or_more::OneOrMore;
use super::scheme::{Family, Piece, Role, Scheme};
use crate::clock::{Tolerance, UnixTime};
use crate::encoding::MAC_LEN;
use crate::mac::MacState;
use crate::secret::{KeyId, KeyRing};

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
        // As `begin`, `update` and `finish` do, but nothing is put away for later.
        let mut read = Read::default();
        self.read(headers, &mut read)?;
        let keys = self.keys.look();
        let mut matched = Matched::default();
        for key in keys.iter().filter(|key| key.is_active(now)) {
            let pieces = self.scheme.content.iter();
            let tag = (key.secret()).mac(pieces.map(|piece| read.bytes(*piece, body)));
            matched.compare(key.id(), &tag, &read.candidates);
        }
        let key_id = matched.key()?;
        in_time(read.signed_at, key_id, self.scheme.tolerance, now)?;
        Ok(Verified {
            key_id: key_id.clone(),
            signed_at: read.signed_at,
            id: read.id.map(Into::into),
        })
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
    pub fn begin(
        &self,
        headers: &HeaderMap,
        now: UnixTime,
    ) -> Result<Verification, SignatureError> {
        let mut read = Read::default();
        self.read(headers, &mut read)?;
        let mut keys = self.start(now)?;

        // Everything up to the body goes in now, everything after it when the body is there.
        let mut pieces = self.scheme.content.iter();
        for piece in pieces.by_ref().take_while(|piece| **piece != Piece::Body) {
            let bytes = read.bytes(*piece, b"");
            keys.each_mut(|key| key.mac.update(bytes));
        }
        let after_body = pieces.flat_map(|piece| read.bytes(*piece, b"")).copied();
        Ok(Verification {
            after_body: after_body.collect(),
            candidates: read.candidates,
            keys,
            signed_at: read.signed_at,
            id: read.id.map(Into::into),
            tolerance: self.scheme.tolerance,
        })
    }

    /// Reads what the headers say, in the shape that the scheme wants it in. It goes to where it
    /// stays: to hand it back and forth takes longer than to read it.
    fn read<'h>(&self, headers: &'h HeaderMap, read: &mut Read<'h>) -> Result<(), SignatureError> {
        let scheme = &*self.scheme;
        let (family, found) = self.family(headers)?;
        let value = found.signature.the_one(&family.signature)?;
        let in_pairs = (scheme.grammar)
            .parse(scheme.encoding, value.as_bytes(), &mut read.candidates)
            .map_err(|kind| SignatureError::in_header(kind, &family.signature))?;
        let timestamp = match &family.timestamp {
            Some(name) => Some((found.timestamp.the_one(name)?.as_bytes(), name)),
            None => in_pairs.map(|raw| (raw, &family.signature)),
        };
        if let Some((raw, name)) = timestamp {
            let time = parse_timestamp(raw);
            read.signed_at = Some(time.map_err(|kind| SignatureError::in_header(kind, name))?);
            read.timestamp = raw;
        }
        if let Some(name) = &family.id {
            read.id = Some(self.id(found.id.the_one(name)?, name)?);
        }
        Ok(())
    }

    /// The family whose headers are there, and these; headers of two are never mixed.
    ///
    /// One look at each header of the delivery: to ask the map for each name takes longer, for it
    /// hashes them byte by byte.
    fn family<'h>(&self, headers: &'h HeaderMap) -> Result<(&Family, Found<'h>), SignatureError> {
        let mut chosen = None;
        let mut mixed = false;
        let mut found = Found::default();
        for (name, value) in headers {
            self.scheme.names.named(name.as_str(), |wanted| {
                mixed |= *chosen.get_or_insert(wanted.family) != wanted.family;
                found.place(wanted.role).take(value);
            });
        }
        if mixed {
            return Err(self.mixed(headers));
        }
        match self.scheme.families.get(chosen.unwrap_or_default()) {
            Some(family) => Ok((family, found)),
            None => Err(SignatureError::new(Kind::MissingHeader)),
        }
    }

    /// Names the first header of the second family that is there.
    #[cold]
    fn mixed(&self, headers: &HeaderMap) -> SignatureError {
        let mut there =
            (self.scheme.names.iter()).filter(|wanted| headers.contains_key(&wanted.name));
        let first = there.next().map(|wanted| wanted.family);
        match there.find(|wanted| Some(wanted.family) != first) {
            Some(wanted) => SignatureError::in_header(Kind::MixedFamilies, &wanted.name),
            None => SignatureError::new(Kind::MixedFamilies),
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
    fn place(&mut self, role: Role) -> &mut Place<'h> {
        match role {
            Role::Signature => &mut self.signature,
            Role::Timestamp => &mut self.timestamp,
            Role::Id => &mut self.id,
        }
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

/// What the headers of a delivery say.
#[derive(Default)]
struct Read<'h> {
    candidates: Candidates,
    timestamp: &'h [u8],
    signed_at: Option<UnixTime>,
    id: Option<&'h str>,
}

impl<'h> Read<'h> {
    /// What the signature covers in this place.
    fn bytes<'a>(&self, piece: Piece, body: &'a [u8]) -> &'a [u8]
    where
        'h: 'a,
    {
        match piece {
            Piece::Timestamp => self.timestamp,
            Piece::Id => self.id.map_or(b"", str::as_bytes),
            Piece::Literal(text) => text.as_bytes(),
            Piece::Body => body,
        }
    }
}

/// The MAC under one of the keys, on its way.
struct Started {
    id: KeyId,
    mac: MacState,
}

/// Which key has made one of the signatures. Every key is compared with every candidate, whichever
/// matched before.
#[derive(Default)]
struct Matched<'k> {
    /// Whether there was a key at all.
    compared: bool,
    key: Option<&'k KeyId>,
}

impl<'k> Matched<'k> {
    #[inline]
    fn compare(&mut self, key: &'k KeyId, tag: &[u8; MAC_LEN], candidates: &Candidates) {
        self.compared = true;
        let tag = words(tag);
        let mut hit = Choice::from(0);
        candidates.each(|candidate| hit |= tag.ct_eq(&words(candidate)));
        // That a key has made it is what the caller is told; which bytes differ is not.
        if hit.into() {
            self.key = Some(key);
        }
    }

    #[inline]
    fn key(self) -> Result<&'k KeyId, SignatureError> {
        match self.key {
            Some(key) => Ok(key),
            None if self.compared => Err(SignatureError::new(Kind::Mismatch)),
            None => Err(SignatureError::new(Kind::NoActiveKey)),
        }
    }
}

/// A MAC in words: each piece that is compared costs a step that the compiler must not see through.
fn words(mac: &[u8; MAC_LEN]) -> [u128; MAC_LEN / 16] {
    let (words, _) = mac.as_chunks();
    let mut words = words.iter().map(|word| u128::from_ne_bytes(*word));
    std::array::from_fn(|_| words.next().unwrap_or_default())
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
    id: Option<Box<str>>,
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
        let key_id = matched.key()?;
        in_time(self.signed_at, key_id, self.tolerance, now)?;
        Ok(Verified {
            key_id: key_id.clone(),
            signed_at: self.signed_at,
            id: self.id,
        })
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
    key_id: KeyId,
    signed_at: Option<UnixTime>,
    id: Option<Box<str>>,
}

/// Judges the time last, so that a stale delivery can be told from a forged one.
#[inline]
fn in_time(
    signed_at: Option<UnixTime>,
    key: &KeyId,
    tolerance: Tolerance,
    now: UnixTime,
) -> Result<(), SignatureError> {
    signed_at
        .map_or(Ok(()), |at| tolerance.check(at, now))
        .map_err(|skew| SignatureError::stale(skew, key.clone()))
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
