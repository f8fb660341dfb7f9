//! The result of a check.

use std::borrow::Cow;

use crate::clock::UnixTime;
use crate::digest::Digest;
use crate::encoding::MAC_LEN;
use crate::secret::KeyIds;

/// The facts that a right signature proves.
pub(in crate::signature) struct Outcome {
    pub(in crate::signature) keys: KeyIds,
    pub(in crate::signature) signed_at: Option<UnixTime>,
    pub(in crate::signature) id: Option<String>,
}

/// The first content that was judged: it identifies a stale delivery.
pub(super) enum First<'a> {
    /// Its MAC, or its hash.
    Tag(Vec<u8>),
    /// All of it: it is hashed only on demand.
    #[cfg_attr(
        not(feature = "asymmetric"),
        expect(dead_code, reason = "of those with public keys alone")
    )]
    Message(Cow<'a, [u8]>),
}

impl First<'_> {
    /// As many bytes as tell it from another one.
    pub(super) fn short(self) -> [u8; MAC_LEN] {
        match self {
            Self::Tag(tag) => short(&tag),
            Self::Message(message) => short(&Digest::Sha256.hash([&*message])),
        }
    }
}

/// Enough bytes to distinguish contents.
pub(super) fn short(tag: &[u8]) -> [u8; MAC_LEN] {
    let mut bytes = [0; MAC_LEN];
    bytes.iter_mut().zip(tag).for_each(|(to, from)| *to = *from);
    bytes
}

/// The id of an event that is identified by its signed content: the content itself if it is a short
/// text, otherwise its SHA-256.
pub(super) fn name_of(content: &[u8], hashes: bool) -> String {
    let plain = content.iter().all(|byte| matches!(byte, b' '..=b'~'));
    match std::str::from_utf8(content) {
        Ok(text) if !hashes && plain && (1..=200).contains(&text.len()) => text.to_owned(),
        _ => {
            let hash = Digest::Sha256.hash([content]);
            format!("sha256:{}", data_encoding::HEXLOWER.encode(&hash))
        }
    }
}
