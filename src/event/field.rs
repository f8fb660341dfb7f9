//! A member of a body, in each of its spellings, and the values read from it.

use std::borrow::Cow;

use serde_json::from_slice;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::{EventError, EventErrorKind as Kind};
use super::members::{Found, FoundField};
use super::pointer::Pointer;
use super::query;
use crate::clock::UnixTime;
use crate::error::{ConfigError, ConfigErrorKind};

/// A member, in each of its spellings.
#[derive(Debug, Clone)]
pub(super) struct Field(Vec<Pointer>);

impl Field {
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        text.split('|').try_for_each(Pointer::check)?;
        Ok(Self::known(text))
    }

    /// The field of a text that is one.
    pub(super) fn known(text: &str) -> Self {
        Self(text.split('|').map(Pointer::known).collect())
    }

    pub(super) fn pointers(&self) -> impl Iterator<Item = &Pointer> {
        self.0.iter()
    }

    /// Each spelling that is present.
    pub(super) fn values<'f>(
        &self,
        found: &'f Found<'_>,
    ) -> impl Iterator<Item = Result<&'f FoundField<'f>, Kind>> {
        (self.0.iter()).filter_map(|pointer| found.get(pointer).transpose())
    }

    pub(super) fn error(&self, kind: Kind) -> EventError {
        match self.0.first() {
            Some(pointer) => EventError::at(kind, pointer),
            None => EventError::new(kind),
        }
    }

    /// Its value as a part of a key; `None` if it is absent.
    pub(super) fn part<'f>(&self, found: &'f Found<'_>) -> Result<Option<Cow<'f, str>>, Kind> {
        let mut part = None;
        for value in self.values(found) {
            let value = value?;
            let read = scalar(value.raw);
            match &read {
                Some(_) if value.unreadable => return Err(Kind::NotText),
                Some(text) if found.is_doubtful(text.as_bytes()) => return Err(Kind::NotText),
                Some(_) if part.is_some() && part != read => return Err(Kind::Ambiguous),
                Some(_) => part = read,
                None if is_no_text(value.raw) => return Err(Kind::NotText),
                None => return Err(Kind::WrongType),
            }
        }
        Ok(part)
    }

    /// The form of its value; `None` if it is absent or null.
    pub(super) fn meaning<'f>(&self, found: &'f Found<'_>) -> Result<Option<&'f [u8]>, Kind> {
        let mut meaning = None;
        for value in self.values(found) {
            let value = value?;
            if value.raw == b"null" {
                continue;
            }
            let form = Some(found.form(value));
            if meaning.is_some() && meaning != form {
                return Err(Kind::Ambiguous);
            }
            meaning = form;
        }
        Ok(meaning)
    }

    /// An unreadable time counts as none: the event is not lost because of it.
    pub(super) fn time(&self, found: &Found<'_>) -> Result<Option<UnixTime>, Kind> {
        let mut text = None;
        for value in self.values(found) {
            text = text.or(scalar(value?.raw));
        }
        Ok(text.and_then(|text| moment(&text)))
    }
}

/// A part of a key, in each of its spellings: members of the body, or parameters of the query.
#[derive(Debug, Clone)]
pub(super) struct KeyField {
    members: Field,
    parameters: Vec<Box<str>>,
    /// Members of the envelope around the list of items.
    envelope: Field,
}

