//! The bytes that a signature covers, in their order.

use std::borrow::Cow;

use data_encoding::HEXLOWER;

use super::canonical::{escaped_target, headers_listed};
use super::source::{BodyParts, HeadParts, header, parameter};
use super::{At, Content, General};
use crate::signature::component::{Component, Demand};
use crate::signature::error::SignatureErrorKind as Kind;

/// The parts of a delivery that pieces are read from.
pub(super) struct Sources<'a> {
    pub(super) general: &'a General,
    pub(super) head: &'a HeadParts,
    pub(super) time: &'a [u8],
    pub(super) id: &'a [u8],
    pub(super) body: &'a [u8],
    pub(super) parts: &'a BodyParts,
    pub(super) secret: &'a [u8],
    /// The names of the headers that a token lists.
    #[cfg(feature = "jwt")]
    pub(super) listed: &'a str,
}

/// The pieces of a content; `None` where it does not apply to this delivery.
pub(super) type Pieces<'a> = Option<Vec<Cow<'a, [u8]>>>;

impl<'a> Sources<'a> {
    /// The signed bytes if this is the content.
    pub(super) fn pieces(&self, content: &'a Content) -> Result<Pieces<'a>, Kind> {
        let touching = content.touching;
        let begins = |byte: Option<&u8>| matches!(byte, Some(b'{' | b'['));
        let ends = |byte: Option<&u8>| matches!(byte, Some(b'}' | b']'));
        if (touching.body_begins && !begins(self.body.first()))
            || (touching.body_ends && !ends(self.body.last()))
            || (touching.body_follows_digits && self.body.first().is_some_and(u8::is_ascii_digit))
        {
            return Err(Kind::AmbiguousContent);
        }
        let mut pieces = Vec::new();
        Ok(self
            .add(content, &content.pieces, &mut pieces)?
            .then_some(pieces))
    }

    /// Adds these pieces; false if a demand rules this content out.
    fn add(
        &self,
        content: &'a Content,
        components: &'a [Component],
        pieces: &mut Vec<Cow<'a, [u8]>>,
    ) -> Result<bool, Kind> {
        for (place, component) in components.iter().enumerate() {
            match component {
                Component::Demand(demand) => {
                    if !self.holds(demand)? {
                        return Ok(false);
                    }
                }
                Component::Optional(inner) => {
                    let before = pieces.len();
                    match self.add(content, inner, pieces) {
                        Ok(holds) if !holds => return Ok(false),
                        Ok(_) => {}
                        Err(Kind::MissingContent) => pieces.truncate(before),
                        Err(kind) => return Err(kind),
                    }
                }
                component => {
                    let text = self.text(component)?.ok_or(Kind::MissingContent)?;
                    if is_open(component) {
                        // A demand adds nothing between two pieces.
                        let is_piece = |it: &&Component| !matches!(it, Component::Demand(_));
                        let literal = |it: Option<&'a Component>| match it? {
                            Component::Literal(text) => Some(text.as_bytes()),
                            _ => None,
                        };
                        let before = components.iter().take(place).rev().find(is_piece);
                        let behind = components
                            .iter()
                            .skip(place.saturating_add(1))
                            .find(is_piece);
                        self.check(content, literal(before), &text, literal(behind))?;
                    }
                    pieces.push(text);
                }
            }
        }
        Ok(true)
    }

    /// Refuses a text that could be split elsewhere. If the content is the event's id, another
    /// reading of it is the same event.
    fn check(
        &self,
        content: &Content,
        before: Option<&[u8]>,
        text: &[u8],
        behind: Option<&[u8]>,
    ) -> Result<(), Kind> {
        let touching = content.touching;
        let holds = |bytes: &[u8]| text.iter().any(|byte| bytes.contains(byte));
        if (touching.body_begins && holds(b"{[")) || (touching.body_ends && holds(b"}]")) {
            return Err(Kind::AmbiguousContent);
        }
        if self.general.content_is_id {
            return Ok(());
        }
        let first = |behind: &[u8]| {
            let joined = [text, behind].concat();
            joined.windows(behind.len()).position(|part| part == behind) == Some(text.len())
        };
        let last = |before: &[u8]| {
            let joined = [before, text].concat();
            joined
                .windows(before.len())
                .rposition(|part| part == before)
                == Some(0)
        };
        match behind.is_none_or(first) && before.is_none_or(last) {
            true => Ok(()),
            false => Err(Kind::AmbiguousContent),
        }
    }

