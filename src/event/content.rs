//! Events that are identified by their whole content.

use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};

use super::canonical::Forms;
use super::error::{EventError, EventErrorKind as Kind};
use super::handling::Handling;
use super::identity::Identity;
use super::key::{EventKey, Fingerprint};
use super::shape::Shapes;
use crate::joined::once;
use crate::name::Name;

/// The longest accepted id in a header.
const MAX_HEADER_ID_LEN: usize = 256;

/// Bodies that are keyed on an uncovered header together with their digest.
#[derive(Debug, Clone)]
pub(super) struct WithId {
    /// The first one that is present applies.
    pub(super) headers: Box<[HeaderName]>,
    pub(super) shapes: Shapes,
}

/// Identifies a body, and the JSON that it is read as, by its digest and by an unsigned id if its shape needs one.
pub(super) fn identity_of(
    with_id: Option<&WithId>,
    provider: &Name,
    headers: &HeaderMap,
    body: &[u8],
    document: &[u8],
) -> Result<Identity, EventError> {
    if is_blank(body) {
        return Err(EventError::new(Kind::EmptyBody));
    }
    let mut forms = Forms::new();
    // A body that fits no shape, or is far from JSON, is keyed on its digest alone.
    let shape = with_id.and_then(|with_id| with_id.shapes.of(document, &mut forms).ok());
    let Some((with_id, (shape, _))) = with_id.zip(shape) else {
        return by_digest(provider, None, body);
    };
    let id = unsigned_id(headers, &with_id.headers)?;
    let digest: [u8; 32] = Sha256::digest(body).into();
    let parts = ["sha256", &data_encoding::HEXLOWER.encode(&digest), id];
    Ok(Identity {
        shape: Some(shape.name.clone()),
        ..of_digest(key(provider, parts)?, &digest)
    })
}

/// Whether this body contains nothing but white space.
pub(super) fn is_blank(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    // Nearly every body ends here.
    body.iter().all(u8::is_ascii_whitespace)
}

/// The id in this header, in visible ASCII. A repeated line counts once, even if the lines were
/// joined with a comma and a space.
pub(super) fn header_id<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<&'h str, EventError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    first
        .filter(|first| values.all(|other| other == *first))
        .and_then(|value| value.to_str().ok())
        .map(|line| match once(line.as_bytes()) {
            // An id contains no space, but may contain a comma.
            Some(first) if line.contains(' ') => line.get(..first.len()).unwrap_or(line),
            _ => line,
        })
        .filter(|id| (1..=MAX_HEADER_ID_LEN).contains(&id.len()))
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or_else(|| EventError::at(Kind::NoIdHeader, name))
}

/// The id in the first of these headers that is present.
fn unsigned_id<'h>(headers: &'h HeaderMap, names: &[HeaderName]) -> Result<&'h str, EventError> {
    let there = names.iter().find(|name| headers.contains_key(*name));
    match there.or(names.first()) {
        Some(name) => header_id(headers, name),
        None => Err(EventError::new(Kind::NoIdHeader)),
    }
}

pub(super) fn by_digest(
    provider: &Name,
    kind: Option<&str>,
    body: &[u8],
) -> Result<Identity, EventError> {
    let digest: [u8; 32] = Sha256::digest(body).into();
    let text = data_encoding::HEXLOWER.encode(&digest);
    // Four parts if there is a kind: more than any shape of the same provider has.
    let unknown = kind.map(|kind| ["unknown", kind]);
    let parts = unknown.into_iter().flatten().chain(["sha256", &text]);
    Ok(of_digest(key(provider, parts)?, &digest))
}

/// An event that is identified by its key and the digest of its body.
fn of_digest(key: EventKey, digest: &[u8; 32]) -> Identity {
    Identity {
        key,
        fingerprint: Fingerprint::of_digest(digest),
        time: None,
        shape: None,
        order: None,
        handling: Handling::Once,
    }
}

pub(super) fn key(
    provider: &Name,
    parts: impl IntoIterator<Item = impl AsRef<str>>,
) -> Result<EventKey, EventError> {
    EventKey::new(provider.clone(), parts).map_err(|_| EventError::new(Kind::WrongType))
}
