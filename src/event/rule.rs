//! The rule that finds an event's key, fingerprint and time in verified content.

mod choice;
mod given;
mod ids;

use std::borrow::Cow;

use http::{HeaderName, HeaderValue};

pub(crate) use given::Given;

use super::content::WithId;
use super::each::{Each, ItemIdentity, selected};
use super::error::{EventError, EventErrorKind as Kind};
use super::form::Form;
use super::identity::Identity;
use super::order::OrderRule;
use super::selection::Selection;
use super::shape::{KnownShape, Shape, Shapes, refused};
use super::source::Source;
use crate::error::ConfigError;
use crate::head::RequestHead;
use crate::joined::once;
use crate::name::Name;

/// How to identify events by content that was proved.
///
/// ```
/// use http::HeaderMap;
/// use tower_webhook::event::{EventRule, Shape};
/// use tower_webhook::Name;
///
/// let rule = EventRule::members([Shape::new("order", ["/order/id|/order/ID", "/status"])?
///     .fingerprint(["/amount"])?
///     .time("/at")?])?;
/// let body = br#"{"order":{"id":1042},"status":"PAID","amount":100.50,"at":"2026-05-04T13:00:00Z"}"#;
///
/// let event = rule.identify(&Name::new("acme")?, &HeaderMap::new(), None, body)?;
/// assert_eq!(event.key.to_string(), "1042:PAID");
/// assert_eq!(event.shape.as_deref(), Some("order"));
///
/// // `1042.0` is another spelling of the same number: ambiguous values are refused.
/// let other = br#"{"order":{"id":1042.0},"status":"PAID"}"#;
/// assert!(rule.identify(&Name::new("acme")?, &HeaderMap::new(), None, other).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct EventRule {
    source: Source,
    id_header: Option<HeaderName>,
    /// Boxed, because most rules do without it.
    selection: Option<Box<Selection>>,
    form: Option<Box<Form>>,
    /// Boxed, because most rules do without it.
    each: Option<Box<Each>>,
    order: Option<Box<OrderRule>>,
}

impl From<Source> for EventRule {
    fn from(source: Source) -> Self {
        Self {
            source,
            id_header: None,
            selection: None,
            form: None,
            each: None,
            order: None,
        }
    }
}

impl EventRule {
    /// Identifies events by members of their JSON body; the first shape that fits applies.
    ///
    /// # Errors
    ///
    /// No shape, or one without a key.
    pub fn members(shapes: impl IntoIterator<Item = Shape>) -> Result<Self, ConfigError> {
        let shapes = Shapes::new(shapes)?;
        if !shapes.all.iter().all(Shape::has_key) {
            return Err(refused("a shape needs a key field"));
        }
        Ok(Source::Members(shapes, None).into())
    }

    /// The rule of a preset, whose shapes are known to be valid.
    pub(crate) fn known<const N: usize>(shapes: [KnownShape; N]) -> Self {
        let shapes = shapes.map(KnownShape::into_shape);
        debug_assert!(Self::members(shapes.clone()).is_ok());
        Source::Members(Shapes::known(shapes), None).into()
    }

    /// Identifies events by the id that the signature covers.
    pub fn signed_id() -> Self {
        Source::SignedId.into()
    }

    /// Identifies events by the digest of their whole body: for senders whose only id is in a
    /// header that nothing covers.
    ///
    /// A body that is empty, or only white space, is refused: it cannot distinguish events.
    pub fn body() -> Self {
        Source::Body(None).into()
    }