    fn text(&self, component: &'a Component) -> Result<Option<Cow<'a, [u8]>>, Kind> {
        let owned = |text: String| Some(Cow::Owned(text.into_bytes()));
        let uri = &self.head.uri;
        Ok(match component {
            Component::Timestamp => Some(Cow::Borrowed(self.time)),
            Component::Id => Some(Cow::Borrowed(self.id)),
            Component::Body => Some(Cow::Borrowed(self.body)),
            Component::Literal(text) => Some(Cow::Borrowed(text.as_bytes())),
            Component::Method => {
                let method = self.head.method.as_str();
                // Those of RFC 9110 and RFC 5789; none is a prefix of another.
                let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
                Some(Cow::Borrowed(
                    (known.contains(&method))
                        .then_some(method.as_bytes())
                        .ok_or(Kind::MissingContent)?,
                ))
            }
            Component::PublicUrl => {
                let url = self.general.url.as_ref();
                url.map(|url| Cow::Borrowed(url.as_str().as_bytes()))
            }
            Component::RequestUrl => {
                let url = self.general.url.as_ref();
                url.and_then(|url| owned(url.with_query(uri.query())))
            }
            Component::RequestUrlWithPort => {
                let url = self.general.url.as_ref();
                url.and_then(|url| owned(url.with_port_and_query(uri.query())))
            }
            Component::Path => Some(Cow::Borrowed(uri.path().as_bytes())),
            Component::Query => Some(Cow::Borrowed(uri.query().unwrap_or_default().as_bytes())),
            Component::Parameter(name) => {
                parameter(uri, name)?.and_then(|text| owned(text.into_owned()))
            }
            Component::Header(name) => {
                let name = name.parse().map_err(|_| Kind::MissingContent)?;
                header(&self.head.headers, &name)?.map(Cow::Borrowed)
            }
            Component::EscapedTarget => owned(escaped_target(uri)),
            Component::HeadersListedIn(name) => {
                let list = name.parse().map_err(|_| Kind::MissingContent)?;
                let time = self.general.time.iter().filter_map(|time| time.at.as_ref());
                let demanded = time.flat_map(At::headers);
                owned(headers_listed(&self.head.headers, &list, demanded)?)
            }
            #[cfg(feature = "jwt")]
            Component::ListedHeaders => owned(self.listed_headers()?),
            Component::Member(pointer) => {
                let text = self.parts.member(self.general, pointer);
                text.map(|text| Cow::Borrowed(text.as_bytes()))
            }
            Component::CompactMember(pointer) => {
                let text = self.parts.compact(self.general, pointer);
                text.map(Cow::Borrowed)
            }
            Component::FormField(name) => {
                let text = self.parts.field(name)?;
                text.map(|text| Cow::Borrowed(text.as_bytes()))
            }
            Component::SortedForm => owned(self.parts.sorted()),
            Component::BodyDigest(digest, encoding) => {
                let bytes = digest.hash([self.body]);
                Some(match encoding {
                    Some(encoding) => Cow::Owned(encoding.encode(&bytes).into_bytes()),
                    None => Cow::Owned(bytes),
                })
            }
            Component::BodyCrc32 => owned(crc32fast::hash(self.body).to_string()),
            Component::Secret => Some(Cow::Borrowed(self.secret)),
            Component::OfLength(inner, len) => match self.text(inner)? {
                Some(text) if text.len() != *len => return Err(Kind::AmbiguousContent),
                text => text,
            },
            Component::LongerThan(inner, len) => match self.text(inner)? {
                Some(text) if text.len() <= *len => return Err(Kind::AmbiguousContent),
                text => text,
            },
            Component::LowerCase(inner) => self
                .text(inner)?
                .map(|text| Cow::Owned(text.to_ascii_lowercase())),
            // These have no text of their own.
            Component::Optional(_) | Component::Demand(_) => None,
        })
    }

    #[cfg(feature = "jwt")]
    fn listed_headers(&self) -> Result<String, Kind> {
        let mut lines = String::new();
        for name in self.listed.split(',').filter(|name| !name.is_empty()) {
            let parsed = name.parse().map_err(|_| Kind::MissingContent)?;
            let value = header(&self.head.headers, &parsed)?.ok_or(Kind::MissingContent)?;
            let value = std::str::from_utf8(value).map_err(|_| Kind::Malformed)?;
            lines.push_str(&format!("{name}: {value}\n"));
        }
        Ok(lines)
    }

    fn holds(&self, demand: &Demand) -> Result<bool, Kind> {
        let there = |name: &str| -> Result<Option<&[u8]>, Kind> {
            let name = name.parse().map_err(|_| Kind::MissingContent)?;
            header(&self.head.headers, &name)
        };
        Ok(match demand {
            Demand::NoParameter(name) => parameter(&self.head.uri, name)?.is_none(),
            Demand::ParameterIsBodyDigest(name, digest) => {
                let hash = HEXLOWER.encode(&digest.hash([self.body]));
                parameter(&self.head.uri, name)?.is_some_and(|text| text == hash)
            }
            Demand::NoHeader(name) => there(name)?.is_none(),
            Demand::HeaderIs(name, text) => there(name)? == Some(text.as_bytes()),
            Demand::HeaderLists(name, text) => there(name)?.is_some_and(|value| {
                let mut elements = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
                elements.any(|element| element == text.as_bytes())
            }),
            Demand::HeaderIsIfThere(name, text) => {
                there(name)?.is_none_or(|value| value == text.as_bytes())
            }
        })
    }
}

/// Whether it may contain any text.
fn is_open(component: &Component) -> bool {
    match component {
        Component::Literal(_)
        | Component::Timestamp
        | Component::Body
        | Component::Method
        | Component::PublicUrl
        | Component::SortedForm
        | Component::BodyDigest(..)
        | Component::Secret
        | Component::Optional(_)
        | Component::Demand(_) => false,
        // It contains no line feed, and its own reading was checked.
        Component::HeadersListedIn(_) => false,
        // Their names are signed in the token, and no value contains a line feed.
        #[cfg(feature = "jwt")]
        Component::ListedHeaders => false,
        Component::OfLength(inner, _)
        | Component::LongerThan(inner, _)
        | Component::LowerCase(inner) => is_open(inner),
        _ => true,
    }
}
