//! The rule that finds an event's key, fingerprint and time in verified content.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::canonical;
use super::error::{EventError, EventErrorKind as Kind};
use super::key::{EventKey, Fingerprint, ProviderName};
use super::members::{Found, Wanted};
use super::pointer::Pointer;
use crate::clock::UnixTime;
use crate::error::{ConfigError, ConfigErrorKind};

/// How to tell one event from another, by content that was proved.
///
/// ```
/// use http::HeaderMap;
/// use tower_webhook::event::{EventRule, Shape};
/// use tower_webhook::ProviderName;
///
/// let rule = EventRule::members([Shape::new("order", ["/order/id|/order/ID", "/status"])?
///     .fingerprint(["/amount"])?
///     .time("/at")?])?;
/// let body = br#"{"order":{"id":1042},"status":"PAID","amount":100.50,"at":"2026-05-04T13:00:00Z"}"#;
///
/// let event = rule.identify(&ProviderName::new("acme")?, &HeaderMap::new(), None, body)?;
/// assert_eq!(event.key.to_string(), "1042:PAID");
/// assert_eq!(event.shape, Some("order"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct EventRule {
    source: Source,
    id_header: Option<HeaderName>,
}

#[derive(Debug, Clone)]
enum Source {
    Members {
        shapes: Box<[Slots]>,
        wanted: Wanted,
        unknown: Unknown,
    },
    SignedId,
    Body,
    /// A header that nothing covers.
    InsecureHeader(HeaderName),
}

/// Longest id that is taken from a header.
const MAX_HEADER_ID_LEN: usize = 256;

/// What becomes of a body that fits no shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unknown {
    Refused,
    /// Under this name.
    KeyedOnBody(&'static str),
}

/// What is known of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The key that its copies share.
    pub key: EventKey,
    /// What it means.
    pub fingerprint: Fingerprint,
    /// When it happened, where its content says so.
    pub time: Option<UnixTime>,
    /// The name of the shape that the body has; `None` where it has none that the rule knows.
    pub shape: Option<&'static str>,
}

impl EventRule {
    /// Events are told apart by members of their JSON body; the first shape that fits counts.
    ///
    /// # Errors
    ///
    /// No shape.
    pub fn members(shapes: impl IntoIterator<Item = Shape>) -> Result<Self, ConfigError> {
        let mut wanted = Wanted::default();
        let shapes: Box<[_]> = shapes
            .into_iter()
            .map(|shape| Slots::new(&shape, &mut wanted))
            .collect();
        if shapes.is_empty() {
            return Err(refused("needs at least one shape"));
        }
        Ok(Self {
            source: Source::Members {
                shapes,
                wanted,
                unknown: Unknown::Refused,
            },
            id_header: None,
        })
    }

    /// Events are told apart by the id that the signature covers.
    pub fn signed_id() -> Self {
        Self {
            source: Source::SignedId,
            id_header: None,
        }
    }

    /// Events are told apart by the digest of their whole body: for senders whose only id stands
    /// in a header that nothing covers.
    pub fn body() -> Self {
        Self {
            source: Source::Body,
            id_header: None,
        }
    }

    /// Events are told apart by a header that no signature covers.
    ///
    /// # Insecure
    ///
    /// Whoever holds one captured delivery can send it again under another id, and its handler
    /// runs again: as often as they like where the signature covers no time, else for as long as
    /// the tolerance lasts. They can also use up the id of an event that is still to come, which
    /// is then refused as having other content. Choose it only where two deliveries of one body
    /// are two events, and where running a handler twice does no harm; else take
    /// [`EventRule::body`].
    ///
    /// What the event means is its whole body.
    ///
    /// ```
    /// # use http::HeaderMap;
    /// # use tower_webhook::ProviderName;
    /// # use tower_webhook::event::EventRule;
    /// let rule = EventRule::with_insecure_header_key("X-Acme-Delivery")?;
    /// let key = |id: &str| -> Result<_, Box<dyn std::error::Error>> {
    ///     let headers = HeaderMap::from_iter([("x-acme-delivery".parse()?, id.parse()?)]);
    ///     Ok(rule.identify(&ProviderName::new("acme")?, &headers, None, b"paid")?.key)
    /// };
    /// assert_eq!(key("1")?.to_string(), "1");
    /// // The same captured body, under an id that anyone can make up: another event.
    /// assert_ne!(key("1")?, key("2")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A text that is no header name.
    pub fn with_insecure_header_key(name: &'static str) -> Result<Self, ConfigError> {
        Ok(Self {
            source: Source::InsecureHeader(header_name(name)?),
            id_header: None,
        })
    }

