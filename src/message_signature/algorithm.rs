use serde::Deserialize;
use subtle::ConstantTimeEq;

use crate::asymmetric::{Curve, EcdsaForm, PublicKeyAlgorithm};
use crate::digest::Digest;
use crate::secret::SigningKey;

/// The algorithm of a message signature (RFC 9421, section 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MessageAlgorithm {
    /// HMAC-SHA256: `hmac-sha256`.
    HmacSha256,
    /// Ed25519: `ed25519`.
    Ed25519,
    /// ECDSA on P-256 with SHA-256: `ecdsa-p256-sha256`.
    EcdsaP256Sha256,
    /// ECDSA on P-384 with SHA-384: `ecdsa-p384-sha384`.
    EcdsaP384Sha384,
    /// RSA PKCS#1 with SHA-256: `rsa-v1_5-sha256`.
    #[serde(rename = "rsa-v1_5-sha256")]
    RsaV15Sha256,
    /// RSA PSS with SHA-512 and 64 bytes of salt: `rsa-pss-sha512`.
    RsaPssSha512,
}

impl MessageAlgorithm {
    /// Its name in the registry of RFC 9421.
    ///
    /// ```
    /// use tower_webhook::signature::MessageAlgorithm;
    ///
    /// assert_eq!(MessageAlgorithm::RsaV15Sha256.name(), "rsa-v1_5-sha256");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::EcdsaP384Sha384 => "ecdsa-p384-sha384",
            Self::RsaV15Sha256 => "rsa-v1_5-sha256",
            Self::RsaPssSha512 => "rsa-pss-sha512",
        }
    }

    /// The signature algorithm, if it uses a private key.
    pub(super) const fn public(self) -> Option<PublicKeyAlgorithm> {
        match self {
            Self::HmacSha256 => None,
            Self::Ed25519 => Some(PublicKeyAlgorithm::Ed25519),
            Self::EcdsaP256Sha256 => Some(PublicKeyAlgorithm::Ecdsa {
                curve: Curve::P256,
                digest: Digest::Sha256,
                form: EcdsaForm::Fixed,
            }),
            Self::EcdsaP384Sha384 => Some(PublicKeyAlgorithm::Ecdsa {
                curve: Curve::P384,
                digest: Digest::Sha384,
                form: EcdsaForm::Fixed,
            }),
            Self::RsaV15Sha256 => Some(PublicKeyAlgorithm::rsa(Digest::Sha256)),
            Self::RsaPssSha512 => Some(PublicKeyAlgorithm::RsaPss {
                digest: Digest::Sha512,
            }),
        }
    }

    /// Whether it can use this key: never a public key as a secret.
    pub(super) fn takes(self, key: &SigningKey) -> bool {
        match self.public() {
            None => key.secret().is_some(),
            Some(algorithm) => {
                (key.public_key()).is_some_and(|key| key.kind().fits(algorithm.key_kind()))
            }
        }
    }

    /// Whether this key made the signature of this base.
    pub(super) fn verify(self, key: &SigningKey, base: &[u8], signature: &[u8]) -> bool {
        match (self.public(), key.secret(), key.public_key()) {
            (None, Some(secret), _) => {
                let mac = Digest::Sha256.hmac(secret.bytes(), [base]);
                mac.is_some_and(|mac| bool::from(mac.ct_eq(signature)))
            }
            (Some(algorithm), _, Some(key)) => key.verify(algorithm, base, signature),
            _ => false,
        }
    }
}
