use std::fmt;

use k256::ecdsa::signature::{Signer, hazmat::PrehashSigner};
use rsa::pkcs8::DecodePrivateKey;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::algorithm::{Curve, EcdsaForm, KeyKind, PublicKeyAlgorithm};
use super::key::{Key, PublicKey};
use crate::digest::Digest;
use crate::error::{ConfigError, ConfigErrorKind};

/// A private key to sign test deliveries with.
///
/// It is for tests only: the duration of an RSA signature reveals something of the key to anyone
/// who can measure it (RUSTSEC-2023-0071).
///
/// ```
/// use tower_webhook::signature::PublicKeyAlgorithm;
/// use tower_webhook::testing::PrivateKey;
///
/// let key = PrivateKey::for_tests(PublicKeyAlgorithm::Ed25519);
/// let signature = key.sign(PublicKeyAlgorithm::Ed25519, b"a message").expect("it is of that kind");
/// assert!(key.public().verify(PublicKeyAlgorithm::Ed25519, b"a message", &signature));
/// ```
#[derive(Clone)]
pub struct PrivateKey {
    private: Private,
    public: PublicKey,
}

#[derive(Clone)]
enum Private {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    P256(Box<p256::ecdsa::SigningKey>),
    P384(Box<p384::ecdsa::SigningKey>),
    P521(Box<p521::ecdsa::SigningKey>),
    Secp256k1(Box<k256::ecdsa::SigningKey>),
    Rsa(Box<rsa::PrivateKey>),
}

/// The seed of the test keys, used nowhere else.
const SEED: &[u8] = b"a key of tower-webhook's test deliveries";
const OTHER_SEED: &[u8] = b"a key that no receiver knows";
/// `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -outform DER`
const RSA: &[u8] = include_bytes!("test_key_rsa.der");
const OTHER_RSA: &[u8] = include_bytes!("other_test_key_rsa.der");

impl PrivateKey {
    /// A key for this algorithm that is the same in every build, for test deliveries.
    ///
    /// It is public: a receiver that accepts its public key accepts anything.
    ///
    /// ```
    /// use tower_webhook::signature::{KeyKind, PublicKeyAlgorithm};
    /// use tower_webhook::testing::PrivateKey;
    ///
    /// let key = PrivateKey::for_tests(PublicKeyAlgorithm::ES256_DER);
    /// assert_eq!(key.public().kind(), PublicKeyAlgorithm::ES256_DER.key_kind());
    /// ```
    pub fn for_tests(algorithm: PublicKeyAlgorithm) -> Self {
        Self::made_of(SEED, RSA, algorithm)
    }

    /// A key that differs from every key of [`for_tests`](Self::for_tests).
    pub(crate) fn of_nobody(algorithm: PublicKeyAlgorithm) -> Self {
        Self::made_of(OTHER_SEED, OTHER_RSA, algorithm)
    }

