//! Bodies that hold a list of events.

use super::canonical::Forms;
use super::error::{EventError, EventErrorKind as Kind};
use super::field::Field;
use super::handling::Handling;
use super::identity::Identity;
use super::json::Json;
use super::members::{Found, Wanted};
use super::order::OrderRule;
use super::selection::Selection;
use super::shape::refused;
use super::source::Source;
use crate::error::ConfigError;
use crate::head::RequestHead;
use crate::name::Name;

/// An event of a list, with its place in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ItemIdentity<'b> {
    /// The item as the body has it.
    pub body: &'b [u8],
    /// Its identity, or the reason why it has no usable key.
    pub identity: Result<Identity, EventError>,
}

/// The place of the list, and the rule that identifies its items.
#[derive(Debug, Clone)]
pub(super) struct Each {
    /// Whether the whole body can be the list.
    root: bool,
    list: Option<Field>,
    /// The list, and the members of the envelope that are part of item keys.
    wanted: Wanted,
    pub(super) item: Source,
    pub(super) selection: Option<Box<Selection>>,
    pub(super) order: Option<Box<OrderRule>>,
}

/// The identity of an event that is for this receiver, with its order. A question that must be
/// answered passes for every receiver.
pub(super) fn selected(
    selection: Option<&Selection>,
    order: Option<&OrderRule>,
    body: &[u8],
    identified: Result<Identity, EventError>,
) -> Result<Identity, EventError> {
    let is_asked = |identity: &Identity| identity.handling == Handling::Answered;
    if let Some(selection) = selection
        && !identified.as_ref().is_ok_and(is_asked)
    {
        selection.check(body)?;
    }
    let mut identity = identified?;
    if let Some(order) = order {
        identity.order = order.of(body).map(Box::new);
    }
    Ok(identity)
}

impl Each {
    pub(super) fn new(
        list: &str,
        item: Source,
        selection: Option<Box<Selection>>,
        order: Option<Box<OrderRule>>,
    ) -> Result<Self, ConfigError> {
        let (roots, places): (Vec<_>, Vec<_>) = list.split('|').partition(|place| place.is_empty());
        let places = places.join("|");
        let list = (!places.is_empty())
            .then(|| Field::parse(&places))
            .transpose()?;
        let of_envelope = match &item {
            Source::Members(shapes, _) => {
                if (shapes.all.iter())
                    .any(|shape| shape.handling_of(|_| false) == Handling::Answered)
                {
                    return Err(refused("an item is no question that is answered each time"));
                }
                shapes.envelope_pointers().collect()
            }
            Source::Body(_) => Vec::new(),
            Source::SignedId | Source::ItemsAlone | Source::InsecureHeader(_) => {
                return Err(refused(
                    "what tells items apart stands in them: neither a signed id nor a header does",
                ));
            }
        };
        let lists = list.iter().flat_map(Field::pointers).cloned();
        let wanted = lists.chain(of_envelope).map(|pointer| (pointer, false));
        Ok(Self {
            root: !roots.is_empty(),
            wanted: Wanted::new(wanted),
            list,
            item,
            selection,
            order,
        })
    }

    /// The error for a body without a list.
    pub(super) fn missing(&self) -> EventError {
        match &self.list {
            Some(list) => list.error(Kind::UnknownShape),
            None => EventError::new(Kind::UnknownShape),
        }
    }

    /// The identity of an item outside any list: it is the whole body.
    pub(super) fn identify_lone(
        &self,
        provider: &Name,
        head: RequestHead<'_>,
        item: &[u8],
    ) -> Result<Identity, EventError> {
        let identified = (self.item).identify(provider, head, None, item, item, None);
        let (selection, order) = (self.selection.as_deref(), self.order.as_deref());
        selected(selection, order, item, identified)
    }

    pub(super) fn identify<'b>(
        &self,
        provider: &Name,
        head: RequestHead<'_>,
        body: &'b [u8],
        most: usize,
    ) -> Result<Option<Vec<ItemIdentity<'b>>>, EventError> {
        let mut forms = Forms::new();
        let (list, envelope) = match Json::new(body).peek() {
            Some(b'[') if self.root => {
                let list = Json::whole(body, &mut ()).ok_or(EventError::new(Kind::NotJson))?;
                (list, None)
            }
            Some(b'{') => {
                let found = (self.wanted.find(body, &mut forms)).map_err(EventError::new)?;
                let Some(list) = self.list_in(body, &found)? else {
                    return Ok(None);
                };
                (list, Some(found))
            }
            _ => return Ok(None),
        };
        let items = split(list, most)?;
        let identify = |body| {
            let identified =
                (self.item).identify(provider, head, None, body, body, envelope.as_ref());
            let (selection, order) = (self.selection.as_deref(), self.order.as_deref());
            ItemIdentity {
                body,
                identity: selected(selection, order, body, identified),
            }
        };
        Ok(Some(items.into_iter().map(identify).collect()))
    }

    /// The only list in this envelope.
    fn list_in<'b>(
        &self,
        body: &'b [u8],
        found: &Found<'_>,
    ) -> Result<Option<&'b [u8]>, EventError> {
        let Some(field) = &self.list else {
            return Ok(None);
        };
        let mut list = None;
        for value in field.values(found) {
            let raw = value.map_err(|kind| field.error(kind))?.raw;
            if !raw.starts_with(b"[") {
                continue;
            }
            if list.is_some() {
                return Err(field.error(Kind::Ambiguous));
            }
            list = within(body, raw);
        }
        Ok(list)
    }
}

/// The same bytes with the lifetime of the body.
fn within<'b>(body: &'b [u8], part: &[u8]) -> Option<&'b [u8]> {
    let begin = part.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
    body.get(begin..begin.checked_add(part.len())?)
}

/// The items of a list that is known to be JSON. Reading stops at the maximum.
fn split(list: &[u8], most: usize) -> Result<Vec<&[u8]>, EventError> {
    let (mut json, mut items) = (Json::new(list), Vec::new());
    let broken = || EventError::new(Kind::NotJson);
    json.take(b'[').ok_or_else(broken)?;
    if json.take(b']').is_some() {
        return Ok(items);
    }
    loop {
        if items.len() >= most {
            return Err(EventError::new(Kind::TooManyItems));
        }
        items.push(json.skip().ok_or_else(broken)?);
        if json.take(b',').is_none() {
            return Ok(items);
        }
    }
}
