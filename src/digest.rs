//! Digests for signatures, in addition to that of the first edition.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use sha3::Keccak256;

/// A hash function.
///
/// SHA-1 is weak as a hash. In HMAC it is still sound, and some senders offer nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Digest {
    /// SHA-1 (FIPS 180-4), 20 bytes.
    Sha1,
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
    /// Keccak-256 as used by Ethereum, 32 bytes. Its padding predates FIPS 202, so it is not
    /// SHA3-256. It is for plain hashes: there is no HMAC and no RSA signature with it.
    Keccak256,
}

impl Digest {
    /// The length of its output in bytes.
    pub const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
            Self::Keccak256 => 32,
        }
    }

    /// Always `false`: each gives some bytes.
    pub const fn is_empty(self) -> bool {
        false
    }

    /// The hash of these pieces in sequence.
    pub(crate) fn hash<'a>(self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        match self {
            Self::Sha1 => hash::<Sha1>(pieces),
            Self::Sha256 => hash::<Sha256>(pieces),
            Self::Sha384 => hash::<Sha384>(pieces),
            Self::Sha512 => hash::<Sha512>(pieces),
            Self::Keccak256 => hash::<Keccak256>(pieces),
        }
    }

    /// The HMAC (RFC 2104) of these pieces under this key.
    pub(crate) fn hmac<'a>(
        self,
        key: &[u8],
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<Vec<u8>> {
        match self {
            Self::Sha1 => mac(Hmac::<Sha1>::new_from_slice(key), pieces),
            Self::Sha256 => mac(Hmac::<Sha256>::new_from_slice(key), pieces),
            Self::Sha384 => mac(Hmac::<Sha384>::new_from_slice(key), pieces),
            Self::Sha512 => mac(Hmac::<Sha512>::new_from_slice(key), pieces),
            Self::Keccak256 => None,
        }
    }
}

fn hash<'a, D: sha2::Digest>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut hash = D::new();
    for piece in pieces {
        hash.update(piece);
    }
    hash.finalize().to_vec()
}

fn mac<'a, M: Mac, E>(
    keyed: Result<M, E>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Option<Vec<u8>> {
    let mut mac = keyed.ok()?;
    for piece in pieces {
        mac.update(piece);
    }
    Some(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        HEXLOWER.encode(bytes)
    }

    #[test]
    fn macs_are_those_of_the_standards() {
        // RFC 2202 section 3 and RFC 4231 section 4, test case 2.
        let mac = |digest: Digest| {
            let pieces = [b"what do ya want ".as_slice(), b"for nothing?"];
            hex(&digest.hmac(b"Jefe", pieces).unwrap())
        };
        assert_eq!(
            mac(Digest::Sha1),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
        assert_eq!(
            mac(Digest::Sha256),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            mac(Digest::Sha384),
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"
        );
        assert_eq!(
            mac(Digest::Sha512),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        );
    }

    #[test]
    fn hashes_are_those_of_the_standards() {
        // FIPS 180-4, examples of NIST: "abc".
        let hash = |digest: Digest| hex(&digest.hash([b"a".as_slice(), b"bc"]));
        assert_eq!(
            hash(Digest::Sha1),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
        assert_eq!(
            hash(Digest::Sha256),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        // The value that Ethereum uses for accounts without code, which is also that of OpenSSL's
        // KECCAK-256.
        let empty = hex(&Digest::Keccak256.hash([]));
        assert_eq!(
            empty,
            "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
        );
        assert_eq!(Digest::Keccak256.hmac(b"key", []), None);
        for digest in [
            Digest::Sha1,
            Digest::Sha256,
            Digest::Sha384,
            Digest::Sha512,
            Digest::Keccak256,
        ] {
            assert_eq!(digest.hash([]).len(), digest.len());
        }
    }
}
