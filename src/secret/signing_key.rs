//! A key of a ring.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{KeyId, SigningSecret};
#[cfg(all(feature = "asymmetric", any(test, feature = "testing")))]
use crate::asymmetric::PrivateKey;
#[cfg(feature = "asymmetric")]
use crate::asymmetric::PublicKey;
use crate::clock::UnixTime;

/// A secret, or a public key, with a name and, during a roll-over, its end.
#[derive(Clone)]
pub struct SigningKey {
    id: KeyId,
    material: Material,
    expires_at: Option<UnixTime>,
    /// The second in which it last signed a delivery, in microseconds; zero if it never did.
    last_match: Arc<AtomicU64>,
}

/// The material that proves a signature, or makes one.
#[derive(Debug, Clone)]
pub(crate) enum Material {
    Secret(SigningSecret),
    #[cfg(feature = "asymmetric")]
    Public(Arc<PublicKey>),
    /// For a simulated sender.
    #[cfg(all(feature = "asymmetric", any(test, feature = "testing")))]
    Private(Arc<PrivateKey>),
}

impl SigningKey {
    /// A key that does not expire.
    pub fn new(id: impl Into<KeyId>, secret: SigningSecret) -> Self {
        Self::of(id.into(), Material::Secret(secret))
    }

    pub(super) fn of(id: KeyId, material: Material) -> Self {
        Self {
            id,
            material,
            expires_at: None,
            last_match: Arc::default(),
        }
    }

    /// A public key that does not expire.
    ///
    /// ```
    /// use tower_webhook::signature::{KeyKind, PublicKey};
    /// use tower_webhook::{KeyRing, SigningKey};
    ///
    /// let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    /// let ring = KeyRing::new([SigningKey::public("2026", PublicKey::parse(KeyKind::Ed25519, key)?)])?;
    /// # drop(ring);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[cfg(feature = "asymmetric")]
    pub fn public(id: impl Into<KeyId>, key: PublicKey) -> Self {
        Self::of(id.into(), Material::Public(Arc::new(key)))
    }

    /// A private key of a simulated sender: it signs test deliveries, and the public key that
    /// belongs to it proves them.
    ///
    /// ```
    /// use tower_webhook::signature::PublicKeyAlgorithm;
    /// use tower_webhook::testing::{PrivateKey, TestDelivery};
    /// use tower_webhook::{KeyRing, SigningKey, UnixTime, provider};
    ///
    /// let key = PrivateKey::for_tests(PublicKeyAlgorithm::Ed25519);
    /// let discord = provider::discord(KeyRing::new([SigningKey::private("test", key)])?);
    /// let request = TestDelivery::new(&discord, r#"{"id":"1","type":2}"#).request::<bytes::Bytes>()?;
    /// let verifier = discord.verifier().expect("it signs");
    /// assert!(verifier.verify(&request, request.body(), UnixTime::now()).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(all(feature = "asymmetric", any(test, feature = "testing")))]
    pub fn private(id: impl Into<KeyId>, key: PrivateKey) -> Self {
        Self::of(id.into(), Material::Private(Arc::new(key)))
    }

    /// The same key, to be refused from this moment on.
    #[must_use]
    pub fn expires_at(mut self, moment: UnixTime) -> Self {
        self.expires_at = Some(moment);
        self
    }

    /// The key's name.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// When a layer last let a delivery through that this key had signed, or would have but for its time;
    /// `None` if that has not happened since the key was made. In whole seconds; clones of a key share it.
    ///
    /// It shows when the old key of a roll-over is no longer used.
    ///
    /// ```
    /// use tower_webhook::provider::stripe;
    ///
    /// let ring = stripe::keys(["whsec_test_9f8e7d6c5b4a"])?;
    /// for key in ring.keys() {
    ///     assert_eq!((key.id().as_str(), key.last_match(), key.end()), ("1", None, None));
    /// }
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn last_match(&self) -> Option<UnixTime> {
        let micros = self.last_match.load(Ordering::Relaxed);
        (micros > 0).then(|| UnixTime::from_micros(micros))
    }

    /// From when on it is refused, if that is set.
    pub fn end(&self) -> Option<UnixTime> {
        self.expires_at
    }

    /// The secret, if it is one.
    #[inline]
    pub(crate) fn secret(&self) -> Option<&SigningSecret> {
        match &self.material {
            Material::Secret(secret) => Some(secret),
            #[cfg(feature = "asymmetric")]
            _ => None,
        }
    }

    /// The public key, if it is one.
    #[cfg(feature = "asymmetric")]
    pub(crate) fn public_key(&self) -> Option<&PublicKey> {
        self.material.public_key()
    }

    /// Its material.
    #[cfg(feature = "testing")]
    pub(crate) fn material(&self) -> &Material {
        &self.material
    }

    /// The same key, without an end.
    pub(crate) fn unending(&self) -> Self {
        Self {
            expires_at: None,
            ..self.clone()
        }
    }

    /// Records that it has signed a delivery. Written at most once a second, because all processors
    /// read the adjacent data.
    #[inline]
    pub(super) fn note_match(&self, now: UnixTime) {
        let second = now.as_micros() / 1_000_000 * 1_000_000;
        if self.last_match.load(Ordering::Relaxed) != second {
            self.last_match.store(second, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_active(&self, now: UnixTime) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            material,
            expires_at,
            last_match: _,
        } = self;
        let mut printed = f.debug_struct("SigningKey");
        printed.field("id", id);
        match material {
            Material::Secret(secret) => printed.field("secret", secret),
            #[cfg(feature = "asymmetric")]
            Material::Public(key) => printed.field("public_key", key),
            #[cfg(all(feature = "asymmetric", any(test, feature = "testing")))]
            Material::Private(key) => printed.field("private_key", key),
        };
        printed.field("expires_at", expires_at).finish()
    }
}

#[cfg(feature = "asymmetric")]
impl Material {
    fn public_key(&self) -> Option<&PublicKey> {
        match self {
            Self::Secret(_) => None,
            Self::Public(key) => Some(key),
            #[cfg(any(test, feature = "testing"))]
            Self::Private(key) => Some(key.public()),
        }
    }
}
