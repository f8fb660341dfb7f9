//! Reads the pieces of a content from a delivery.

use std::borrow::Cow;
use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde_json::value::RawValue;

use super::compact::compact;
use super::{At, General};
use crate::event::{Lookup, text_of};
use crate::head::RequestHead;
use crate::joined::once;
use crate::signature::error::SignatureErrorKind as Kind;

/// The longest accepted text apart from body and URL.
const MAX_TEXT: usize = 16 * 1024;
/// More fields would let strangers cause work.
const MAX_FIELDS: usize = 4096;
/// The same limit as for candidates of a signature.
const MAX_IN_EACH: usize = 64;

/// The parts of a head that a scheme reads, stored until the body is available.
#[derive(Debug, Clone)]
pub(super) struct HeadParts {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
}

impl HeadParts {
    pub(super) fn of(head: RequestHead<'_>, names: &[HeaderName]) -> Self {
        let mut headers = HeaderMap::new();
        for name in names {
            for value in head.headers().get_all(name) {
                headers.append(name.clone(), value.clone());
            }
        }
        Self {
            method: head.method().clone(),
            uri: head.uri().clone(),
            headers,
        }
    }

    /// Stores every header.
    pub(super) fn whole(head: RequestHead<'_>) -> Self {
        Self {
            method: head.method().clone(),
            uri: head.uri().clone(),
            headers: head.headers().clone(),
        }
    }

    /// The same, with joined equal lines of a header reduced to one; `None` if no header has such lines.
    pub(super) fn apart(&self) -> Option<Self> {
        let mut apart = None;
        for (name, value) in &self.headers {
            if let Some(Ok(first)) = once(value.as_bytes()).map(HeaderValue::from_bytes) {
                let apart = apart.get_or_insert_with(|| self.clone());
                apart.headers.insert(name.clone(), first);
            }
        }
        apart
    }
}

/// A body as a scheme reads it.
#[derive(Debug, Default)]
pub(super) struct BodyParts {
    /// The texts of the members that are read, in the order of their pointers.
    members: Vec<Option<String>>,
    /// The members that are read as compact JSON.
    compact: Vec<Option<Vec<u8>>>,
    /// The distinct texts in the items of a list.
    pub(super) in_each: BTreeSet<String>,
    fields: Vec<(String, String)>,
    /// The body, if it is the token.
    #[cfg(feature = "jwt")]
    whole: Option<String>,
}

impl BodyParts {
    /// Reads the parts of this body that the scheme needs: usually none.
    pub(super) fn of(general: &General, body: &[u8]) -> Result<Self, Kind> {
        let mut parts = Self::default();
        #[cfg(feature = "jwt")]
        if general.places.iter().any(|at| matches!(at, At::Body)) {
            parts.whole = std::str::from_utf8(body).ok().map(str::to_owned);
        }
        if !general.members.is_empty() || !general.compact.is_empty() {
            let item = match &general.only_item {
                None => Cow::Borrowed(body),
                Some((_, list)) => {
                    let list = list.raw(body).map_err(|_| Kind::MissingContent)?;
                    Cow::Owned(only(list.into_iter().flatten().next().as_deref())?)
                }
            };
            let raw = general
                .members
                .raw(&item)
                .map_err(|_| Kind::MissingContent)?;
            for text in raw {
                parts.members.push(match text {
                    None => None,
                    Some(raw) => {
                        let text = text_of(&raw).ok_or(Kind::MissingContent)?;
                        Some(text.into_owned())
                    }
                });
            }
            let raw = (general.compact.members.raw(&item)).map_err(|_| Kind::MissingContent)?;
            parts.compact = raw.into_iter().map(|raw| raw.map(compact)).collect();
        }
        for place in &general.places {
            if let At::Each { list, member } = place {
                parts.in_each = in_each(&list.1, &member.1, body)?;
            }
        }
        if general.reads_form() {
            let fields = form_urlencoded::parse(body).into_owned();
            parts.fields = fields.take(MAX_FIELDS.saturating_add(1)).collect();
            if parts.fields.len() > MAX_FIELDS {
                return Err(Kind::AmbiguousContent);
            }
        }
        Ok(parts)
    }

    pub(super) fn member(&self, general: &General, pointer: &str) -> Option<&str> {
        let place = (general.pointers.iter()).position(|other| other == pointer)?;
        self.members.get(place)?.as_deref()
    }

    /// The member at this pointer as compact JSON.
    pub(super) fn compact(&self, general: &General, pointer: &str) -> Option<&[u8]> {
        let place = (general.compact.pointers.iter()).position(|other| other == pointer)?;
        self.compact.get(place)?.as_deref()
    }

    /// The only value of this field.
    pub(super) fn field(&self, name: &str) -> Result<Option<&str>, Kind> {
        one((self.fields.iter())
            .filter(|(other, _)| other == name)
            .map(|(_, value)| &**value))
    }

