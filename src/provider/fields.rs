//! The members of a JSON object, exactly as they were written.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::event::scalar;
use crate::payload::{self, PayloadError};

/// One JSON value, exactly as the sender wrote it; null unless set.
///
/// Only `serde_json` can deserialize it.
#[derive(Clone, serde::Deserialize)]
#[serde(transparent)]
pub struct RawJson(Box<RawValue>);

impl RawJson {
    /// The JSON text, to be read with `serde_json::from_str`.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    fn is_null(&self) -> bool {
        self.as_str() == "null"
    }

    /// The value as a `T`, with replacement characters for anything that is not valid text.
    pub(super) fn to<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        payload::read(self.as_str().as_bytes())
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<T, FieldError> {
        self.to().map_err(|source| FieldError {
            source: Some(source),
            ..FieldError::new(FieldErrorKind::WrongType, name)
        })
    }
}

impl Default for RawJson {
    fn default() -> Self {
        Self(RawValue::NULL.to_owned())
    }
}

impl PartialEq for RawJson {
    /// Compares the texts.
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for RawJson {}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The members of an object by name, each exactly as the sender wrote it.
///
/// A typed payload takes out the members that it knows and keeps the rest here. A member that
/// occurs twice has two readings: it is not among the members, and reading its value is an error.
///
/// ```
/// use tower_webhook::Decimal;
/// use tower_webhook::provider::Fields;
///
/// let mut fields: Fields = serde_json::from_str(r#"{"id":"evt_1","rate":5.10,"note":null}"#)?;
/// assert_eq!(fields.take::<String>("id")?, "evt_1");
/// assert_eq!(fields.get::<Decimal>("rate")?, Decimal::parse("5.1"));
/// assert_eq!(fields.get::<String>("note")?, None);
/// assert_eq!(fields.take::<String>("rate").unwrap_err().to_string(), "rate: of another type");
/// assert_eq!(format!("{fields:?}"), r#"{"note": null, "rate": 5.10}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields {
    members: BTreeMap<String, RawJson>,
    twice: BTreeSet<String>,
}

impl Fields {
    /// The member as it was written, null included.
    pub fn raw(&self, name: &str) -> Option<&RawJson> {
        self.members.get(name)
    }

    /// Whether the member is present and not null.
    pub fn contains(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|raw| !raw.is_null())
    }

    /// The member's value; `None` if it is absent or null.
    ///
    /// # Errors
    ///
    /// A member of another type, or one that occurs twice.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, FieldError> {
        self.at_most_once(name)?;
        match self.raw(name) {
            Some(raw) if !raw.is_null() => raw.read(name).map(Some),
            Some(_) | None => Ok(None),
        }
    }

    fn at_most_once(&self, name: &str) -> Result<(), FieldError> {
        if self.twice.contains(name) {
            return Err(FieldError::new(FieldErrorKind::Twice, name));
        }
        Ok(())
    }

    /// Takes the member out; on an error it stays.
    ///
    /// # Errors
    ///
    /// A member that is absent, of another type, or occurs twice.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, FieldError> {
        self.at_most_once(name)?;
        let raw = self
            .raw(name)
            .ok_or_else(|| FieldError::new(FieldErrorKind::Missing, name))?;
        let value = raw.read(name)?;
        self.members.remove(name);
        Ok(value)
    }

    /// Takes the member out if present; null counts as absent. On an error it stays.
    ///
    /// ```
    /// use tower_webhook::provider::Fields;
    ///
    /// let mut fields: Fields = serde_json::from_str(r#"{"note":null,"rate":5}"#)?;
    /// assert_eq!(fields.take_optional::<u32>("rate")?, Some(5));
    /// assert_eq!(fields.take_optional::<String>("note")?, None);
    /// assert!(fields.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A member of another type, or one that occurs twice.
    pub fn take_optional<T: DeserializeOwned>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, FieldError> {
        let value = self.get(name)?;
        self.members.remove(name);
        Ok(value)
    }

    /// Takes the member out if it is present and of this type; otherwise it stays.
    pub(super) fn take_if<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        self.take_optional(name).ok().flatten()
    }

    /// Takes out a member that its sender spells in several ways; all spellings present must agree.
    pub(super) fn take_spelled<T: DeserializeOwned + PartialEq>(
        &mut self,
        names: &[&str],
    ) -> Result<Option<T>, FieldError> {
        let mut value = None;
        for name in names {
            let Some(read) = self.take_optional::<T>(name)? else {
                continue;
            };
            if value.as_ref().is_some_and(|other| *other != read) {
                return Err(FieldError::new(FieldErrorKind::Ambiguous, name));
            }
            value = Some(read);
        }
        Ok(value)
    }

    /// The members, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawJson)> {
        self.members.iter().map(|(name, raw)| (name.as_str(), raw))
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.members).finish()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some((name, raw)) = map.next_entry::<String, RawJson>()? {
                    if fields.twice.contains(&name) {
                        continue;
                    }
                    match fields.members.entry(name) {
                        Entry::Vacant(place) => drop(place.insert(raw)),
                        Entry::Occupied(place) => drop(fields.twice.insert(place.remove_entry().0)),
                    }
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// A non-empty string, or an integer by its digits: the values a key field may have, read as the
/// key rule reads them.
#[derive(Debug, PartialEq)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawJson::deserialize(deserializer)?;
        let text = scalar(raw.as_str().as_bytes());
        text.map(|text| Self(text.into_owned()))
            .ok_or_else(|| D::Error::custom("neither an integer nor a string with content"))
    }
}

