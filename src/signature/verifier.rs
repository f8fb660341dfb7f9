use std::sync::Arc;

use super::component::Component;
use super::error::{SignatureError, SignatureErrorKind as Kind};
#[cfg(feature = "senders")]
use super::general::Check;
use super::one_or_more::OneOrMore;
use super::read::Read;
use super::scheme::Scheme;
use super::verification::{Hashing, Matched, Started, Verification, Verified};
use crate::clock::{Tolerance, UnixTime};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::head::RequestHead;
use crate::secret::{KeyRing, SigningKey};

/// Checks deliveries of one [`Scheme`] against the keys of a ring.
///
/// It works without an HTTP server, on the head of a request, bytes and a time. Clones share the
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

    /// The same verifier with this tolerance between a signed time and the local one.
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

    /// Refuses a ring whose keys can prove nothing by this scheme, whatever their time.
    ///
    /// # Errors
    ///
    /// Public keys where secrets are needed, the reverse, or keys of another kind.
    pub(crate) fn check_keys(&self) -> Result<(), ConfigError> {
        let takes = |key: &SigningKey| {
            #[cfg(feature = "senders")]
            if let Some(general) = &self.scheme.general {
                return general.takes(key);
            }
            key.secret().is_some()
        };
        #[cfg(feature = "asymmetric")]
        if self.keys.source().is_some() {
            let public = self.scheme.public_key_algorithm().is_some();
            return match public {
                true => Ok(()),
                false => Err(ConfigError::new(
                    ConfigErrorKind::Proof,
                    "its keys come from a source of public keys, and its scheme takes secrets",
                )),
            };
        }
        match self.keys.snapshot().iter().all(takes) {
            true => Ok(()),
            false => Err(ConfigError::new(
                ConfigErrorKind::Proof,
                "the ring holds a key of another kind than the scheme takes",
            )),
        }
    }

    /// Whether the proof needs the whole body and cannot be computed as the body arrives.
    pub(crate) fn judges_whole_body(&self) -> bool {
        #[cfg(feature = "senders")]
        let general = self.scheme.general.is_some();
        #[cfg(not(feature = "senders"))]
        let general = false;
        general
    }

    /// Checks a whole delivery: its head, as a [`RequestHead`] or as headers alone, and its body.
    /// The body is hashed once per active key, however many signatures the header holds, and
    /// signatures are compared in constant time.
    ///
    /// ```
    /// use tower_webhook::signature::{Scheme, Verifier};
    /// use tower_webhook::{Encoding, SigningSecret, UnixTime};
    /// // GitHub's documented example.
    /// let scheme = Scheme::builder("x-hub-signature-256").single("sha256=", Encoding::Hex).build()?;
    /// let verifier = Verifier::new(scheme, SigningSecret::from_text("It's a Secret to Everybody")?);
    /// // From any framework, or from a queue that stored it.
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
        #[cfg(feature = "senders")]
        if let Some(general) = &self.scheme.general {
            let tolerance = self.scheme.tolerance;
            let check = Check::begin(general, &self.keys, tolerance, head, now)?;
            return check.finish(body, now).map(Verified::from);
        }
        // Does the same as `begin`, `update` and `finish`, but stores nothing for later.
        let mut read = Read::default();
        read.head(&self.scheme, head)?;
        let keys = self.keys.look();
        let mut matched = Matched::default();
        for key in keys.iter().filter(|key| key.is_active(now)) {
            let Some(secret) = key.secret() else {
                continue;
            };
            let pieces = self.scheme.content.iter();
            let tag = secret.mac(pieces.map(|piece| read.bytes(piece, body)));
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
            let Some(secret) = key.secret() else {
                continue;
            };
            OneOrMore::append(
                &mut started,
                Started {
                    id: key.id().clone(),
                    mac: secret.start(),
                },
            );
        }
        started.ok_or(SignatureError::new(Kind::NoActiveKey))
    }

    /// Checks everything that does not need the body: which headers are present, and their form.
    ///
    /// # Errors
    ///
    /// Every kind but [`Mismatch`](super::SignatureErrorKind::Mismatch),
    /// [`TooOld`](super::SignatureErrorKind::TooOld) and
    /// [`TooNew`](super::SignatureErrorKind::TooNew), which need the body.
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
        #[cfg(feature = "senders")]
        if let Some(general) = &self.scheme.general {
            let tolerance = self.scheme.tolerance;
            let check = Check::begin(general, &self.keys, tolerance, head, now)?;
            return Ok(Verification::general(check));
        }
        let mut read = Read::default();
        read.head(&self.scheme, head)?;
        let mut keys = self.start(now)?;

        // Pieces before the body are hashed now, those after it when the body is complete.
        let mut pieces = self.scheme.content.iter();
        for piece in pieces
            .by_ref()
            .take_while(|piece| **piece != Component::Body)
        {
            let bytes = read.bytes(piece, b"");
            keys.each_mut(|key| key.mac.update(bytes));
        }
        let after_body = pieces.flat_map(|piece| read.bytes(piece, b"")).copied();
        Ok(Verification::plain(Hashing {
            after_body: after_body.collect(),
            keys,
            signed_at: read.signed_at,
            id: read.id(),
            candidates: read.candidates,
            tolerance: self.scheme.tolerance,
        }))
    }
}

#[cfg(test)]
mod tests;
