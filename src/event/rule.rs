//! The rule that finds an event's key, fingerprint and time in verified content.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use super::canonical::{Forms, mark};
use super::error::{EventError, EventErrorKind as Kind};
use super::key::{EventKey, Fingerprint, ProviderName};
use super::members::{self, Wanted};
use super::shape::{Shape, refused};
use crate::clock::UnixTime;
use crate::error::ConfigError;
use crate::joined::once;

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
///
/// // `1042.0` is another spelling of the same number: what has two is refused.
/// let other = br#"{"order":{"id":1042.0},"status":"PAID"}"#;
/// assert!(rule.identify(&ProviderName::new("acme")?, &HeaderMap::new(), None, other).is_err());
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
        shapes: Box<[Shape]>,
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
        let shapes: Box<[_]> = shapes.into_iter().collect();
        if shapes.is_empty() {
            return Err(refused("needs at least one shape"));
        }
        Ok(Self {
            source: Source::Members {
                wanted: Wanted::new(shapes.iter().flat_map(Shape::pointers)),
                shapes,
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

    /// The header that repeats the key.
    #[cfg(feature = "testing")]
    pub(crate) fn id_header(&self) -> Option<&HeaderName> {
        self.id_header.as_ref()
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
                    if matches!(
                        error.kind(),
                        Kind::UnknownShape | Kind::WrongType | Kind::NotText
                    ) =>
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
            let reads = |text| identity.key.reads(text);
            let mut lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
            // Adapters repeat lines, or join them.
            if !lines.all(|line| reads(line) || once(line).is_some_and(reads)) {
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

/// The id that stands in this header, in visible ASCII; a line that is repeated counts once.
fn header_id<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, EventError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    first
        .filter(|first| values.all(|other| other == *first))
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=MAX_HEADER_ID_LEN).contains(&id.len()))
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or_else(|| EventError::at(Kind::NoIdHeader, name))
}

fn by_members(
    shapes: &[Shape],
    wanted: &Wanted,
    provider: &ProviderName,
    body: &[u8],
) -> Result<Identity, EventError> {
    let text = members::text(body);
    let mut found = wanted.find(&text).map_err(EventError::new)?;
    found.is_lossy = matches!(text, Cow::Owned(_));
    let mut shape = None;
    for other in shapes {
        if other.fits(&found)? {
            shape = Some(other);
            break;
        }
    }
    let shape = shape.ok_or_else(|| EventError::new(Kind::UnknownShape))?;
    // Whether it is such an event at all comes before what it means.
    let mut wrong = None;
    let parts = shape.key.iter().map_while(|field| {
        let part = field.key_part(&found);
        part.map_err(|error| wrong = Some(error)).ok()
    });
    let key = key(provider, parts);
    if let Some(error) = wrong {
        return Err(error);
    }
    let mut meaning = Forms::new();
    shape.meaning(&found, &mut meaning)?;
    let is_replaced = |bytes: &[u8]| bytes == "\u{fffd}".as_bytes();
    let fingerprint = if found.is_lossy && meaning.bytes().windows(3).any(is_replaced) {
        // No form begins with this mark.
        Fingerprint::taken(Sha256::new_with_prefix([mark(b'b')]).chain_update(body))
    } else {
        Fingerprint::of(meaning.bytes())
    };
    Ok(Identity {
        key: key?,
        fingerprint,
        time: shape.time_of(&found)?,
        shape: Some(shape.name),
    })
}

fn by_body(
    provider: &ProviderName,
    kind: Option<&'static str>,
    body: &[u8],
) -> Result<Identity, EventError> {
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(body));
    // Four parts where there is a kind: more than any shape of the same provider has.
    let unknown = kind.map(|kind| ["unknown", kind]);
    let parts = unknown.into_iter().flatten().chain(["sha256", &digest]);
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

#[cfg(test)]
mod tests;
