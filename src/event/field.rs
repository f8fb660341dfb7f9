//! A member of a body, in each of its spellings, and what is read of it.

use std::borrow::Cow;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::canonical::NULL;
use super::error::{EventError, EventErrorKind as Kind};
use super::members::{Found, There, Wanted};
use super::moment::utc;
use super::pointer::Pointer;
use super::query;
use crate::clock::UnixTime;
use crate::error::{ConfigError, ConfigErrorKind};

/// A member, in each of its spellings.
#[derive(Debug, Clone)]
pub(super) struct Field(Vec<Pointer>);

impl Field {
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        text.split('|')
            .map(Pointer::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Where one search finds it.
    pub(super) fn slot(&self, wanted: &mut Wanted, form: bool) -> SlotField {
        SlotField {
            slots: (self.0.iter())
                .map(|pointer| wanted.add(pointer, form))
                .collect(),
            name: (self.0.first())
                .map(ToString::to_string)
                .unwrap_or_default()
                .into(),
        }
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
        let (mut members, mut parameters) = (Vec::new(), Vec::new());
        for spelling in text.split('|') {
            match spelling.strip_prefix('?') {
                Some("") => {
                    return Err(ConfigError::new(
                        ConfigErrorKind::EventRule,
                        "a parameter of the query has no name: write ?name",
                    ));
                }
                Some(name) => parameters.push(name.into()),
                None => members.push(Pointer::parse(spelling)?),
            }
        }
        Ok(Self {
            members: Field(members),
            parameters,
        })
    }

    pub(super) fn reads_query(&self) -> bool {
        !self.parameters.is_empty()
    }

    pub(super) fn slot(&self, wanted: &mut Wanted) -> SlotKey {
        let mut members = self.members.slot(wanted, false);
        if let Some(first) = self.parameters.first().filter(|_| members.name.is_empty()) {
            members.name = format!("?{first}").into();
        }
        SlotKey {
            members,
            parameters: self.parameters.clone().into(),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct SlotKey {
    members: SlotField,
    parameters: Box<[Box<str>]>,
}

impl SlotKey {
    pub(super) fn reads_query(&self) -> bool {
        !self.parameters.is_empty()
    }

    pub(super) fn part<'b>(
        &self,
        found: &Found<'b>,
        query: Option<&'b str>,
    ) -> Result<Cow<'b, str>, EventError> {
        let fault = |kind| self.members.error(kind);
        let mut part = self.members.part(found)?;
        for name in &self.parameters {
            let Some(value) = query::parameter(query, name).map_err(fault)? else {
                continue;
            };
            if part.as_ref().is_some_and(|other| *other != value) {
                return Err(fault(Kind::Ambiguous));
            }
            part = Some(value);
        }
        part.ok_or_else(|| fault(Kind::UnknownShape))
    }
}

#[derive(Debug, Clone)]
pub(super) struct SlotField {
    slots: Vec<usize>,
    name: Box<str>,
}

impl SlotField {
    pub(super) fn values<'f, 'b>(
        &self,
        found: &'f Found<'b>,
    ) -> impl Iterator<Item = &'f There<'b>> {
        self.slots.iter().filter_map(|slot| found.get(*slot))
    }

    fn error(&self, kind: Kind) -> EventError {
        EventError::at(kind, &self.name)
    }

    /// What it says as a part of a key; `None` where it is not there.
    fn part<'b>(&self, found: &Found<'b>) -> Result<Option<Cow<'b, str>>, EventError> {
        let mut part: Option<Cow<'b, str>> = None;
        for value in self.values(found) {
            let read = value.text().and_then(scalar);
            let read = read.ok_or_else(|| self.error(Kind::WrongType))?;
            if part
                .replace(read.clone())
                .is_some_and(|other| other != read)
            {
                return Err(self.error(Kind::Ambiguous));
            }
        }
        Ok(part)
    }

    /// The canonical form of what it means.
    pub(super) fn form<'f>(&self, found: &'f Found<'_>) -> Result<&'f [u8], EventError> {
        let mut form = None;
        for value in self.values(found).filter(|value| value.raw != b"null") {
            let this = found.form(value).map_err(|kind| self.error(kind))?;
            if form.replace(this).is_some_and(|other| other != this) {
                return Err(self.error(Kind::Ambiguous));
            }
        }
        Ok(form.unwrap_or(NULL))
    }

    /// A time that cannot be read is no time: the event is not lost for it.
    pub(super) fn time(&self, found: &Found<'_>) -> Option<UnixTime> {
        let text = self.values(found).find_map(|value| match utc(value.raw) {
            Some(time) => Some(Err(time)),
            None => value.text().and_then(scalar).map(Ok),
        });
        let text = match text? {
            Ok(text) => text,
            Err(time) => return Some(time),
        };
        if text.len() <= 19 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().map(UnixTime::from_secs);
        }
        let time = OffsetDateTime::parse(&text, &Rfc3339).ok()?;
        // What lies before 1970 is its beginning.
        let micros = u64::try_from(time.unix_timestamp()).map_or(0, |seconds| {
            (seconds.saturating_mul(1_000_000)).saturating_add(u64::from(time.nanosecond() / 1_000))
        });
        Some(UnixTime::from_micros(micros))
    }
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
            _ => Cow::Owned(serde_json::from_str(raw).ok()?),
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