    /// A JSON body that fits no shape is keyed on `kind` and its digest and handed on, not refused.
    ///
    /// The kind keeps the unknown events of one hook apart from those of another one of the same
    /// provider, whose proof may be weaker.
    #[must_use]
    pub fn or_body(mut self, kind: &'static str) -> Self {
        if let Source::Members { unknown, .. } = &mut self.source {
            *unknown = Unknown::KeyedOnBody(kind);
        }
        self
    }

    /// A header that repeats the key. It is checked and never trusted: one that disagrees is
    /// refused, one that lacks is not.
    ///
    /// # Errors
    ///
    /// A text that is no header name.
    pub fn checked_header(mut self, name: &'static str) -> Result<Self, ConfigError> {
        self.id_header = Some(header_name(name)?);
        Ok(self)
    }

    /// What is known of the event in this body.
    ///
    /// # Errors
    ///
    /// A body that is not JSON, has no known shape, or could be read in two ways; an id header
    /// that disagrees.
    pub fn identify(
        &self,
        provider: &ProviderName,
        headers: &HeaderMap,
        signed_id: Option<&str>,
        body: &[u8],
    ) -> Result<Identity, EventError> {
        let identity = match &self.source {
            Source::Members {
                shapes,
                wanted,
                unknown,
            } => match (by_members(shapes, wanted, provider, body), unknown) {
                (Err(error), Unknown::KeyedOnBody(kind))
                    if matches!(error.kind(), Kind::UnknownShape | Kind::WrongType) =>
                {
                    by_body(provider, Some(*kind), body)?
                }
                (outcome, _) => outcome?,
            },
            Source::SignedId => {
                let id = signed_id.ok_or(EventError::new(Kind::NoSignedId))?;
                Identity {
                    key: key(provider, [Cow::Borrowed(id)])?,
                    fingerprint: Fingerprint::of(body),
                    time: None,
                    shape: None,
                }
            }
            Source::Body => by_body(provider, None, body)?,
            Source::InsecureHeader(name) => Identity {
                key: key(provider, [Cow::Borrowed(header_id(headers, name)?)])?,
                fingerprint: Fingerprint::of(body),
                time: None,
                shape: None,
            },
        };
        if let Some(name) = &self.id_header {
            let expected = identity.key.to_string();
            let mut values = headers.get_all(name).iter();
            let first = values.next();
            let agrees = first.is_none_or(|value| value.as_bytes() == expected.as_bytes());
            if !agrees || values.next().is_some() {
                return Err(EventError::at(Kind::IdHeaderDisagrees, name));
            }
        }
        Ok(identity)
    }
}

fn header_name(name: &'static str) -> Result<HeaderName, ConfigError> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| refused(format!("{name:?} is not a header name")))
}

/// The id that stands in this header once, in visible ASCII.
fn header_id<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, EventError> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    first
        .filter(|_| second.is_none())
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=MAX_HEADER_ID_LEN).contains(&id.len()))
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or_else(|| EventError::at(Kind::NoIdHeader, name))
}

fn by_members(
    shapes: &[Slots],
    wanted: &Wanted,
    provider: &ProviderName,
    body: &[u8],
) -> Result<Identity, EventError> {
    let found = wanted.find(body).map_err(EventError::new)?;
    let shape = shapes
        .iter()
        .find(|shape| shape.fits(&found))
        .ok_or_else(|| EventError::new(Kind::UnknownShape))?;
    // Whether it is such an event at all comes before what it means.
    let parts = shape
        .key
        .iter()
        .map(|field| field.key_part(&found))
        .collect::<Result<Vec<_>, _>>()?;
    let mut content = Vec::new();
    for field in &shape.fingerprint {
        field.append_canonical(&found, &mut content)?;
    }
    Ok(Identity {
        key: key(provider, parts)?,
        fingerprint: Fingerprint::of(&content),
        time: shape.time.as_ref().and_then(|field| field.time(&found)),
        shape: Some(shape.name),
    })
}

fn by_body(
    provider: &ProviderName,
    kind: Option<&'static str>,
    body: &[u8],
) -> Result<Identity, EventError> {
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(body));
    let parts = kind.into_iter().chain(["sha256", &digest]);
    Ok(Identity {
        key: key(provider, parts.map(Cow::Borrowed))?,
        fingerprint: Fingerprint::of(body),
        time: None,
        shape: None,
    })
}

