//! Reads the head of a delivery in the form that the scheme needs.

use std::borrow::Cow;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::component::Component;
use super::error::{SignatureError, SignatureErrorKind as Kind};
use super::header::{Candidates, parse_timestamp};
use super::names::{Family, Role, Wanted};
use super::scheme::Scheme;
use crate::clock::UnixTime;
use crate::head::RequestHead;
use crate::joined::once;
use crate::text::Text;

/// The longest accepted signed id.
const MAX_ID_LEN: usize = 256;

/// The values in the headers of a delivery.
#[derive(Default)]
pub(super) struct Read<'h> {
    pub(super) candidates: Candidates,
    pub(super) signed_at: Option<UnixTime>,
    timestamp: &'h [u8],
    id: Option<&'h [u8]>,
}

impl<'h> Read<'h> {
    /// Reads them into their final place: moving them back and forth takes longer than reading.
    pub(super) fn head(
        &mut self,
        scheme: &Scheme,
        head: RequestHead<'h>,
    ) -> Result<(), SignatureError> {
        let mut found = Found::default();
        let family = found.look(scheme, head.headers())?;
        let value = found.signature.the_one(&family.signature)?;
        let in_pairs = (scheme.grammar)
            .parse(scheme.encoding, value.as_bytes(), &mut self.candidates)
            .map_err(|kind| SignatureError::in_header(kind, &family.signature))?;
        let timestamp = match &family.timestamp {
            Some(name) => Some((found.timestamp.the_one(name)?.as_bytes(), name)),
            None => in_pairs.map(|raw| (raw, &family.signature)),
        };
        if let Some((raw, name)) = timestamp {
            let (raw, time) = match parse_timestamp(raw) {
                // Two lines with one value may have been joined.
                Err(kind) => match once(raw) {
                    Some(first) => (first, parse_timestamp(first)),
                    None => (raw, Err(kind)),
                },
                time => (raw, time),
            };
            self.signed_at = Some(time.map_err(|kind| SignatureError::in_header(kind, name))?);
            self.timestamp = raw;
        }
        if let Some(name) = &family.id {
            let mut id = found.id.the_one(name)?.as_bytes();
            if holds(id, b',') {
                id = once(id).unwrap_or(id);
            }
            if !is_id(id, &scheme.separators) {
                return Err(SignatureError::in_header(Kind::InvalidId, name));
            }
            self.id = Some(id);
        }
        Ok(())
    }

    /// The covered bytes of this piece.
    pub(super) fn bytes<'a>(&self, piece: &'a Component, body: &'a [u8]) -> &'a [u8]
    where
        'h: 'a,
    {
        match piece {
            Component::Timestamp => self.timestamp,
            Component::Id => self.id.unwrap_or_default(),
            Component::Literal(text) => text.as_bytes(),
            Component::Body => body,
            // The wider model judges a scheme with any other piece.
            #[cfg(feature = "senders")]
            _ => b"",
        }
    }

    /// The id, to be stored.
    pub(super) fn id(&self) -> Option<Id> {
        self.id.map(|id| Id(Text::from_ascii(id)))
    }
}

/// The id of a delivery. Most are no longer than this.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Id(Text<38>);

#[cfg(feature = "senders")]
impl From<String> for Id {
    fn from(text: String) -> Self {
        Self(Text::from(text.as_str()))
    }
}

impl Id {
    /// An id that was read before.
    pub(super) fn remembered(id: &str) -> Self {
        Self(Text::from(id))
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// Whether this is text without any separator to the next piece.
#[inline]
fn is_id(id: &[u8], separators: &[Cow<'static, str>]) -> bool {
    // Also if one appears only when the text after the id is added: `a:` and `::`.
    let separated = separators.iter().any(|text| match text.as_bytes() {
        [byte] => holds(id, *byte),
        text => first(&[id, text].concat(), text) != Some(id.len()),
    });
    !id.is_empty() && id.len() <= MAX_ID_LEN && id.is_ascii() && !separated
}

#[cold]
fn first(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|found| found == part)
}

/// Whether these bytes contain the byte, checked eight at a time.
#[inline]
fn holds(bytes: &[u8], byte: u8) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let same = u64::from_ne_bytes([byte; 8]);
    // Zero if no byte of the difference is zero.
    let here = |chunk: &[u8; 8]| {
        let differs = u64::from_ne_bytes(*chunk) ^ same;
        differs.wrapping_sub(ONES) & !differs & HIGH
    };
    match bytes.last_chunk() {
        Some(last) => {
            let (chunks, _) = bytes.as_chunks();
            chunks
                .iter()
                .fold(here(last), |all, chunk| all | here(chunk))
                != 0
        }
        None => bytes.contains(&byte),
    }
}

/// The headers of one family in a delivery. It is filled in place: writing it in parts and then
/// moving it as a whole stalls the processor.
#[derive(Default)]
struct Found<'h> {
    signature: Place<'h>,
    timestamp: Place<'h>,
    id: Place<'h>,
}

