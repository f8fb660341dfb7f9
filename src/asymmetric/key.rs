use std::fmt;

use rsa::traits::PublicKeyParts;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::algorithm::{Curve, EcdsaForm, KeyKind, PublicKeyAlgorithm};
use crate::digest::Digest;

/// A public key that was checked when it was read: on its curve, not of small order, and not too short.
///
/// ```
/// use tower_webhook::signature::{KeyKind, PublicKey, PublicKeyAlgorithm};
///
/// // RFC 8032, section 7.1, test 1: the signature of an empty message.
/// let key = PublicKey::parse(
///     KeyKind::Ed25519,
///     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
/// )?;
/// let signature = data_encoding::HEXLOWER.decode(
///     b"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
/// )?;
/// assert!(key.verify(PublicKeyAlgorithm::Ed25519, b"", &signature));
/// assert!(!key.verify(PublicKeyAlgorithm::Ed25519, b" ", &signature));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct PublicKey(Key);

#[derive(Clone)]
pub(super) enum Key {
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
    P256(Box<p256::ecdsa::VerifyingKey>),
    P384(Box<p384::ecdsa::VerifyingKey>),
    P521(Box<p521::ecdsa::VerifyingKey>),
    Secp256k1(Box<k256::ecdsa::VerifyingKey>),
    Rsa(Box<rsa::PublicKey>),
}

/// Shorter keys no longer prove anything, unless a sender has nothing better.
const RSA_BITS: u32 = 2048;

impl From<Key> for PublicKey {
    fn from(key: Key) -> Self {
        Self(key)
    }
}

impl PublicKey {
    pub(super) fn key(&self) -> &Key {
        &self.0
    }

    /// The kind of the key.
    pub fn kind(&self) -> KeyKind {
        match &self.0 {
            Key::Ed25519(_) => KeyKind::Ed25519,
            Key::P256(_) => KeyKind::Ecdsa(Curve::P256),
            Key::P384(_) => KeyKind::Ecdsa(Curve::P384),
            Key::P521(_) => KeyKind::Ecdsa(Curve::P521),
            Key::Secp256k1(_) => KeyKind::Ecdsa(Curve::Secp256k1),
            Key::Rsa(key) if key.n().bit_width() < RSA_BITS => KeyKind::RsaShort,
            Key::Rsa(_) => KeyKind::Rsa,
        }
    }

    /// Whether the matching private key made this signature of this message. False if the algorithm
    /// needs keys of another kind.
    pub fn verify(&self, algorithm: PublicKeyAlgorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.takes(algorithm, signature) {
            return false;
        }
        #[cfg(test)]
        super::tests::count_verification();
        match algorithm {
            PublicKeyAlgorithm::Ed25519 => self.verify_ed25519(message, signature),
            PublicKeyAlgorithm::Ecdsa { digest, form, .. } => {
                self.verify_ecdsa(form, &digest.hash([message]), signature)
            }
            PublicKeyAlgorithm::RsaPkcs1 { digest, .. } => {
                self.verify_pkcs1(digest, &digest.hash([message]), signature)
            }
            PublicKeyAlgorithm::RsaPss { digest } => {
                self.verify_pss(digest, &digest.hash([message]), signature)
            }
        }
    }

    /// Whether the key is of the algorithm's kind and the signature has a valid length: checked
    /// before any computation.
    pub(crate) fn takes(&self, algorithm: PublicKeyAlgorithm, signature: &[u8]) -> bool {
        let (least, most) = algorithm.lengths();
        let fits = match &self.0 {
            Key::Rsa(key) => signature.len() == key.size(),
            _ => (least..=most).contains(&signature.len()),
        };
        fits && self.kind().fits(algorithm.key_kind())
    }

    fn verify_ed25519(&self, message: &[u8], signature: &[u8]) -> bool {
        match (&self.0, ed25519_dalek::Signature::from_slice(signature)) {
            (Key::Ed25519(key), Ok(signature)) => key.verify_strict(message, &signature).is_ok(),
            _ => false,
        }
    }

    pub(super) fn verify_ecdsa(&self, form: EcdsaForm, hash: &[u8], signature: &[u8]) -> bool {
        // A signature stays valid with the negative of `s`, and senders write either. One library
        // accepts only the lower one, so all get that.
        macro_rules! verify {
            ($curve:ident, $key:expr) => {{
                use $curve::ecdsa::Signature;
                use $curve::ecdsa::signature::hazmat::PrehashVerifier;

                let parsed = match form {
                    EcdsaForm::Der => Signature::from_der(signature),
                    EcdsaForm::Fixed => Signature::from_slice(signature),
                };
                parsed.is_ok_and(|it| $key.verify_prehash(hash, &it.normalize_s()).is_ok())
            }};
        }
        match &self.0 {
            Key::P256(key) => verify!(p256, key),
            Key::P384(key) => verify!(p384, key),
            Key::P521(key) => verify!(p521, key),
            Key::Secp256k1(key) => verify!(k256, key),
            Key::Ed25519(_) | Key::Rsa(_) => false,
        }
    }

    fn verify_pkcs1(&self, digest: Digest, hash: &[u8], signature: &[u8]) -> bool {
        let Key::Rsa(key) = &self.0 else {
            return false;
        };
        let verified = match digest {
            Digest::Sha1 => key.pkcs1v15_verify_prehash::<Sha1>(hash, signature),
            Digest::Sha256 => key.pkcs1v15_verify_prehash::<Sha256>(hash, signature),
            Digest::Sha384 => key.pkcs1v15_verify_prehash::<Sha384>(hash, signature),
            Digest::Sha512 => key.pkcs1v15_verify_prehash::<Sha512>(hash, signature),
            Digest::Keccak256 => return false,
        };
        verified.is_ok()
    }

    fn verify_pss(&self, digest: Digest, hash: &[u8], signature: &[u8]) -> bool {
        let Key::Rsa(key) = &self.0 else {
            return false;
        };
        let verified = match digest {
            Digest::Sha1 => key.pss_verify_prehash::<Sha1>(hash, signature),
            Digest::Sha256 => key.pss_verify_prehash::<Sha256>(hash, signature),
            Digest::Sha384 => key.pss_verify_prehash::<Sha384>(hash, signature),
            Digest::Sha512 => key.pss_verify_prehash::<Sha512>(hash, signature),
            Digest::Keccak256 => return false,
        };
        verified.is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.kind()).finish()
    }
}
