//! The algorithms of signatures and their encodings, as a file writes them.

use serde::Deserialize;

use crate::digest::Digest;
use crate::encoding::Encoding;
use crate::signature::Algorithm;

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AlgorithmFile {
    HmacSha1,
    #[default]
    HmacSha256,
    HmacSha384,
    HmacSha512,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
    Keccak256,
    Token,
    #[cfg(feature = "asymmetric")]
    Ed25519,
    #[cfg(feature = "asymmetric")]
    EcdsaP256Sha1,
    #[cfg(feature = "asymmetric")]
    EcdsaP256Sha256,
    #[cfg(feature = "asymmetric")]
    EcdsaP256Sha256Fixed,
    #[cfg(feature = "asymmetric")]
    EcdsaP384Sha384,
    #[cfg(feature = "asymmetric")]
    EcdsaP384Sha384Fixed,
    #[cfg(feature = "asymmetric")]
    EcdsaSecp256k1Sha256,
    #[cfg(feature = "asymmetric")]
    RsaSha1,
    #[cfg(feature = "asymmetric")]
    RsaSha256,
    #[cfg(feature = "asymmetric")]
    RsaSha256ShortKeys,
    #[cfg(feature = "asymmetric")]
    RsaSha384,
    #[cfg(feature = "asymmetric")]
    RsaSha512,
    #[cfg(feature = "asymmetric")]
    RsaPssSha256,
    #[cfg(feature = "asymmetric")]
    RsaPssSha512,
}

impl AlgorithmFile {
    /// The algorithm; `None` for a token.
    pub(super) fn algorithm(self) -> Option<Algorithm> {
        match self {
            Self::HmacSha1 => Some(Algorithm::Hmac(Digest::Sha1)),
            Self::HmacSha256 => Some(Algorithm::Hmac(Digest::Sha256)),
            Self::HmacSha384 => Some(Algorithm::Hmac(Digest::Sha384)),
            Self::HmacSha512 => Some(Algorithm::Hmac(Digest::Sha512)),
            Self::Sha1 => Some(Algorithm::Hash(Digest::Sha1)),
            Self::Sha256 => Some(Algorithm::Hash(Digest::Sha256)),
            Self::Sha384 => Some(Algorithm::Hash(Digest::Sha384)),
            Self::Sha512 => Some(Algorithm::Hash(Digest::Sha512)),
            Self::Keccak256 => Some(Algorithm::Hash(Digest::Keccak256)),
            Self::Token => None,
            #[cfg(feature = "asymmetric")]
            other => other.public_key(),
        }
    }
}

#[cfg(feature = "asymmetric")]
impl AlgorithmFile {
    /// The algorithm whose signatures a public key verifies.
    fn public_key(self) -> Option<Algorithm> {
        use crate::signature::{Curve, EcdsaForm, PublicKeyAlgorithm};

        let ecdsa = |curve, digest, form| PublicKeyAlgorithm::Ecdsa {
            curve,
            digest,
            form,
        };
        let algorithm = match self {
            Self::HmacSha1
            | Self::HmacSha256
            | Self::HmacSha384
            | Self::HmacSha512
            | Self::Sha1
            | Self::Sha256
            | Self::Sha384
            | Self::Sha512
            | Self::Keccak256
            | Self::Token => return None,
            Self::Ed25519 => PublicKeyAlgorithm::Ed25519,
            Self::EcdsaP256Sha1 => ecdsa(Curve::P256, Digest::Sha1, EcdsaForm::Der),
            Self::EcdsaP256Sha256 => ecdsa(Curve::P256, Digest::Sha256, EcdsaForm::Der),
            Self::EcdsaP256Sha256Fixed => ecdsa(Curve::P256, Digest::Sha256, EcdsaForm::Fixed),
            Self::EcdsaP384Sha384 => ecdsa(Curve::P384, Digest::Sha384, EcdsaForm::Der),
            Self::EcdsaP384Sha384Fixed => ecdsa(Curve::P384, Digest::Sha384, EcdsaForm::Fixed),
            Self::EcdsaSecp256k1Sha256 => ecdsa(Curve::Secp256k1, Digest::Sha256, EcdsaForm::Der),
            Self::RsaSha1 => PublicKeyAlgorithm::rsa(Digest::Sha1),
            Self::RsaSha256 => PublicKeyAlgorithm::rsa(Digest::Sha256),
            Self::RsaSha256ShortKeys => PublicKeyAlgorithm::RsaPkcs1 {
                digest: Digest::Sha256,
                short_keys: true,
            },
            Self::RsaSha384 => PublicKeyAlgorithm::rsa(Digest::Sha384),
            Self::RsaSha512 => PublicKeyAlgorithm::rsa(Digest::Sha512),
            Self::RsaPssSha256 => PublicKeyAlgorithm::RsaPss {
                digest: Digest::Sha256,
            },
            Self::RsaPssSha512 => PublicKeyAlgorithm::RsaPss {
                digest: Digest::Sha512,
            },
        };
        Some(Algorithm::PublicKey(algorithm))
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum EncodingFile {
    #[default]
    Hex,
    HexUpper,
    Base64,
    Base64Url,
}

impl From<EncodingFile> for Encoding {
    fn from(encoding: EncodingFile) -> Self {
        match encoding {
            EncodingFile::Hex => Self::Hex,
            EncodingFile::HexUpper => Self::HexUpper,
            EncodingFile::Base64 => Self::Base64,
            EncodingFile::Base64Url => Self::Base64Url,
        }
    }
}
