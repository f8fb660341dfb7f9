#[cfg(feature = "asymmetric")]
use crate::asymmetric::PublicKeyAlgorithm;
use crate::digest::Digest;
use crate::encoding::Encoding;
use crate::secret::{Material, SigningKey};

/// How a signature is made from the secret and the covered content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC (RFC 2104).
    Hmac(Digest),
    /// HMAC whose key is the hash of the secret.
    HmacOfHashedSecret(Digest),
    /// The plain hash of a content that contains the secret, for senders that have nothing better.
    /// It is not a MAC: in theory, a stranger can extend the content after the secret.
    Hash(Digest),
    /// Made with a private key and verified by its public key.
    #[cfg(feature = "asymmetric")]
    PublicKey(PublicKeyAlgorithm),
}

impl Algorithm {
    /// The signature that a text encodes, if it has a valid length.
    pub(super) fn decode(self, encoding: Encoding, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Hmac(digest) | Self::HmacOfHashedSecret(digest) | Self::Hash(digest) => {
                encoding.decode(text, digest.len())
            }
            #[cfg(feature = "asymmetric")]
            Self::PublicKey(algorithm) => {
                let (least, most) = algorithm.lengths();
                // Longer than the longest signature in any encoding: nothing is decoded.
                if text.len() > most.saturating_mul(2) {
                    return None;
                }
                let bytes = encoding.decode_any(text)?;
                (least..=most).contains(&bytes.len()).then_some(bytes)
            }
        }
    }

    /// The length of the longest signature in bytes.
    pub(super) fn longest(self) -> usize {
        match self {
            Self::Hmac(digest) | Self::HmacOfHashedSecret(digest) | Self::Hash(digest) => {
                digest.len()
            }
            #[cfg(feature = "asymmetric")]
            Self::PublicKey(algorithm) => algorithm.lengths().1,
        }
    }

    /// Whether there is such an algorithm: Keccak-256 is only for plain hashes and for ECDSA.
    pub(super) fn is_defined(self) -> bool {
        match self {
            Self::Hmac(digest) | Self::HmacOfHashedSecret(digest) => digest != Digest::Keccak256,
            Self::Hash(_) => true,
            #[cfg(feature = "asymmetric")]
            Self::PublicKey(
                PublicKeyAlgorithm::RsaPkcs1 { digest, .. } | PublicKeyAlgorithm::RsaPss { digest },
            ) => digest != Digest::Keccak256,
            #[cfg(feature = "asymmetric")]
            Self::PublicKey(_) => true,
        }
    }

    pub(super) fn hashes_secret(self) -> bool {
        matches!(self, Self::Hash(_))
    }

    /// Whether signatures are verified by public keys.
    pub(super) fn is_public(self) -> bool {
        match self {
            Self::Hmac(_) | Self::HmacOfHashedSecret(_) | Self::Hash(_) => false,
            #[cfg(feature = "asymmetric")]
            Self::PublicKey(_) => true,
        }
    }

    /// Whether it can use this key.
    pub(super) fn takes(self, key: &SigningKey) -> bool {
        match self {
            Self::Hmac(_) | Self::HmacOfHashedSecret(_) | Self::Hash(_) => key.secret().is_some(),
            #[cfg(feature = "asymmetric")]
            Self::PublicKey(algorithm) => {
                (key.public_key()).is_some_and(|key| key.kind().fits(algorithm.key_kind()))
            }
        }
    }

    /// The MAC of these pieces under a secret.
    pub(crate) fn mac<'a>(
        self,
        secret: &[u8],
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<Vec<u8>> {
        match self {
            Self::Hmac(digest) => digest.hmac(secret, pieces),
            Self::HmacOfHashedSecret(digest) => digest.hmac(&digest.hash([secret]), pieces),
            Self::Hash(digest) => Some(digest.hash(pieces)),
            #[cfg(feature = "asymmetric")]
            Self::PublicKey(_) => None,
        }
    }

    /// The signature of these pieces, as a sender makes it.
    pub(super) fn sign<'a>(
        self,
        material: &Material,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<Vec<u8>> {
        match (self, material) {
            #[cfg(all(feature = "asymmetric", any(test, feature = "testing")))]
            (Self::PublicKey(algorithm), Material::Private(key)) => {
                let message: Vec<_> = pieces.into_iter().collect();
                key.sign(algorithm, &message.concat())
            }
            (_, Material::Secret(secret)) => self.mac(secret.bytes(), pieces),
            #[cfg(feature = "asymmetric")]
            _ => None,
        }
    }
}
