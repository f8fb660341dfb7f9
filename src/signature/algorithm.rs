use crate::digest::Digest;

/// How a signature is made of the secret and what it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC (RFC 2104).
    Hmac(Digest),
    /// HMAC whose key is the hash of the secret.
    HmacOfHashedSecret(Digest),
    /// The plain hash of a content that holds the secret, for senders that have nothing better. It
    /// is no MAC: what is behind the secret can be made longer by strangers in theory.
    Hash(Digest),
}

impl Algorithm {
    /// How many bytes a signature has.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Hmac(digest) | Self::HmacOfHashedSecret(digest) | Self::Hash(digest) => {
                digest.len()
            }
        }
    }

    pub(super) fn hashes_secret(self) -> bool {
        matches!(self, Self::Hash(_))
    }

    /// The signature of these pieces.
    pub(super) fn sign<'a>(
        self,
        secret: &[u8],
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<Vec<u8>> {
        match self {
            Self::Hmac(digest) => digest.hmac(secret, pieces),
            Self::HmacOfHashedSecret(digest) => digest.hmac(&digest.hash([secret]), pieces),
            Self::Hash(digest) => Some(digest.hash(pieces)),
        }
    }
}
