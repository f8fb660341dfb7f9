//! What the headers of a delivery say, in the shape that the scheme wants it in.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::error::{SignatureError, SignatureErrorKind as Kind};
use super::header::{Candidates, parse_timestamp};
use super::names::Role;
use super::scheme::{Family, Piece, Scheme};
use crate::clock::UnixTime;
use crate::text::Text;

/// Longest signed id that is looked at.
const MAX_ID_LEN: usize = 256;

/// What SHA-256 hashes at a time.
pub(super) const BLOCK_LEN: usize = 64;

/// What the headers of a delivery say.
#[derive(Default)]
pub(super) struct Read<'h> {
    pub(super) candidates: Candidates,
    pub(super) signed_at: Option<UnixTime>,
    timestamp: &'h [u8],
    id: Option<&'h [u8]>,
}

impl<'h> Read<'h> {
    /// Reads them to where they stay: to hand it back and forth takes longer than to read it.
    pub(super) fn headers(
        &mut self,
        scheme: &Scheme,
        headers: &'h HeaderMap,
    ) -> Result<(), SignatureError> {
        let (family, found) = Found::of(scheme, headers)?;
        let value = found.signature.the_one(&family.signature)?;
        let in_pairs = (scheme.grammar)
            .parse(scheme.encoding, value.as_bytes(), &mut self.candidates)
            .map_err(|kind| SignatureError::in_header(kind, &family.signature))?;
        let timestamp = match &family.timestamp {
            Some(name) => Some((found.timestamp.the_one(name)?.as_bytes(), name)),
            None => in_pairs.map(|raw| (raw, &family.signature)),
        };
        if let Some((raw, name)) = timestamp {
            let time = parse_timestamp(raw);
            self.signed_at = Some(time.map_err(|kind| SignatureError::in_header(kind, name))?);
            self.timestamp = raw;
        }
        if let Some(name) = &family.id {
            let id = found.id.the_one(name)?.as_bytes();
            if !is_id(id, &scheme.separators) {
                return Err(SignatureError::in_header(Kind::InvalidId, name));
            }
            self.id = Some(id);
        }
        Ok(())
    }

    /// What the signature covers in this place.
    pub(super) fn bytes<'a>(&self, piece: Piece, body: &'a [u8]) -> &'a [u8]
    where
        'h: 'a,
    {
        match piece {
            Piece::Timestamp => self.timestamp,
            Piece::Id => self.id.unwrap_or_default(),
            Piece::Literal(text) => text.as_bytes(),
            Piece::Body => body,
        }
    }

    /// Fills the first block with what stands before the body and with its first bytes, and gives
    /// the rest: hashed in these two pieces, nearly all is hashed where it lies. None where
    /// something stands behind the body, or it is too short, or the block is.
    #[inline]
    pub(super) fn first_block<'b>(
        &self,
        content: &[Piece],
        body: &'b [u8],
        block: &mut [u8; BLOCK_LEN],
    ) -> Option<&'b [u8]> {
        let [before @ .., Piece::Body] = content else {
            return None;
        };
        let mut to = block.as_mut_slice();
        for piece in before {
            let bytes = self.bytes(*piece, b"");
            let (place, behind) = to.split_at_mut_checked(bytes.len())?;
            place.copy_from_slice(bytes);
            to = behind;
        }
        let (first, rest) = body.split_at_checked(to.len())?;
        to.copy_from_slice(first);
        Some(rest)
    }

    /// The id, to keep.
    pub(super) fn id(&self) -> Option<Id> {
        // It is ASCII.
        let text = |id| std::str::from_utf8(id).unwrap_or_default();
        self.id.map(|id| Id(Text::from(text(id))))
    }
}

/// The id of a delivery. Most are no longer than this.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Id(Text<38>);

impl Id {
    pub(super) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// Whether this is a text, and holds nothing that separates it from the next piece.
fn is_id(id: &[u8], separators: &[&str]) -> bool {
    // Also where it only appears once the text behind the id is added: `a:` and `::`.
    let separated = separators.iter().any(|text| match text.as_bytes() {
        [byte] => holds(id, *byte),
        text => [id, text].concat().windows(text.len()).position(|found| found == text) != Some(id.len()),
    });
    !id.is_empty() && id.len() <= MAX_ID_LEN && id.is_ascii() && !separated
}

/// Whether the byte is among these: of ids, which are too short for what `contains` does first.
fn holds(bytes: &[u8], byte: u8) -> bool {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let mut found = false;
    for chunk in chunks {
        found |= chunk.contains(&byte);
    }
    found | rest.contains(&byte)
}

/// The headers of one family that a delivery has.
#[derive(Default)]
struct Found<'h> {
    signature: Place<'h>,
    timestamp: Place<'h>,
    id: Place<'h>,
}

impl<'h> Found<'h> {
    /// The family whose headers are there, and these; headers of two are never mixed.
    ///
    /// One look at each header of the delivery: to ask the map for each name takes longer, for it
    /// hashes them byte by byte.
    #[inline]
    fn of<'s>(
        scheme: &'s Scheme,
        headers: &'h HeaderMap,
    ) -> Result<(&'s Family, Self), SignatureError> {
        let mut chosen = None;
        let mut mixed = false;
        let mut found = Self::default();
        for (name, value) in headers {
            scheme.names.named(name.as_str(), |wanted| {
                mixed |= *chosen.get_or_insert(wanted.family) != wanted.family;
                found.place(wanted.role).take(value);
            });
        }
        if mixed {
            return Err(scheme.names.mixed(headers));
        }
        match scheme.families.get(chosen.unwrap_or_default()) {
            Some(family) => Ok((family, found)),
            None => Err(SignatureError::new(Kind::MissingHeader)),
        }
    }

    fn place(&mut self, role: Role) -> &mut Place<'h> {
        match role {
            Role::Signature => &mut self.signature,
            Role::Timestamp => &mut self.timestamp,
            Role::Id => &mut self.id,
        }
    }
}

/// Where a header may stand: not at all, once, or more often.
#[derive(Default)]
enum Place<'h> {
    #[default]
    Missing,
    Once(&'h HeaderValue),
    Repeated,
}

impl<'h> Place<'h> {
    fn take(&mut self, value: &'h HeaderValue) {
        *self = match self {
            Self::Missing => Self::Once(value),
            Self::Once(_) | Self::Repeated => Self::Repeated,
        };
    }

    fn the_one(&self, name: &HeaderName) -> Result<&'h HeaderValue, SignatureError> {
        match self {
            Self::Missing => Err(SignatureError::in_header(Kind::MissingHeader, name)),
            Self::Once(value) => Ok(value),
            Self::Repeated => Err(SignatureError::in_header(Kind::RepeatedHeader, name)),
        }
    }
}
