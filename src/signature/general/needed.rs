//! The parts of a delivery that the contents of a scheme are read from.

use std::borrow::Cow;

use http::HeaderName;

use super::{At, General};
use crate::signature::component::{Component, Demand};

type Refused = Cow<'static, str>;

/// The parts that contents are read from.
#[derive(Default)]
pub(super) struct Needed {
    pub(super) pointers: Vec<Cow<'static, str>>,
    pub(super) compact: Vec<Cow<'static, str>>,
    pub(super) headers: Vec<HeaderName>,
}

impl Needed {
    /// The needs of these contents.
    pub(super) fn of(contents: &[&[Component]]) -> Result<Self, Refused> {
        let mut needed = Self::default();
        let mut pieces = contents.iter().flat_map(|pieces| pieces.iter());
        pieces.try_for_each(|piece| needed.add(piece))?;
        Ok(needed)
    }

    /// Adds the members and headers that a piece is read from.
    fn add(&mut self, piece: &Component) -> Result<(), Refused> {
        let mut header = |text: &str| -> Result<(), Refused> {
            let name = HeaderName::from_bytes(text.as_bytes())
                .map_err(|_| format!("{text:?} is not a header name"))?;
            self.headers.push(name);
            Ok(())
        };
        match piece {
            Component::Header(name) | Component::HeadersListedIn(name) => header(name),
            Component::Demand(
                Demand::NoHeader(name)
                | Demand::HeaderIs(name, _)
                | Demand::HeaderLists(name, _)
                | Demand::HeaderIsIfThere(name, _),
            ) => header(name),
            Component::Member(pointer) => {
                self.pointers.push(pointer.clone());
                Ok(())
            }
            Component::CompactMember(pointer) => {
                self.compact.push(pointer.clone());
                Ok(())
            }
            Component::OfLength(inner, _)
            | Component::LongerThan(inner, _)
            | Component::LowerCase(inner) => self.add(inner),
            Component::Optional(inner) => inner.iter().try_for_each(|piece| self.add(piece)),
            _ => Ok(()),
        }
    }
}

impl General {
    /// Whether any of it is in a form.
    pub(in crate::signature) fn reads_form(&self) -> bool {
        let is_field = |at: &At| matches!(at, At::FormField(_));
        let time = self.time.iter().filter_map(|time| time.at.as_ref());
        let field = |piece: &Component| {
            let pieces: &[Component] = match piece {
                Component::Optional(inner) => inner,
                piece => std::slice::from_ref(piece),
            };
            pieces.iter().any(|piece| {
                let piece = match piece {
                    Component::OfLength(inner, _)
                    | Component::LongerThan(inner, _)
                    | Component::LowerCase(inner) => inner,
                    piece => piece,
                };
                matches!(piece, Component::FormField(_) | Component::SortedForm)
            })
        };
        let places = self.places.iter().chain(time);
        places.chain(&self.id).chain(&self.key_id).any(is_field)
            || self
                .contents
                .iter()
                .any(|content| content.pieces.iter().any(field))
    }
}
