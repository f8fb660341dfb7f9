//! What a body must look like for a shape to fit.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};

use super::error::EventError;
use super::field::{Field, scalar};
use super::members::Found;

/// What one condition demands of a member.
#[derive(Debug, Clone)]
pub(super) enum Demand {
    /// It is there and not null.
    Filled,
    /// It is there.
    There,
    /// It is one of these texts, or an integer with these digits.
    OneOf(Box<[Box<str>]>),
    /// It is not there.
    Absent,
    /// It is an object with no other members than these.
    Only(Box<[Box<str>]>),
}

impl Demand {
    /// Whether the member of this field, or the whole body where there is none, is as demanded.
    pub(super) fn is_met(
        &self,
        field: Option<&Field>,
        found: &Found<'_, '_>,
        body: &str,
    ) -> Result<bool, EventError> {
        let Some(field) = field else {
            return Ok(self.is_met_by(body));
        };
        let (mut some, mut filled, mut all) = (false, false, true);
        for value in field.values(found) {
            let value = value?;
            some = true;
            filled |= value != "null";
            all &= self.is_met_by(value);
        }
        Ok(match self {
            Self::Filled => filled,
            Self::Absent => !some,
            Self::There | Self::OneOf(_) | Self::Only(_) => some && all,
        })
    }

    fn is_met_by(&self, json: &str) -> bool {
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
fn has_only(json: &str, names: &[Box<str>]) -> bool {
    let mut reader = serde_json::Deserializer::from_str(json);
    let read = reader.deserialize_map(Known(names));
    read.is_ok() && reader.end().is_ok()
}

/// Reads the members of an object that is to have these names only.
struct Known<'n>(&'n [Box<str>]);

impl<'de> Visitor<'de> for Known<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with known members only")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(OneOf(self.0))?.is_some() {
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

struct OneOf<'n>(&'n [Box<str>]);

impl<'de> DeserializeSeed<'de> for OneOf<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for OneOf<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a known member")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<(), E> {
        if self.0.iter().any(|known| **known == *name) {
            Ok(())
        } else {
            Err(E::custom("an unknown member"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_these_members_and_no_others() {
        let names: Box<[Box<str>]> = ["id", "gid"].map(Into::into).into();
        let only = |json: &str| has_only(json, &names);
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
