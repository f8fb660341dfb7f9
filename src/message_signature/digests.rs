//! Digests of the body (RFC 9530).

use http::{HeaderMap, HeaderName};
use sfv::ListEntry;

use super::field::{combined, dictionary};
use super::unread::Unread;
use crate::digest::Digest;

/// The hash with this name. Other registered hashes prove nothing, and are ignored.
pub(super) fn known(name: &str) -> Option<Digest> {
    match name {
        "sha-256" => Some(Digest::Sha256),
        "sha-512" => Some(Digest::Sha512),
        _ => None,
    }
}

/// The known digests of a field: at least one.
pub(super) fn read(
    headers: &HeaderMap,
    name: &HeaderName,
) -> Result<Vec<(Digest, Vec<u8>)>, Unread> {
    let text = combined(headers, name)?.ok_or(Unread::NotThere)?;
    let mut digests = Vec::new();
    for (name, member) in &dictionary(&text)? {
        let Some(digest) = known(name.as_str()) else {
            continue;
        };
        let bytes = match member {
            ListEntry::Item(item) => item.bare_item.as_byte_sequence(),
            ListEntry::InnerList(_) => None,
        };
        let bytes = bytes.filter(|bytes| bytes.len() == digest.len());
        digests.push((digest, bytes.ok_or(Unread::Malformed)?.to_vec()));
    }
    match digests.is_empty() {
        true => Err(Unread::NoKnownDigest),
        false => Ok(digests),
    }
}

/// Whether all of these match this body. A digest is not a secret, so it is compared like any text.
pub(super) fn all_match(digests: &[(Digest, Vec<u8>)], body: &[u8]) -> bool {
    let mut hashes: Vec<(Digest, Vec<u8>)> = Vec::new();
    digests.iter().all(|(digest, told)| {
        let place = hashes.iter().position(|(other, _)| other == digest);
        let hash = match place.and_then(|place| hashes.get(place)) {
            Some((_, hash)) => hash.clone(),
            None => {
                let hash = digest.hash([body]);
                hashes.push((*digest, hash.clone()));
                hash
            }
        };
        hash == *told
    })
}