    fn made_of(seed: &[u8], rsa: &[u8], algorithm: PublicKeyAlgorithm) -> Self {
        let numbers = |len: usize| {
            let mut bytes = Digest::Sha512.hash([seed]);
            bytes.truncate(len);
            bytes
        };
        let private = match algorithm.key_kind() {
            KeyKind::Ed25519 => {
                let bytes = <[u8; 32]>::try_from(numbers(32)).unwrap_or_default();
                Private::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(&bytes)))
            }
            KeyKind::Ecdsa(Curve::P256) => {
                let key = p256::ecdsa::SigningKey::from_slice(&numbers(32));
                Private::P256(Box::new(of_constants(key)))
            }
            KeyKind::Ecdsa(Curve::P384) => {
                let key = p384::ecdsa::SigningKey::from_slice(&numbers(48));
                Private::P384(Box::new(of_constants(key)))
            }
            KeyKind::Ecdsa(Curve::P521) => {
                // It is two bits longer than a hash: the first two bytes are zero.
                let bytes = [&[0, 0], numbers(64).as_slice()].concat();
                let key = p521::ecdsa::SigningKey::from_slice(&bytes);
                Private::P521(Box::new(of_constants(key)))
            }
            KeyKind::Ecdsa(Curve::Secp256k1) => {
                let key = k256::ecdsa::SigningKey::from_slice(&numbers(32));
                Private::Secp256k1(Box::new(of_constants(key)))
            }
            KeyKind::Rsa | KeyKind::RsaShort => {
                let key = rsa::PrivateKey::from_pkcs8_der(rsa);
                Private::Rsa(Box::new(of_constants(key)))
            }
        };
        Self::of(private)
    }

    fn of(private: Private) -> Self {
        let public = match &private {
            Private::Ed25519(key) => Key::Ed25519(Box::new(key.verifying_key())),
            Private::P256(key) => Key::P256(Box::new(*key.verifying_key())),
            Private::P384(key) => Key::P384(Box::new(*key.verifying_key())),
            Private::P521(key) => Key::P521(Box::new(*key.verifying_key())),
            Private::Secp256k1(key) => Key::Secp256k1(Box::new(*key.verifying_key())),
            Private::Rsa(key) => Key::Rsa(Box::new(key.to_public_key())),
        };
        Self {
            private,
            public: public.into(),
        }
    }

    /// Reads a key of this kind from PKCS#8 in PEM (`BEGIN PRIVATE KEY`).
    ///
    /// ```
    /// use tower_webhook::signature::KeyKind;
    /// use tower_webhook::testing::PrivateKey;
    ///
    /// assert!(PrivateKey::parse(KeyKind::Ed25519, "no key").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// A text that contains no key of this kind.
    pub fn parse(kind: KeyKind, text: &str) -> Result<Self, ConfigError> {
        let refused = || ConfigError::new(ConfigErrorKind::Secret, "no private key of this kind");
        let der = super::parse::armoured(text, "PRIVATE KEY").ok_or_else(refused)?;
        let private = match kind {
            KeyKind::Ed25519 => ed25519_dalek::SigningKey::from_pkcs8_der(&der)
                .ok()
                .map(|key| Private::Ed25519(Box::new(key))),
            KeyKind::Ecdsa(Curve::P256) => p256::ecdsa::SigningKey::from_pkcs8_der(&der)
                .ok()
                .map(|key| Private::P256(Box::new(key))),
            KeyKind::Ecdsa(Curve::P384) => p384::ecdsa::SigningKey::from_pkcs8_der(&der)
                .ok()
                .map(|key| Private::P384(Box::new(key))),
            KeyKind::Ecdsa(Curve::P521) => p521::ecdsa::SigningKey::from_pkcs8_der(&der)
                .ok()
                .map(|key| Private::P521(Box::new(key))),
            KeyKind::Ecdsa(Curve::Secp256k1) => k256::ecdsa::SigningKey::from_pkcs8_der(&der)
                .ok()
                .map(|key| Private::Secp256k1(Box::new(key))),
            KeyKind::Rsa | KeyKind::RsaShort => rsa::PrivateKey::from_pkcs8_der(&der)
                .ok()
                .map(|key| Private::Rsa(Box::new(key))),
        };
        private.map(Self::of).ok_or_else(refused)
    }

    /// The matching public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The signature of this message; `None` if the algorithm needs keys of another kind.
    pub fn sign(&self, algorithm: PublicKeyAlgorithm, message: &[u8]) -> Option<Vec<u8>> {
        if !self.public.kind().fits(algorithm.key_kind()) {
            return None;
        }
        macro_rules! ecdsa {
            ($curve:ident, $key:expr, $hash:expr, $form:expr) => {{
                let signature: $curve::ecdsa::Signature = $key.sign_prehash(&$hash).ok()?;
                match $form {
                    EcdsaForm::Der => signature.to_der().as_bytes().to_vec(),
                    EcdsaForm::Fixed => signature.to_vec(),
                }
            }};
        }
        Some(match (&self.private, algorithm) {
            (Private::Ed25519(key), _) => key.sign(message).to_vec(),
            (Private::P256(key), PublicKeyAlgorithm::Ecdsa { digest, form, .. }) => {
                ecdsa!(p256, key, digest.hash([message]), form)
            }
            (Private::P384(key), PublicKeyAlgorithm::Ecdsa { digest, form, .. }) => {
                ecdsa!(p384, key, digest.hash([message]), form)
            }
            (Private::P521(key), PublicKeyAlgorithm::Ecdsa { digest, form, .. }) => {
                ecdsa!(p521, key, digest.hash([message]), form)
            }
            (Private::Secp256k1(key), PublicKeyAlgorithm::Ecdsa { digest, form, .. }) => {
                ecdsa!(k256, key, digest.hash([message]), form)
            }
            (Private::Rsa(key), PublicKeyAlgorithm::RsaPkcs1 { digest, .. }) => match digest {
                Digest::Sha1 => key.pkcs1v15_sign::<Sha1>(message),
                Digest::Sha256 => key.pkcs1v15_sign::<Sha256>(message),
                Digest::Sha384 => key.pkcs1v15_sign::<Sha384>(message),
                Digest::Sha512 => key.pkcs1v15_sign::<Sha512>(message),
                Digest::Keccak256 => return None,
            }
            .ok()?,
            (Private::Rsa(key), PublicKeyAlgorithm::RsaPss { digest }) => match digest {
                Digest::Sha1 => key.pss_sign::<Sha1>(message),
                Digest::Sha256 => key.pss_sign::<Sha256>(message),
                Digest::Sha384 => key.pss_sign::<Sha384>(message),
                Digest::Sha512 => key.pss_sign::<Sha512>(message),
                Digest::Keccak256 => return None,
            }
            .ok()?,
            _ => return None,
        })
    }
}

/// A key from the constants above. It cannot panic: they never change, and a test creates every key
/// from them.
#[allow(clippy::expect_used, reason = "of constants, which a test tries")]
fn of_constants<K, E: fmt::Debug>(key: Result<K, E>) -> K {
    key.expect("the constants of this file make a key")
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey([REDACTED])")
    }
}
