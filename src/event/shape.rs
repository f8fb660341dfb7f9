//! What a provider's events look like: which members make the key, the fingerprint and the time.

use std::borrow::Cow;

use serde_json::from_str;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::canonical::{self, Forms, mark};
use super::error::{EventError, EventErrorKind as Kind};
use super::members::Found;
use super::pointer::Pointer;
use crate::clock::UnixTime;
use crate::error::{ConfigError, ConfigErrorKind};

/// One form that a provider's events have: which members make the key, which the fingerprint.
///
/// A field is a JSON pointer (RFC 6901) through objects. Where a sender spells a member in two
/// ways, both pointers stand with `|` between them; if both are there, they must agree.
#[derive(Debug, Clone)]
pub struct Shape {
    pub(super) name: &'static str,
    when: Option<Field>,
    pub(super) key: Vec<Field>,
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

    /// Where its members stand.
    pub(super) fn pointers(&self) -> impl Iterator<Item = &Pointer> {
        let fields = self.key.iter().chain(&self.fingerprint);
        let fields = fields.chain(&self.when).chain(&self.time);
        fields.flat_map(|field| &field.0)
    }

    pub(super) fn fits(&self, found: &Found<'_, '_>) -> Result<bool, EventError> {
        let Some(field) = &self.when else {
            return Ok(true);
        };
        let mut values = field.values(found);
        values.try_fold(false, |any, value| Ok(any | (value? != "null")))
    }

    /// Writes the form of what the event means.
    pub(super) fn meaning(&self, found: &Found<'_, '_>, out: &mut Forms) -> Result<(), EventError> {
        let mut fields = self.fingerprint.iter();
        fields.try_for_each(|field| field.meaning(found, out))
    }

    /// When it happened, if that can be read.
    pub(super) fn time_of(&self, found: &Found<'_, '_>) -> Result<Option<UnixTime>, EventError> {
        match &self.time {
            Some(field) => field.time(found),
            None => Ok(None),
        }
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
pub(super) struct Field(Vec<Pointer>);

impl Field {
    fn parse(text: &str) -> Result<Self, ConfigError> {
        text.split('|')
            .map(Pointer::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The JSON text of each spelling that is there.
    fn values<'b>(
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

    pub(super) fn key_part<'b>(&self, found: &Found<'_, 'b>) -> Result<Cow<'b, str>, EventError> {
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
        part.ok_or_else(|| self.error(Kind::UnknownShape))
    }

    /// Adds the form of what it means.
    fn meaning(&self, found: &Found<'_, '_>, out: &mut Forms) -> Result<(), EventError> {
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
    fn time(&self, found: &Found<'_, '_>) -> Result<Option<UnixTime>, EventError> {
        let mut text = None;
        for value in self.values(found) {
            text = text.or(scalar(value?));
        }
        Ok(text.and_then(|text| moment(&text)))
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
