//! The value of a header field, as a signature covers it (RFC 9421, section 2.1).

use http::{HeaderMap, HeaderName};
use sfv::{Dictionary, FieldType, Item, List, ListEntry, ListSerializer, Parser};

use super::unread::Unread;

/// A longer field cannot be signed.
const MAX_FIELD: usize = 16 * 1024;

/// How the lines of a field are combined into one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// Joined by commas.
    Plain,
    /// `sf`: serialized again as a structured field.
    Strict,
    /// `key`: one member of the dictionary in the field.
    Member(String),
    /// `bs`: each line in base64.
    Bytes,
}

impl Form {
    /// Whether each byte of the field counts.
    pub(super) fn is_literal(&self) -> bool {
        matches!(self, Self::Plain | Self::Bytes)
    }
}

/// The value of this field in this form.
pub(super) fn value(headers: &HeaderMap, name: &HeaderName, form: &Form) -> Result<String, Unread> {
    let lines: Vec<&[u8]> = (headers.get_all(name).iter())
        .map(|line| line.as_bytes().trim_ascii())
        .collect();
    if lines.is_empty() {
        return Err(Unread::NotThere);
    }
    let len = (lines.iter()).fold(0_usize, |sum, line| sum.saturating_add(line.len()));
    if len > MAX_FIELD {
        return Err(Unread::TooLong);
    }
    if *form == Form::Bytes {
        let lines = lines.iter();
        let encoded = lines.map(|line| format!(":{}:", data_encoding::BASE64.encode(line)));
        return Ok(encoded.collect::<Vec<_>>().join(", "));
    }
    let text = joined(&lines)?;
    match form {
        Form::Plain | Form::Bytes => Ok(text),
        Form::Strict => strict(&text),
        Form::Member(key) => {
            let members = dictionary(&text)?;
            let member = members.get(&**key).ok_or(Unread::NotThere)?;
            Ok(one(member))
        }
    }
}

/// The lines of a field, joined by commas.
pub(super) fn combined(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Unread> {
    match value(headers, name, &Form::Plain) {
        Ok(text) => Ok(Some(text)),
        Err(Unread::NotThere) => Ok(None),
        Err(other) => Err(other),
    }
}

fn joined(lines: &[&[u8]]) -> Result<String, Unread> {
    let text = lines.join(b", ".as_slice());
    match text.is_ascii() {
        true => String::from_utf8(text).map_err(|_| Unread::Malformed),
        false => Err(Unread::Malformed),
    }
}

pub(super) fn dictionary(text: &str) -> Result<Dictionary, Unread> {
    Parser::new(text).parse().map_err(|_| Unread::Malformed)
}

/// The serialized member of a dictionary or list.
pub(super) fn one(entry: &ListEntry) -> String {
    let mut list = ListSerializer::new();
    list.members(std::iter::once(entry));
    list.finish().unwrap_or_default()
}

/// A serialized structured field. Its text does not state which of the three types it is: every
/// type that can parse it is tried, and all of them must give the same text.
fn strict(text: &str) -> Result<String, Unread> {
    let empty = Option::<String>::unwrap_or_default;
    let read = [
        Parser::new(text)
            .parse::<Item>()
            .ok()
            .map(|it| it.serialize()),
        (Parser::new(text).parse::<List>().ok()).map(|it| empty(it.serialize())),
        (Parser::new(text).parse::<Dictionary>().ok()).map(|it| empty(it.serialize())),
    ];
    let mut read = read.into_iter().flatten();
    let first = read.next().ok_or(Unread::Malformed)?;
    match read.all(|other| other == first) {
        true => Ok(first),
        false => Err(Unread::Ambiguous),
    }
}
