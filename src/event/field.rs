//! A member of a body, in each of its spellings, and what is read of it.

use std::borrow::Cow;

use serde_json::from_str;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::canonical::{self, Forms, mark};
use super::error::{EventError, EventErrorKind as Kind};
use super::members::Found;
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

    /// The JSON text of each spelling that is there.
    pub(super) fn values<'b>(
        &self,
        found: &Found<'_, 'b>,
    ) -> impl Iterator<Item = Result<&'b str, EventError>> {
        (self.0.iter()).filter_map(|pointer| {
            let value = found.get(pointer).transpose()?;
            Some(value.map_err(|kind| self.error(kind)))
        })
    }

    fn error(&self, kind: Kind) -> EventError {
        match self.0.first() {
            Some(pointer) => EventError::at(kind, pointer),
            None => EventError::new(kind),
        }
    }

    /// What it says as a part of a key; `None` where it is not there.
    fn part<'b>(&self, found: &Found<'_, 'b>) -> Result<Option<Cow<'b, str>>, EventError> {
        let mut part: Option<Cow<'b, str>> = None;
        for value in self.values(found) {
            let value = value?;
            let read = scalar(value).ok_or_else(|| {
                let no_text = value.starts_with('"') && from_str::<String>(value).is_err();
                self.error(if no_text {
                    Kind::NotText
                } else {
                    Kind::WrongType
                })
            })?;
            if found.is_lossy && read.contains(char::REPLACEMENT_CHARACTER) {
                return Err(self.error(Kind::NotText));
            }
            if part.as_ref().is_some_and(|other| *other != read) {
                return Err(self.error(Kind::Ambiguous));
            }
            part = Some(read);
        }
        Ok(part)
    }

    /// Adds the form of what it means.
    pub(super) fn meaning(&self, found: &Found<'_, '_>, out: &mut Forms) -> Result<(), EventError> {
        let begin = out.len();
        for value in self.values(found) {
            let value = value?;
            if value == "null" {
                continue;
            }
            let end = out.len();
            canonical::append(value, out);
            if end > begin {
                if out.bytes().get(begin..end) != out.bytes().get(end..) {
                    return Err(self.error(Kind::Ambiguous));
                }
                out.truncate(end);
            }
        }
        if out.len() == begin {
            out.push(&[mark(b'n')]);
        }
        Ok(())
    }

    /// A time that cannot be read is no time: the event is not lost for it.
    pub(super) fn time(&self, found: &Found<'_, '_>) -> Result<Option<UnixTime>, EventError> {
        let mut text = None;
        for value in self.values(found) {
            text = text.or(scalar(value?));
        }
        Ok(text.and_then(|text| moment(&text)))
    }
}

/// A part of a key, in each of its spellings: members of the body, or parameters of the query.
#[derive(Debug, Clone)]
pub(super) struct KeyField {
    members: Field,
    parameters: Vec<Box<str>>,
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
                None => Pointer::check(spelling)?,
            }
        }
        Ok(Self::known(text))
    }

    /// The field of a text that is one.
    pub(super) fn known(text: &str) -> Self {
        let (mut members, mut parameters) = (Vec::new(), Vec::new());
        for spelling in text.split('|') {
            match spelling.strip_prefix('?') {
                Some(name) => parameters.push(name.into()),
                None => members.push(Pointer::known(spelling)),
            }
        }
        Self {
            members: Field(members),
            parameters,
        }
    }

    pub(super) fn pointers(&self) -> impl Iterator<Item = &Pointer> {
        self.members.pointers()
    }

    pub(super) fn reads_query(&self) -> bool {
        !self.parameters.is_empty()
    }

    pub(super) fn part<'b>(
        &self,
        found: &Found<'_, 'b>,
        query: Option<&'b str>,
    ) -> Result<Cow<'b, str>, EventError> {
        let mut part = self.members.part(found)?;
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
            _ => self.members.error(Kind::UnknownShape),
        })
    }
}

fn moment(text: &str) -> Option<UnixTime> {
    if text.len() <= 19 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(UnixTime::from_secs);
    }
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    // What lies before 1970 is its beginning.
    let micros = u64::try_from(time.unix_timestamp()).map_or(0, |seconds| {
        (seconds.saturating_mul(1_000_000)).saturating_add(u64::from(time.nanosecond() / 1_000))
    });
    Some(UnixTime::from_micros(micros))
}

/// A longer part of a key is no identifier, and would be kept for as long as the record is.
const MAX_PART_LEN: usize = 1024;

/// The text of a string with content, or the digits of an integer; `1.0`, `1e3` and `-0` are
/// other spellings of integers and refused.
pub(crate) fn scalar(raw: &str) -> Option<Cow<'_, str>> {
    if raw.starts_with('"') {
        let text: Cow<'_, str> = match raw.strip_prefix('"')?.strip_suffix('"')? {
            // Looking at all of it takes less than to stop early.
            plain if !plain.bytes().fold(false, |any, byte| any | (byte == b'\\')) => {
                Cow::Borrowed(plain)
            }
            _ => Cow::Owned(from_str(raw).ok()?),
        };
        return (1..=MAX_PART_LEN).contains(&text.len()).then_some(text);
    }
    if raw.len() > MAX_PART_LEN {
        return None;
    }
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    let integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (integer && raw != "-0").then_some(Cow::Borrowed(raw))
}
