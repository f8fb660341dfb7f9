use crate::digest::Digest;

/// How a private key makes a signature, and therefore which public key verifies it.
///
/// The scheme names it, never the delivery.
///
/// ```
/// use tower_webhook::Digest;
/// use tower_webhook::signature::{Curve, EcdsaForm, KeyKind, PublicKeyAlgorithm};
///
/// // Stark Bank's algorithm.
/// let algorithm = PublicKeyAlgorithm::Ecdsa {
///     curve: Curve::Secp256k1,
///     digest: Digest::Sha256,
///     form: EcdsaForm::Der,
/// };
/// assert_eq!(algorithm.key_kind(), KeyKind::Ecdsa(Curve::Secp256k1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PublicKeyAlgorithm {
    /// Ed25519 (RFC 8032), strict: keys and points of small order are refused, and so is every
    /// alternative encoding of a signature.
    Ed25519,
    /// ECDSA (FIPS 186-5) with this hash of the signed content.
    ///
    /// Of the two values of `s` that verify, senders use both, and both are accepted.
    Ecdsa {
        /// The curve of the key.
        curve: Curve,
        /// The hash that is signed.
        digest: Digest,
        /// The encoding of the two numbers of a signature.
        form: EcdsaForm,
    },
    /// RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2).
    RsaPkcs1 {
        /// The hash that is signed.
        digest: Digest,
        /// Whether keys of fewer than 2048 bits are accepted, down to 1024: for a sender whose key
        /// is that short.
        short_keys: bool,
    },
    /// RSASSA-PSS (RFC 8017, section 8.1), with the same hash in its mask and a salt as long as the
    /// hash.
    RsaPss {
        /// The hash that is signed.
        digest: Digest,
    },
}

/// A curve for ECDSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Curve {
    /// NIST P-256, also secp256r1 and prime256v1.
    P256,
    /// NIST P-384, also secp384r1.
    P384,
    /// NIST P-521, also secp521r1.
    P521,
    /// secp256k1, the curve of Bitcoin.
    Secp256k1,
}

impl Curve {
    /// The length of its numbers in bytes.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::P256 | Self::Secp256k1 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// The encoding of the two numbers of an ECDSA signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EcdsaForm {
    /// As a sequence of two integers in DER (RFC 3279), which has one encoding.
    Der,
    /// Concatenated, each as long as the curve's order (IEEE P1363; JWS, RFC 7518).
    Fixed,
}

/// The kind of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// Ed25519.
    Ed25519,
    /// A point of this curve.
    Ecdsa(Curve),
    /// RSA of 2048 to 8192 bits.
    Rsa,
    /// RSA of 1024 bits or more: for a sender whose key is that short.
    RsaShort,
}

impl KeyKind {
    /// Whether a key of this kind is usable as one of the other.
    pub(crate) fn fits(self, wanted: Self) -> bool {
        self == wanted || (self == Self::Rsa && wanted == Self::RsaShort)
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Ed25519 => "an Ed25519 key",
            Self::Ecdsa(Curve::P256) => "an ECDSA key on P-256",
            Self::Ecdsa(Curve::P384) => "an ECDSA key on P-384",
            Self::Ecdsa(Curve::P521) => "an ECDSA key on P-521",
            Self::Ecdsa(Curve::Secp256k1) => "an ECDSA key on secp256k1",
            Self::Rsa => "an RSA key of at least 2048 bits",
            Self::RsaShort => "an RSA key of at least 1024 bits",
        }
    }
}

impl PublicKeyAlgorithm {
    /// ECDSA over SHA-256 on P-256, in DER.
    pub const ES256_DER: Self = Self::Ecdsa {
        curve: Curve::P256,
        digest: Digest::Sha256,
        form: EcdsaForm::Der,
    };

    /// RSASSA-PKCS1-v1_5 with this hash and keys of at least 2048 bits.
    ///
    /// ```
    /// use tower_webhook::Digest;
    /// use tower_webhook::signature::{KeyKind, PublicKeyAlgorithm};
    ///
    /// let algorithm = PublicKeyAlgorithm::rsa(Digest::Sha256);
    /// assert_eq!(algorithm.key_kind(), KeyKind::Rsa);
    /// ```
    pub const fn rsa(digest: Digest) -> Self {
        Self::RsaPkcs1 {
            digest,
            short_keys: false,
        }
    }

    /// The keys that it accepts.
    ///
    /// ```
    /// use tower_webhook::signature::{KeyKind, PublicKeyAlgorithm};
    ///
    /// assert_eq!(PublicKeyAlgorithm::Ed25519.key_kind(), KeyKind::Ed25519);
    /// ```
    pub const fn key_kind(self) -> KeyKind {
        match self {
            Self::Ed25519 => KeyKind::Ed25519,
            Self::Ecdsa { curve, .. } => KeyKind::Ecdsa(curve),
            Self::RsaPkcs1 { short_keys, .. } if short_keys => KeyKind::RsaShort,
            Self::RsaPkcs1 { .. } | Self::RsaPss { .. } => KeyKind::Rsa,
        }
    }

    /// The minimum and maximum length of a signature, in bytes.
    pub(crate) const fn lengths(self) -> (usize, usize) {
        match self {
            Self::Ed25519 => (64, 64),
            Self::Ecdsa { curve, form, .. } => match form {
                EcdsaForm::Fixed => (2 * curve.len(), 2 * curve.len()),
                // A sequence of two integers, each of which may need a leading zero.
                EcdsaForm::Der => (8, 2 * (curve.len() + 3) + 2),
            },
            Self::RsaPkcs1 { .. } => (128, 1024),
            Self::RsaPss { .. } => (256, 1024),
        }
    }
}
