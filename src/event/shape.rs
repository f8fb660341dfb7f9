//! What a provider's events look like: which members make the key, the fingerprint and the time.

use std::borrow::Cow;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::canonical::NULL;
use super::error::{EventError, EventErrorKind as Kind};
use super::members::{Found, There, Wanted};
use super::moment::utc;
use super::pointer::Pointer;
use crate::clock::UnixTime;
use crate::error::{ConfigError, ConfigErrorKind};

/// One form that a provider's events have: which members make the key, which the fingerprint.
///
/// A field is a JSON pointer (RFC 6901) through objects. Where a sender spells a member in two
/// ways, both pointers stand with `|` between them; if both are there, they must agree.
#[derive(Debug, Clone)]
pub struct Shape {
    name: &'static str,
    when: Option<Field>,
    key: Vec<Field>,
    fingerprint: Vec<Field>,
    time: Option<Field>,
}

impl Shape {
    /// A shape whose events are told apart by these members, each a string or an integer.
    ///
    /// Integers count by their digits, of any length, and equal the string of those digits.
    ///
    /// # Errors
    ///
    /// No field, or a text that is no pointer.
    pub fn new<'a>(
        name: &'static str,
        key: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ConfigError> {
        let key = fields(key)?;
        if key.is_empty() {
            return Err(refused("a shape needs a key field"));
        }
        Ok(Self {
            name,
            when: None,
            key,
            fingerprint: Vec::new(),
            time: None,
        })
    }

    /// The shape fits only where this member is there and not null.
    ///
    /// # Errors
    ///
    /// A text that is no pointer.
    pub fn when(mut self, field: &str) -> Result<Self, ConfigError> {
        self.when = Some(Field::parse(field)?);
        Ok(self)
    }

    /// The members that say what the event means: a second delivery of one key that differs in
    /// them is not a copy. One that lacks counts as null.
    ///
    /// None unless set: whatever has the same key is then the same event.
    ///
    /// # Errors
    ///
    /// A text that is no pointer.
    pub fn fingerprint<'a>(
        mut self,
        members: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ConfigError> {
        self.fingerprint = fields(members)?;
        Ok(self)
    }

    /// The member that says when the event happened: RFC 3339, or whole Unix seconds.
    ///
    /// # Errors
    ///
    /// A text that is no pointer.
    pub fn time(mut self, field: &str) -> Result<Self, ConfigError> {
        self.time = Some(Field::parse(field)?);
        Ok(self)
    }
}

fn fields<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Vec<Field>, ConfigError> {
    texts.into_iter().map(Field::parse).collect()
}

pub(super) fn refused(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new(ConfigErrorKind::EventRule, message)
}

/// A member, in each of its spellings.
#[derive(Debug, Clone)]
struct Field(Vec<Pointer>);

impl Field {
    fn parse(text: &str) -> Result<Self, ConfigError> {
        text.split('|')
            .map(Pointer::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// A shape whose fields are slots of one search.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    pub(super) name: &'static str,
    when: Option<SlotField>,
    pub(super) key: Vec<SlotField>,
    pub(super) fingerprint: Vec<SlotField>,
    pub(super) time: Option<SlotField>,
}

#[derive(Debug, Clone)]
pub(super) struct SlotField {
    slots: Vec<usize>,
    name: Box<str>,
}

impl Slots {
    pub(super) fn new(shape: &Shape, wanted: &mut Wanted) -> Self {
        let mut slot = |field: &Field, form| SlotField {
            slots: (field.0.iter())
                .map(|pointer| wanted.add(pointer, form))
                .collect(),
            name: field
                .0
                .first()
                .map(ToString::to_string)
                .unwrap_or_default()
                .into(),
        };
        Self {
            name: shape.name,
            when: shape.when.as_ref().map(|field| slot(field, false)),
            key: shape.key.iter().map(|field| slot(field, false)).collect(),
            fingerprint: (shape.fingerprint.iter())
                .map(|field| slot(field, true))
                .collect(),
            time: shape.time.as_ref().map(|field| slot(field, false)),
        }
    }

    pub(super) fn fits(&self, found: &Found<'_>) -> bool {
        self.when
            .as_ref()
            .is_none_or(|field| field.values(found).any(|value| value.raw != b"null"))
    }
}

impl SlotField {
    fn values<'f, 'b>(&self, found: &'f Found<'b>) -> impl Iterator<Item = &'f There<'b>> {
        self.slots.iter().filter_map(|slot| found.get(*slot))
    }

    fn error(&self, kind: Kind) -> EventError {
        EventError::at(kind, &self.name)
    }

    pub(super) fn key_part<'b>(&self, found: &Found<'b>) -> Result<Cow<'b, str>, EventError> {
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
        part.ok_or_else(|| self.error(Kind::UnknownShape))
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
