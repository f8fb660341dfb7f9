//! Where a rule finds the key of an event.

use std::borrow::Cow;

use http::HeaderName;

use super::canonical::Forms;
use super::content::{self, WithId};
use super::error::{EventError, EventErrorKind as Kind};
use super::handling::Handling;
use super::identity::Identity;
use super::key::Fingerprint;
use super::members::Found;
use super::shape::Shapes;
use crate::head::RequestHead;
use crate::name::Name;

#[derive(Debug, Clone)]
pub(super) enum Source {
    /// A body that fits no shape is refused, or keyed under this name.
    Members(Shapes, Option<Cow<'static, str>>),
    SignedId,
    Body(Option<Box<WithId>>),
    /// Not in the body as a whole: only the items of its list are events.
    ItemsAlone,
    /// A header that nothing covers.
    InsecureHeader(HeaderName),
}

impl Source {
    /// The identity of the event in this body, which is read as this document. With an envelope, it
    /// is an item of a list.
    pub(super) fn identify(
        &self,
        provider: &Name,
        head: RequestHead<'_>,
        signed_id: Option<&str>,
        body: &[u8],
        document: &[u8],
        envelope: Option<&Found<'_>>,
    ) -> Result<Identity, EventError> {
        let by_id = |id, handling| {
            Ok(Identity {
                key: content::key(provider, [id])?,
                fingerprint: Fingerprint::of(body),
                time: None,
                shape: None,
                order: None,
                handling,
            })
        };
        match self {
            Self::Members(shapes, unknown) => {
                by_members(shapes, provider, head, document, envelope).or_else(|error| {
                    match (unknown, error.kind()) {
                        (Some(kind), Kind::UnknownShape | Kind::WrongType | Kind::NotText) => {
                            content::by_digest(provider, Some(kind), body)
                        }
                        _ => Err(error),
                    }
                })
            }
            Self::SignedId => match signed_id {
                Some(id) => by_id(id, Handling::OncePerId),
                None => Err(EventError::new(Kind::NoSignedId)),
            },
            Self::Body(with_id) => {
                content::identity_of(with_id.as_deref(), provider, head.headers(), body, document)
            }
            Self::ItemsAlone => Err(EventError::new(Kind::UnknownShape)),
            Self::InsecureHeader(name) => {
                content::header_id(head.headers(), name).and_then(|id| by_id(id, Handling::Once))
            }
        }
    }

    /// Whether query parameters can be part of a key.
    pub(super) fn reads_query(&self) -> bool {
        match self {
            Self::Members(shapes, _) => shapes.read_query(),
            Self::SignedId | Self::Body(_) | Self::ItemsAlone | Self::InsecureHeader(_) => false,
        }
    }

    /// Whether members of an envelope can be part of a key.
    pub(super) fn reads_envelope(&self) -> bool {
        match self {
            Self::Members(shapes, _) => shapes.read_envelope(),
            Self::SignedId | Self::Body(_) | Self::ItemsAlone | Self::InsecureHeader(_) => false,
        }
    }
}

fn by_members(
    shapes: &Shapes,
    provider: &Name,
    head: RequestHead<'_>,
    body: &[u8],
    envelope: Option<&Found<'_>>,
) -> Result<Identity, EventError> {
    // A notification whose query contains the whole event may have no body.
    let has_members = !content::is_blank(body) || !shapes.read_query();
    let body = if has_members { body } else { b"{}" };
    let mut forms = Forms::new();
    let (shape, found) = shapes.of(body, &mut forms)?;
    // Whether the body is such an event is decided before its meaning.
    let mut wrong = None;
    let parts = shape.key.iter().map_while(|field| {
        let part = field.part(&found, head.uri().query(), envelope);
        part.map_err(|error| wrong = Some(error)).ok()
    });
    let key = content::key(provider, parts);
    wrong.map_or(Ok(()), Err)?;
    let fingerprint = shape.fingerprint_of(&found, body)?;
    let key = key?;
    Ok(Identity {
        handling: shape.handling_of(|id| key.reads(id)),
        key,
        fingerprint,
        time: shape.time_of(&found)?,
        shape: Some(shape.name.clone()),
        order: None,
    })
}