    /// Keys bodies of these shapes on an uncovered id together with their digest; all others stay
    /// keyed on the digest alone. For a rule made by [`EventRule::body`]; other rules are
    /// unchanged.
    ///
    /// This is for events without a time or version of their own, so that two genuine ones can
    /// agree in every byte: someone is added to a team, removed, and added again. With the id, a
    /// repeated delivery is a duplicate and the second genuine event is not. The first of the
    /// headers that is present applies; if none is, the event is refused. The shape of a body
    /// depends on its members, never on a header.
    ///
    /// # Insecure
    ///
    /// Anyone who holds a captured delivery of such a shape can send it again under another id, and
    /// its handler runs again. [`EventRule::key_on_content_alone`] is the strict choice.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use tower_webhook::Name;
    /// use tower_webhook::event::{EventRule, Shape};
    /// let removed = Shape::recognized("removed").only(["id"]);
    /// let rule = EventRule::body().unsigned_id_for(["X-Acme-Delivery"], [removed])?;
    /// let key = |id: &str, body: &str| -> Result<_, Box<dyn std::error::Error>> {
    ///     let headers = HeaderMap::from_iter([("x-acme-delivery".parse()?, id.parse()?)]);
    ///     Ok(rule.identify(&Name::new("acme")?, &headers, None, body.as_bytes())?.key)
    /// };
    /// assert_ne!(key("1", r#"{"id":7}"#)?, key("2", r#"{"id":7}"#)?);
    /// let paid = r#"{"id":7,"paid_at":"2026-05-04T13:00:00Z"}"#;
    /// assert_eq!(key("1", paid)?, key("2", paid)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A text that is no header name, an empty list of headers, or an empty list of shapes.
    pub fn unsigned_id_for<'a>(
        self,
        headers: impl IntoIterator<Item = &'a str>,
        shapes: impl IntoIterator<Item = Shape>,
    ) -> Result<Self, ConfigError> {
        let headers: Box<[_]> = (headers.into_iter())
            .map(header_name)
            .collect::<Result<_, _>>()?;
        if headers.is_empty() {
            return Err(refused("needs a header to take the id from"));
        }
        let shapes = Shapes::new(shapes)?;
        Ok(self.with_ids(headers, shapes))
    }

    /// The same for a preset.
    pub(crate) fn known_unsigned_id_for<const N: usize>(
        self,
        headers: &[&'static str],
        shapes: [KnownShape; N],
    ) -> Self {
        let names: Box<[_]> = (headers.iter())
            .filter_map(|name| header_name(name).ok())
            .collect();
        debug_assert!(names.len() == headers.len(), "{headers:?}");
        self.with_ids(names, Shapes::known(shapes.map(KnownShape::into_shape)))
    }

    fn with_ids(mut self, headers: Box<[HeaderName]>, shapes: Shapes) -> Self {
        if let Source::Body(with_id) = &mut self.source {
            *with_id = Some(Box::new(WithId { headers, shapes }));
        }
        self
    }

    /// Keys every body on its digest alone, overriding
    /// [`unsigned_id_for`](EventRule::unsigned_id_for): a replay is then always a duplicate, and so
    /// is a second genuine event that agrees with an earlier one in every byte.
    #[must_use]
    pub fn key_on_content_alone(mut self) -> Self {
        if let Source::Body(with_id) = &mut self.source {
            *with_id = None;
        }
        self
    }

    /// Identifies events by a header that no signature covers.
    ///
    /// # Insecure
    ///
    /// Anyone who holds one captured delivery can send it again under another id, and its handler
    /// runs again: as often as they like if the signature covers no time, otherwise until the
    /// tolerance ends. They can also use up the id of a future event, which is then refused for
    /// having other content. Choose this only if two deliveries of one body are two events, and
    /// running a handler twice does no harm; otherwise use [`EventRule::body`].
    ///
    /// The fingerprint covers the whole body.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use tower_webhook::Name;
    /// use tower_webhook::event::EventRule;
    /// let rule = EventRule::with_insecure_header_key("X-Acme-Delivery")?;
    /// let key = |id: &str| -> Result<_, Box<dyn std::error::Error>> {
    ///     let headers = HeaderMap::from_iter([("x-acme-delivery".parse()?, id.parse()?)]);
    ///     Ok(rule.identify(&Name::new("acme")?, &headers, None, b"paid")?.key)
    /// };
    /// assert_eq!(key("1")?.to_string(), "1");
    /// // The same captured body under an id that anyone can forge: another event.
    /// assert_ne!(key("1")?, key("2")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A text that is no header name.
    pub fn with_insecure_header_key(name: &str) -> Result<Self, ConfigError> {
        Ok(Source::InsecureHeader(header_name(name)?).into())
    }

    /// Keys a JSON body that fits no shape on `kind` and its digest, instead of refusing it.
    ///
    /// The kind separates the unknown events of one hook from those of another hook of the same
    /// provider, whose proof may be weaker.
    #[must_use]
    pub fn or_body(mut self, kind: impl Into<Cow<'static, str>>) -> Self {
        if let Source::Members(_, unknown) = &mut self.source {
            *unknown = Some(kind.into());
        }
        self
    }

    /// Makes every item of a list a separate event, identified by the rule `item`.
    ///
    /// The JSON pointer `list` names the place of the list. `""` is the body itself, and `|` separates
    /// several places, of which one has the list. Fields of `item` are members of the item. A field that
    /// begins with `^`, such as `^/account`, is a member of the envelope around the list, and can be part of
    /// a key. Unless the rule sets a fingerprint, it covers the item's bytes.
    ///
    /// A body without a list is no event: [`EventRule::or_each`] adds a list to another rule.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use tower_webhook::Name;
    /// use tower_webhook::event::{EventRule, Shape};
    ///
    /// let pix = Shape::new("pix", ["/endToEndId"])?.fingerprint(["/valor"])?.time("/horario")?;
    /// let rule = EventRule::each("/pix|", EventRule::members([pix])?)?;
    /// let body = br#"{"pix":[{"endToEndId":"E1","valor":"10.00"},{"endToEndId":"E2","valor":"5.50"}]}"#;
    ///
    /// let items = rule.identify_items(&Name::new("acme")?, &HeaderMap::new(), body, 1_000)?.unwrap();
    /// let keys: Vec<_> = items.iter().map(|item| item.identity.as_ref().unwrap().key.to_string()).collect();
    /// assert_eq!(keys, ["E1", "E2"]);
    /// assert_eq!(items[1].body, br#"{"endToEndId":"E2","valor":"5.50"}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A text that is no pointer, or an `item` that cannot identify items: a rule with its own list, with a
    /// signed id or a header as key, or with a shape that is [answered](Shape::answered).
    pub fn each(list: &str, item: Self) -> Result<Self, ConfigError> {
        Self::from(Source::ItemsAlone).or_each(list, item)
    }

    /// Adds a list to this rule, which applies to bodies without such a list.
    ///
    /// # Errors
    ///
    /// As [`EventRule::each`].
    pub fn or_each(mut self, list: &str, item: Self) -> Result<Self, ConfigError> {
        if item.each.is_some() || item.id_header.is_some() {
            return Err(refused(
                "the rule of an item has neither a list of its own nor a header that repeats its key",
            ));
        }
        self.each = Some(Box::new(Each::new(
            list,
            item.source,
            item.selection,
            item.order,
        )?));
        Ok(self)
    }

    /// The events in this body's list, up to this number of items; `None` if it has no list and is
    /// [itself](Self::identify) the event.
    ///
    /// # Errors
    ///
    /// A body that is not JSON, whose list is ambiguous, or that has more items.
    pub fn identify_items<'a, 'b>(
        &self,
        provider: &Name,
        head: impl Into<RequestHead<'a>>,
        body: &'b [u8],
        most: usize,
    ) -> Result<Option<Vec<ItemIdentity<'b>>>, EventError> {
        match &self.each {
            Some(each) => each.identify(provider, head.into(), body, most),
            None => Ok(None),
        }
    }

    /// Whether a body can hold a list of events.
    pub(crate) fn has_items(&self) -> bool {
        self.each.is_some()
    }

    /// Names the place of the list in the error, if only its items are events.
    fn in_the_list(&self, error: EventError) -> EventError {
        match (&self.source, &self.each) {
            (Source::ItemsAlone, Some(each)) => each.missing(),
            _ => error,
        }
    }

    /// A header that repeats the key. It is checked and never trusted: a different value is
    /// refused, an absent header is not.
    ///
    /// # Errors
    ///
    /// A text that is no header name.
    pub fn checked_header(mut self, name: &str) -> Result<Self, ConfigError> {
        self.id_header = Some(header_name(name)?);
        Ok(self)
    }

    /// The same for a preset.
    pub(crate) fn known_checked_header(mut self, name: &'static str) -> Self {
        self.id_header = header_name(name).ok();
        debug_assert!(self.id_header.is_some(), "{name}");
        self
    }

    /// The identity of the event in this body, with this head: a [`RequestHead`], or headers alone.
    ///
    /// # Errors
    ///
    /// A body that is not JSON, has no known shape, or is ambiguous; an empty body whose content
    /// makes the key; an id header that disagrees, or is needed and absent.
    pub fn identify<'a>(
        &self,
        provider: &Name,
        head: impl Into<RequestHead<'a>>,
        signed_id: Option<&str>,
        body: &[u8],
    ) -> Result<Identity, EventError> {
        let document = self.document(body);
        let document = document.as_deref().unwrap_or(body);
        self.identify_document(provider, head.into(), signed_id, body, document)
    }

    /// The same for a body that is read as this document.
    pub(crate) fn identify_document(
        &self,
        provider: &Name,
        head: RequestHead<'_>,
        signed_id: Option<&str>,
        body: &[u8],
        document: &[u8],
    ) -> Result<Identity, EventError> {
        let headers = head.headers();
        let identified = (self.source)
            .identify(provider, head, signed_id, body, document, None)
            .map_err(|error| self.in_the_list(error));
        let (selection, order) = (self.selection.as_deref(), self.order.as_deref());
        let identity = selected(selection, order, document, identified)?;
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

fn header_name(name: &str) -> Result<HeaderName, ConfigError> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| refused(format!("{name:?} is not a header name")))
}

#[cfg(test)]
mod tests;