/// Why a member could not be taken.
///
/// The text contains the member's name, never its value; so does the text of its source.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {}", .kind.text())]
pub struct FieldError {
    kind: FieldErrorKind,
    name: Box<str>,
    source: Option<PayloadError>,
}

impl FieldError {
    pub(super) fn new(kind: FieldErrorKind, name: &str) -> Self {
        Self {
            kind,
            name: name.into(),
            source: None,
        }
    }

    /// What is wrong with the member.
    pub fn kind(&self) -> FieldErrorKind {
        self.kind
    }

    /// The member's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What is wrong with a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldErrorKind {
    /// It is absent.
    Missing,
    /// It is of another type than its sender's documentation says.
    WrongType,
    /// Another spelling is present and has another value.
    Ambiguous,
    /// It occurs twice and has two readings.
    Twice,
}

impl FieldErrorKind {
    fn text(self) -> &'static str {
        match self {
            Self::Missing => payload::MISSING,
            Self::WrongType => payload::WRONG_TYPE,
            Self::Ambiguous => payload::AMBIGUOUS,
            Self::Twice => payload::TWICE,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::Decimal;

    fn fields(json: &str) -> Fields {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_payload_that_does_not_fit_tells_which_member() {
        use crate::provider::{blendfi, bloquo};

        let blendfi = |body: &str| {
            let error = payload::read::<blendfi::Payload>(body.as_bytes()).unwrap_err();
            error.to_string()
        };
        for (body, told) in [
            (r#"{"id":"evt_1","type":"x"}"#, "created_at: not there"),
            (
                r#"{"id":"evt_1","type":7,"created_at":"x"}"#,
                "type: of another type",
            ),
            (
                r#"{"id":"evt_1","id":"evt_2","type":"x","created_at":"x"}"#,
                "id: there twice",
            ),
        ] {
            assert_eq!(blendfi(body), told);
        }
        let two = r#"{"OrderId":1,"orderId":2,"Status":"COMPLETED","OrderType":"Deposit"}"#;
        let bloquo = payload::read::<bloquo::Payload>(two.as_bytes()).unwrap_err();
        assert_eq!(
            bloquo.to_string(),
            "orderId: differs from another spelling of it"
        );
        // Inside one of the user's types.
        let all = payload::read::<Vec<blendfi::Payload>>(br#"[{"id":"evt_1","type":"x"}]"#);
        assert_eq!(all.unwrap_err().to_string(), "[0].created_at: not there");
    }

    #[test]
    fn members_are_taken_once_and_stay_where_they_do_not_fit() {
        let mut order = fields(r#"{"id":1042,"note":null,"amount":"x","rest":[1.50, 2]}"#);
        let error = order.take::<Decimal>("amount").unwrap_err();
        assert_eq!(error.to_string(), "amount: of another type");
        assert_eq!(error.name(), "amount");
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.to_string(), "refused by its type");
        let error = order.get::<u8>("amount").unwrap_err();
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.to_string(), "of another type: it is a string");
        assert!(!format!("{error:?}").contains('x'), "{error:?}");
        assert!(order.take_if::<Decimal>("amount").is_none());
        assert_eq!(order.take::<String>("amount").unwrap(), "x");
        assert_eq!(
            order.take::<String>("amount").unwrap_err().kind(),
            FieldErrorKind::Missing
        );
        assert_eq!(order.take::<Text>("id").unwrap().0, "1042");
        assert_eq!(order.take_optional::<String>("note").unwrap(), None);
        assert_eq!(order.take_optional::<String>("none").unwrap(), None);
        assert_eq!(format!("{order:?}"), r#"{"rest": [1.50, 2]}"#);
    }

    #[test]
    fn spellings_must_agree() {
        let take = |json| {
            let mut fields = fields(json);
            fields
                .take_spelled::<Decimal>(&["Fee", "fee"])
                .map(|fee| fee.map(|fee| fee.as_str().to_owned()))
                .map_err(|error| error.to_string())
        };
        assert_eq!(take(r#"{"fee":1.50}"#), Ok(Some("1.50".to_owned())));
        assert_eq!(
            take(r#"{"Fee":1.5,"fee":"1.50"}"#),
            Ok(Some("1.50".to_owned()))
        );
        assert_eq!(take(r#"{"Fee":null,"fee":2}"#), Ok(Some("2".to_owned())));
        assert_eq!(take("{}"), Ok(None));
        assert_eq!(
            take(r#"{"Fee":1,"fee":2}"#),
            Err("fee: differs from another spelling of it".to_owned())
        );
    }

    #[test]
    fn only_an_object_has_members_and_those_with_one_reading() {
        for json in ["[]", "null", "\"x\"", r#"{"a":}"#] {
            assert!(serde_json::from_str::<Fields>(json).is_err(), "{json}");
        }
        for json in [
            r#"{"a":1,"a":1,"b":2}"#,
            r#"{"a":1,"b":2,"\u0061":2}"#,
            r#"{"a":1,"a":2,"b":2,"a":3}"#,
        ] {
            let mut fields = fields(json);
            assert_eq!(fields.take::<u8>("b").unwrap(), 2);
            assert!(fields.is_empty() && !fields.contains("a"), "{json}");
            for error in [
                fields.get::<u8>("a").unwrap_err(),
                fields.take::<u8>("a").unwrap_err(),
                fields.take_optional::<u8>("a").unwrap_err(),
            ] {
                assert_eq!(error.to_string(), "a: there twice", "{json}");
            }
        }
        assert_eq!(RawJson::default().as_str(), "null");
    }

    proptest! {
        #[test]
        fn values_survive_exactly(
            members in prop::collection::btree_map(".{0,6}", "-?[1-9][0-9]{0,40}\\.[0-9]{1,40}", 0..6),
        ) {
            let text: Vec<_> = members
                .iter()
                .map(|(name, value)| format!("{}: {value}", serde_json::to_string(name).unwrap()))
                .collect();
            let fields = fields(&format!("{{{}}}", text.join(" , ")));
            prop_assert_eq!(fields.len(), members.len());
            for ((name, raw), (expected, value)) in fields.iter().zip(&members) {
                prop_assert_eq!((name, raw.as_str()), (expected.as_str(), value.as_str()));
            }
        }
    }
}
