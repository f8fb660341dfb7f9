//! Conditions that a body must meet for a shape to fit.

use super::error::EventError;
use super::field::{Field, scalar};
use super::json::{Json, Piece, Sink};
use super::members::Found;

/// What a condition demands of a member.
#[derive(Debug, Clone)]
pub(super) enum Demand {
    /// Present and not null.
    Filled,
    /// Present.
    There,
    /// One of these texts, or an integer with these digits.
    OneOf(Box<[Box<str>]>),
    /// Absent.
    Absent,
    /// An object with no other members than these.
    Only(Box<[Box<str>]>),
}

impl Demand {
    /// Whether the member of this field, or the whole body if there is no field, is as demanded.
    pub(super) fn is_met(
        &self,
        field: Option<&Field>,
        found: &Found<'_>,
    ) -> Result<bool, EventError> {
        let Some(field) = field else {
            return Ok(self.is_met_by(found.object));
        };
        let (mut some, mut filled, mut all) = (false, false, true);
        for value in field.values(found) {
            let json = value.map_err(|kind| field.error(kind))?.raw;
            some = true;
            filled |= json != b"null";
            all &= self.is_met_by(json);
        }
        Ok(match self {
            Self::Filled => filled,
            Self::Absent => !some,
            Self::There | Self::OneOf(_) | Self::Only(_) => some && all,
        })
    }

    fn is_met_by(&self, json: &[u8]) -> bool {
        match self {
            Self::Filled | Self::There | Self::Absent => true,
            Self::OneOf(texts) => {
                scalar(json).is_some_and(|text| texts.iter().any(|one| **one == *text))
            }
            Self::Only(names) => has_only(json, names),
        }
    }
}

/// Whether this is an object without other members than these.
fn has_only(json: &[u8], names: &[Box<str>]) -> bool {
    let mut members = Members {
        known: names,
        depth: 0,
    };
    Json::whole(json, &mut members).is_some_and(|json| json.starts_with(b"{"))
}

/// The members of an object, up to an unknown one.
struct Members<'n> {
    known: &'n [Box<str>],
    depth: usize,
}

impl Sink for Members<'_> {
    fn take(&mut self, piece: Piece<'_>) -> Option<()> {
        let is_known = |name: &[u8]| self.known.iter().any(|known| *known.as_bytes() == *name);
        match piece {
            Piece::Mark(b'{' | b'[') => self.depth = self.depth.saturating_add(1),
            Piece::Mark(b'}' | b']') => self.depth = self.depth.saturating_sub(1),
            Piece::Name(name) if self.depth == 1 && !is_known(&name.bytes()?) => return None,
            _ => {}
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_these_members_and_no_others() {
        let names: Box<[Box<str>]> = ["id", "gid"].map(Into::into).into();
        let only = |json: &str| has_only(json.as_bytes(), &names);
        for json in [
            "{}",
            r#"{"id":1}"#,
            " {\"gid\":{\"x\":[1]},\"\\u0069d\":null}\n",
        ] {
            assert!(only(json), "{json}");
        }
        for json in [
            r#"{"id":1,"x":2}"#,
            r#"{"ID":1}"#,
            r#"[{"id":1}]"#,
            r#"{"id":1} {}"#,
            r#"{"id":1"#,
            "null",
            "",
        ] {
            assert!(!only(json), "{json}");
        }
    }
}
