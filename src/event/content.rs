//! Events that are told apart by their whole content.

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

/// Longest id that is taken from a header.
const MAX_HEADER_ID_LEN: usize = 256;

/// Bodies that are keyed on a header that nothing covers, together with their digest.
#[derive(Debug, Clone)]
pub(super) struct WithId {
    /// The first that is there counts.
    pub(super) headers: Box<[HeaderName]>,
    pub(super) shapes: Shapes,
}

/// What is known of a body, and of the JSON that it is read as, by its digest, and an unsigned id where its shape asks for one.
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
    // What fits no shape is keyed on its digest alone, as is what is not nearly JSON.
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

/// Whether there is nothing in this body but white space.
pub(super) fn is_blank(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    // Nearly every body ends here.
    body.iter().all(u8::is_ascii_whitespace)
}

/// The id that stands in this header, in visible ASCII; a line that is repeated counts once, also
/// where the lines were joined with a comma and a blank.
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
            // An id has no blank in it, but may have a comma.
            Some(first) if line.contains(' ') => line.get(..first.len()).unwrap_or(line),
            _ => line,
        })
        .filter(|id| (1..=MAX_HEADER_ID_LEN).contains(&id.len()))
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or_else(|| EventError::at(Kind::NoIdHeader, name))
}

/// The id that stands in the first of these headers that is there.
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
    // Four parts where there is a kind: more than any shape of the same provider has.
    let unknown = kind.map(|kind| ["unknown", kind]);
    let parts = unknown.into_iter().flatten().chain(["sha256", &text]);
    Ok(of_digest(key(provider, parts)?, &digest))
}

/// An event of which its key and the digest of its body are known.
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