fn key<'a>(
    provider: &ProviderName,
    parts: impl IntoIterator<Item = Cow<'a, str>>,
) -> Result<EventKey, EventError> {
    EventKey::new(provider.clone(), parts).map_err(|_| EventError::new(Kind::WrongType))
}

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

fn refused(message: impl Into<Cow<'static, str>>) -> ConfigError {
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
struct Slots {
    name: &'static str,
    when: Option<SlotField>,
    key: Vec<SlotField>,
    fingerprint: Vec<SlotField>,
    time: Option<SlotField>,
}

#[derive(Debug, Clone)]
struct SlotField {
    slots: Vec<usize>,
    name: Box<str>,
}

impl Slots {
    fn new(shape: &Shape, wanted: &mut Wanted) -> Self {
        let mut slot = |field: &Field| SlotField {
            slots: field.0.iter().map(|pointer| wanted.add(pointer)).collect(),
            name: field
                .0
                .first()
                .map(ToString::to_string)
                .unwrap_or_default()
                .into(),
        };
        Self {
            name: shape.name,
            when: shape.when.as_ref().map(&mut slot),
            key: shape.key.iter().map(&mut slot).collect(),
            fingerprint: shape.fingerprint.iter().map(&mut slot).collect(),
            time: shape.time.as_ref().map(&mut slot),
        }
    }

    fn fits(&self, found: &Found<'_>) -> bool {
        self.when
            .as_ref()
            .is_none_or(|field| field.values(found).any(|raw| raw != "null"))
    }
}

impl SlotField {
    fn values<'b>(&self, found: &Found<'b>) -> impl Iterator<Item = &'b str> {
        self.slots.iter().filter_map(|slot| found.get(*slot))
    }

    fn error(&self, kind: Kind) -> EventError {
        EventError::at(kind, &self.name)
    }

    fn key_part<'b>(&self, found: &Found<'b>) -> Result<Cow<'b, str>, EventError> {
        let mut part: Option<Cow<'b, str>> = None;
        for raw in self.values(found) {
            let read = scalar(raw).ok_or_else(|| self.error(Kind::WrongType))?;
            if part
                .replace(read.clone())
                .is_some_and(|other| other != read)
            {
                return Err(self.error(Kind::Ambiguous));
            }
        }
        part.ok_or_else(|| self.error(Kind::UnknownShape))
    }

    fn append_canonical(&self, found: &Found<'_>, out: &mut Vec<u8>) -> Result<(), EventError> {
        let begin = out.len();
        for raw in self.values(found).filter(|raw| *raw != "null") {
            let mut form = Vec::new();
            canonical::append(raw, &mut form).map_err(|kind| self.error(kind))?;
            match out.get(begin..) {
                Some([]) | None => out.append(&mut form),
                Some(other) if other == form => {}
                Some(_) => return Err(self.error(Kind::Ambiguous)),
            }
        }
        if out.len() == begin {
            canonical::append("null", out).map_err(|kind| self.error(kind))?;
        }
        Ok(())
    }

    /// A time that cannot be read is no time: the event is not lost for it.
    fn time(&self, found: &Found<'_>) -> Option<UnixTime> {
        let text = self.values(found).find_map(scalar)?;
        if text.len() <= 19 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().map(UnixTime::from_secs);
        }
        let time = OffsetDateTime::parse(&text, &Rfc3339).ok()?;
        let micros = u64::try_from(time.unix_timestamp_nanos() / 1_000).unwrap_or(0);
        Some(UnixTime::from_micros(micros))
    }
}

/// The text of a string with content, or the digits of an integer; `1.0`, `1e3` and `-0` are
/// other spellings of integers and refused.
pub(crate) fn scalar(raw: &str) -> Option<Cow<'_, str>> {
    if raw.starts_with('"') {
        let text: Cow<'_, str> = match raw.strip_prefix('"')?.strip_suffix('"')? {
            plain if !plain.contains('\\') => Cow::Borrowed(plain),
            _ => Cow::Owned(serde_json::from_str(raw).ok()?),
        };
        return (!text.is_empty()).then_some(text);
    }
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    let integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (integer && raw != "-0").then_some(Cow::Borrowed(raw))
}

#[cfg(test)]
mod tests;
