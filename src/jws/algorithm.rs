use serde::Deserialize;
use subtle::ConstantTimeEq;

use crate::asymmetric::{Curve, EcdsaForm, PublicKeyAlgorithm};
use crate::digest::Digest;
use crate::secret::SigningKey;

/// How a JWS is signed (RFC 7518, section 3; RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum JwsAlgorithm {
    /// HMAC-SHA256.
    Hs256,
    /// HMAC-SHA384.
    Hs384,
    /// HMAC-SHA512.
    Hs512,
    /// RSA PKCS#1 with SHA-256.
    Rs256,
    /// RSA PKCS#1 with SHA-384.
    Rs384,
    /// RSA PKCS#1 with SHA-512.
    Rs512,
    /// RSA PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// ECDSA on secp256k1 with SHA-256 (RFC 8812).
    Es256k,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl JwsAlgorithm {
    /// Its name in a token's header.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Es256k => "ES256K",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Its hash, if it is an HMAC.
    pub(super) fn hmac(self) -> Option<Digest> {
        match self {
            Self::Hs256 => Some(Digest::Sha256),
            Self::Hs384 => Some(Digest::Sha384),
            Self::Hs512 => Some(Digest::Sha512),
            _ => None,
        }
    }

    /// The signature algorithm, if it uses a private key.
    pub(super) fn public(self) -> Option<PublicKeyAlgorithm> {
        let ecdsa = |curve, digest| {
            Some(PublicKeyAlgorithm::Ecdsa {
                curve,
                digest,
                form: EcdsaForm::Fixed,
            })
        };
        match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => None,
            Self::Rs256 => Some(PublicKeyAlgorithm::rsa(Digest::Sha256)),
            Self::Rs384 => Some(PublicKeyAlgorithm::rsa(Digest::Sha384)),
            Self::Rs512 => Some(PublicKeyAlgorithm::rsa(Digest::Sha512)),
            Self::Ps256 => Some(PublicKeyAlgorithm::RsaPss {
                digest: Digest::Sha256,
            }),
            Self::Es256 => ecdsa(Curve::P256, Digest::Sha256),
            Self::Es384 => ecdsa(Curve::P384, Digest::Sha384),
            Self::Es512 => ecdsa(Curve::P521, Digest::Sha512),
            Self::Es256k => ecdsa(Curve::Secp256k1, Digest::Sha256),
            Self::EdDsa => Some(PublicKeyAlgorithm::Ed25519),
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

    /// Whether this key made the signature of this text.
    pub(super) fn verify(self, key: &SigningKey, text: &[u8], signature: &[u8]) -> bool {
        match (self.hmac(), self.public(), key.secret(), key.public_key()) {
            (Some(digest), _, Some(secret), _) => {
                let mac = digest.hmac(secret.bytes(), [text]);
                mac.is_some_and(|mac| bool::from(mac.ct_eq(signature)))
            }
            (_, Some(algorithm), _, Some(key)) => key.verify(algorithm, text, signature),
            _ => false,
        }
    }
}