impl<'h> Found<'h> {
    /// Finds them, and returns their family.
    ///
    /// It passes over the headers of the delivery once. A lookup in the map for each name takes
    /// longer, because it hashes the names byte by byte.
    #[inline]
    fn look<'s>(
        &mut self,
        scheme: &'s Scheme,
        headers: &'h HeaderMap,
    ) -> Result<&'s Family, SignatureError> {
        let mut chosen = None;
        let mut mixed = false;
        for (name, value) in headers {
            scheme.names.named(name.as_str(), |wanted| {
                mixed |= *chosen.get_or_insert(wanted.family) != wanted.family;
                self.put(wanted, value);
            });
        }
        if mixed {
            chosen = Some(self.look_again(scheme, headers)?);
        }
        (scheme.families.get(chosen.unwrap_or_default()))
            .ok_or_else(|| SignatureError::new(Kind::MissingHeader))
    }

    #[inline]
    fn put(&mut self, wanted: &Wanted, value: &'h HeaderValue) {
        let place = match wanted.role {
            Role::Signature => &mut self.signature,
            Role::Timestamp => &mut self.timestamp,
            Role::Id => &mut self.id,
        };
        // An equal line counts as the same line.
        place.repeated |= place.value.is_some_and(|other| other != value);
        place.value = Some(value);
    }

    /// Handles a sender that renames its headers and writes both families for a while. The first
    /// complete family counts, if all present headers of the others agree with it: another party
    /// then reads the same values from any family.
    #[cold]
    fn look_again(
        &mut self,
        scheme: &Scheme,
        headers: &'h HeaderMap,
    ) -> Result<usize, SignatureError> {
        let of = |index: usize| {
            let mut found = Self::default();
            for (name, value) in headers {
                scheme.names.named(name.as_str(), |wanted| {
                    if wanted.family == index {
                        found.put(wanted, value);
                    }
                });
            }
            found
        };
        let all: Vec<_> = (scheme.families.iter().enumerate())
            .map(|(index, family)| (index, family, of(index)))
            .collect();
        let whole = (all.iter()).find(|(_, family, found)| found.is_whole(family));
        let Some((chosen, _, first)) = whole else {
            return Err(scheme.names.mixed(headers));
        };
        for (_, family, found) in &all {
            for (ours, theirs, name) in [
                (&first.signature, &found.signature, Some(&family.signature)),
                (
                    &first.timestamp,
                    &found.timestamp,
                    family.timestamp.as_ref(),
                ),
                (&first.id, &found.id, family.id.as_ref()),
            ] {
                if let (Some(name), Some(theirs)) = (name, theirs.value)
                    && ours.value != Some(theirs)
                {
                    return Err(SignatureError::in_header(Kind::MixedFamilies, name));
                }
            }
        }
        // The reader of a header finds lines that differ inside one family.
        let repeated =
            |place: fn(&Self) -> &Place<'h>| all.iter().any(|(_, _, it)| place(it).repeated);
        let [signature, timestamp, id] = [
            repeated(|found| &found.signature),
            repeated(|found| &found.timestamp),
            repeated(|found| &found.id),
        ];
        self.signature = Place {
            value: first.signature.value,
            repeated: signature,
        };
        self.timestamp = Place {
            value: first.timestamp.value,
            repeated: timestamp,
        };
        self.id = Place {
            value: first.id.value,
            repeated: id,
        };
        Ok(*chosen)
    }

    fn is_whole(&self, family: &Family) -> bool {
        self.signature.value.is_some()
            && (family.timestamp.is_none() || self.timestamp.value.is_some())
            && (family.id.is_none() || self.id.value.is_some())
    }
}

/// How often a header may occur: never, once, or repeatedly.
#[derive(Default)]
struct Place<'h> {
    value: Option<&'h HeaderValue>,
    repeated: bool,
}

impl<'h> Place<'h> {
    #[inline]
    fn the_one(&self, name: &HeaderName) -> Result<&'h HeaderValue, SignatureError> {
        match self.value {
            None => Err(SignatureError::in_header(Kind::MissingHeader, name)),
            Some(_) if self.repeated => Err(SignatureError::in_header(Kind::RepeatedHeader, name)),
            Some(value) => Ok(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_byte_is_found_wherever_it_stands(
            mut bytes in prop::collection::vec(any::<u8>(), 0..60),
            byte: u8,
            at: prop::sample::Index,
        ) {
            prop_assert_eq!(holds(&bytes, byte), bytes.contains(&byte));
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
                prop_assert!(holds(&bytes, byte));
                bytes.retain(|other| *other != byte);
                prop_assert!(!holds(&bytes, byte));
            }
        }
    }
}