impl KeyField {
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        for spelling in text.split('|') {
            match spelling.strip_prefix('?') {
                Some("") => {
                    return Err(ConfigError::new(
                        ConfigErrorKind::EventRule,
                        "a parameter of the query has no name: write ?name",
                    ));
                }
                Some(_) => {}
                None => Pointer::check(spelling.strip_prefix('^').unwrap_or(spelling))?,
            }
        }
        Ok(Self::known(text))
    }

    /// The field of a text that is one.
    pub(super) fn known(text: &str) -> Self {
        let (mut members, mut parameters, mut envelope) = (Vec::new(), Vec::new(), Vec::new());
        for spelling in text.split('|') {
            if let Some(name) = spelling.strip_prefix('?') {
                parameters.push(name.into());
            } else if let Some(member) = spelling.strip_prefix('^') {
                envelope.push(Pointer::known(member));
            } else {
                members.push(Pointer::known(spelling));
            }
        }
        Self {
            members: Field(members),
            parameters,
            envelope: Field(envelope),
        }
    }

    pub(super) fn pointers(&self) -> impl Iterator<Item = &Pointer> {
        self.members.pointers()
    }

    pub(super) fn reads_query(&self) -> bool {
        !self.parameters.is_empty()
    }

    pub(super) fn envelope_pointers(&self) -> impl Iterator<Item = &Pointer> {
        self.envelope.pointers()
    }

    pub(super) fn reads_envelope(&self) -> bool {
        !self.envelope.0.is_empty()
    }

    pub(super) fn part<'f>(
        &self,
        found: &'f Found<'_>,
        query: Option<&'f str>,
        envelope: Option<&'f Found<'_>>,
    ) -> Result<Cow<'f, str>, EventError> {
        let mut part = (self.members.part(found)).map_err(|kind| self.members.error(kind))?;
        if let Some(envelope) = envelope.filter(|_| self.reads_envelope()) {
            let outer = (self.envelope.part(envelope)).map_err(|kind| self.envelope.error(kind))?;
            if part.is_some() && outer.is_some() && part != outer {
                return Err(self.envelope.error(Kind::Ambiguous));
            }
            part = part.or(outer);
        }
        for name in &self.parameters {
            let fault = |kind| EventError::at(kind, format_args!("?{name}"));
            let Some(value) = query::parameter(query, name).map_err(fault)? else {
                continue;
            };
            if part.as_ref().is_some_and(|other| *other != value) {
                return Err(fault(Kind::Ambiguous));
            }
            part = Some(value);
        }
        part.ok_or_else(|| match self.parameters.first() {
            Some(name) if self.members.0.is_empty() => {
                EventError::at(Kind::UnknownShape, format_args!("?{name}"))
            }
            None if self.members.0.is_empty() => self.envelope.error(Kind::UnknownShape),
            _ => self.members.error(Kind::UnknownShape),
        })
    }
}

fn moment(text: &str) -> Option<UnixTime> {
    if text.len() <= 19 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(UnixTime::from_secs);
    }
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    // Times before 1970 count as its beginning.
    let micros = u64::try_from(time.unix_timestamp()).map_or(0, |seconds| {
        (seconds.saturating_mul(1_000_000)).saturating_add(u64::from(time.nanosecond() / 1_000))
    });
    Some(UnixTime::from_micros(micros))
}

/// The longest part of a key. A longer one is not an identifier, and would be stored as long as the
/// record.
const MAX_PART_LEN: usize = 1024;

/// The text of a non-empty string, or the digits of an integer; `1.0`, `1e3` and `-0` are other
/// spellings of integers and are refused.
pub(crate) fn scalar(json: &[u8]) -> Option<Cow<'_, str>> {
    let text = match json {
        // Scanning everything is cheaper than stopping early.
        [b'"', plain @ .., b'"'] if !plain.iter().fold(false, |any, b| any | (*b == b'\\')) => {
            Cow::Borrowed(std::str::from_utf8(plain).ok()?)
        }
        [b'"', ..] => Cow::Owned(from_slice(json).ok()?),
        b"-0" => return None,
        [b'-', digits @ ..] | digits if digits.iter().all(u8::is_ascii_digit) => {
            Cow::Borrowed(std::str::from_utf8(json).ok()?)
        }
        _ => return None,
    };
    (1..=MAX_PART_LEN).contains(&text.len()).then_some(text)
}

/// The text of a JSON string, an integer or a boolean.
pub(crate) fn text_of(json: &[u8]) -> Option<Cow<'_, str>> {
    match json {
        b"true" => Some(Cow::Borrowed("true")),
        b"false" => Some(Cow::Borrowed("false")),
        b"\"\"" => Some(Cow::Borrowed("")),
        _ => scalar(json),
    }
}

/// Whether this is a string that is not valid text.
fn is_no_text(json: &[u8]) -> bool {
    json.starts_with(b"\"") && from_slice::<String>(json).is_err()
}