    /// The fields in the form of
    /// [`Component::SortedForm`](crate::signature::Component::SortedForm).
    pub(super) fn sorted(&self) -> String {
        let mut fields: Vec<_> = self.fields.iter().collect();
        // Sorted by UTF-16 code units, as in JavaScript.
        let units = |text: &str| text.encode_utf16().collect::<Vec<_>>();
        fields.sort_by_cached_key(|(name, value)| (units(name), units(value)));
        fields.dedup();
        let mut sorted = String::new();
        for (name, value) in fields {
            sorted.push_str(name);
            sorted.push_str(value);
        }
        sorted
    }
}

/// The distinct texts of this member in the items of the list. Every item has one.
fn in_each(list: &Lookup, member: &Lookup, body: &[u8]) -> Result<BTreeSet<String>, Kind> {
    let one = |lookup: &Lookup, json: &[u8]| {
        let found = lookup.raw(json).map_err(|_| Kind::MissingContent)?;
        found
            .into_iter()
            .flatten()
            .next()
            .ok_or(Kind::MissingContent)
    };
    let list = one(list, body)?;
    let items: Vec<&RawValue> = serde_json::from_slice(&list).map_err(|_| Kind::MissingContent)?;
    let mut texts = BTreeSet::new();
    for item in items {
        let raw = one(member, item.get().as_bytes())?;
        texts.insert(text_of(&raw).ok_or(Kind::MissingContent)?.into_owned());
        if texts.len() > MAX_IN_EACH {
            return Err(Kind::TooManyCandidates);
        }
    }
    Ok(texts)
}

/// The only element of a JSON array.
fn only(list: Option<&[u8]>) -> Result<Vec<u8>, Kind> {
    let list = list.ok_or(Kind::MissingContent)?;
    let items: Vec<&RawValue> = serde_json::from_slice(list).map_err(|_| Kind::MissingContent)?;
    match items.as_slice() {
        [item] => Ok(item.get().as_bytes().to_vec()),
        _ => Err(Kind::AmbiguousContent),
    }
}

/// The value of a header that occurs once, or several times with equal values.
pub(super) fn header<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h [u8]>, Kind> {
    let mut lines = headers.get_all(name).iter();
    let Some(first) = lines.next() else {
        return Ok(None);
    };
    if lines.any(|other| other != first) {
        return Err(Kind::RepeatedHeader);
    }
    let value = first.as_bytes();
    match value.len() > MAX_TEXT || !value.is_ascii() {
        true => Err(Kind::Malformed),
        false => Ok(Some(value)),
    }
}

/// The only value of this parameter, decoded.
pub(super) fn parameter<'q>(uri: &'q Uri, name: &str) -> Result<Option<Cow<'q, str>>, Kind> {
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let value = one(query
        .filter(|(other, _)| other == name)
        .map(|(_, value)| value))?;
    match value {
        Some(value) if value.len() > MAX_TEXT => Err(Kind::Malformed),
        value => Ok(value),
    }
}

fn one<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Result<Option<T>, Kind> {
    let first = values.next();
    match values.next() {
        Some(_) => Err(Kind::AmbiguousContent),
        None => Ok(first),
    }
}

impl At {
    /// The texts in this place of the head: one, or all of them if several are allowed.
    pub(super) fn in_head<'h>(
        &self,
        headers: &'h HeaderMap,
        uri: &'h Uri,
        several_lines: bool,
    ) -> Result<Vec<Cow<'h, [u8]>>, Kind> {
        let bytes = |text: Cow<'h, str>| match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        match self {
            Self::Query(name) => Ok(parameter(uri, name)?.map(bytes).into_iter().collect()),
            Self::Header(name) if several_lines => {
                let lines = headers.get_all(name).iter().take(64);
                Ok(lines.map(|line| Cow::Borrowed(line.as_bytes())).collect())
            }
            Self::Header(_) | Self::Headers(_) => {
                let mut texts = Vec::new();
                for name in self.headers() {
                    texts.extend(header(headers, name)?.map(Cow::Borrowed));
                }
                Ok(texts)
            }
            Self::Member(_) | Self::Each { .. } | Self::FormField(_) => Ok(Vec::new()),
            #[cfg(feature = "jwt")]
            Self::Body => Ok(Vec::new()),
        }
    }

    /// The text in this place of the body.
    pub(super) fn in_body(
        &self,
        general: &General,
        body: &BodyParts,
    ) -> Result<Option<String>, Kind> {
        match self {
            Self::Member(pointer) => Ok(body.member(general, pointer).map(str::to_owned)),
            Self::FormField(name) => Ok(body.field(name)?.map(str::to_owned)),
            Self::Header(_) | Self::Headers(_) | Self::Query(_) | Self::Each { .. } => Ok(None),
            #[cfg(feature = "jwt")]
            Self::Body => Ok(body.whole.clone()),
        }
    }
}

/// The value of one line, or of several equal lines that were joined with commas.
pub(super) fn or_once<T, E>(text: &[u8], read: impl Fn(&[u8]) -> Result<T, E>) -> Result<T, E> {
    read(text).or_else(|error| match once(text) {
        Some(first) => read(first),
        None => Err(error),
    })
}
