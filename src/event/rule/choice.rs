//! Which of a sender's events a rule accepts, and which other data it reads from them.

use super::super::field::Field;
use super::super::form::Form;
use super::super::order::OrderRule;
use super::super::selection::Selection;
use super::super::shape::refused;
use super::super::source::Source;
use super::EventRule;
use crate::error::ConfigError;

impl EventRule {
    /// Accepts a body that is a form with the event as JSON in one field of this name, such as `payload`.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use tower_webhook::Name;
    /// use tower_webhook::event::{EventRule, Shape};
    ///
    /// let rule = EventRule::members([Shape::new("event", ["/id"])?])?.or_form_field("payload");
    /// let identify = |body: &[u8]| rule.identify(&Name::new("acme")?, &HeaderMap::new(), None, body)
    ///     .map_err(Box::<dyn std::error::Error>::from);
    /// assert_eq!(identify(b"payload=%7B%22id%22%3A%22evt_1%22%7D")?.key, identify(br#"{"id":"evt_1"}"#)?.key);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn or_form_field(mut self, name: &str) -> Self {
        self.form = Some(Box::new(Form::Json(name.into())));
        self
    }

    /// Accepts a body that is a form whose fields are the event's members. Fields of a key are
    /// their names, such as `/MessageSid`.
    ///
    /// ```
    /// use tower_webhook::event::{EventRule, Shape};
    ///
    /// let rule = EventRule::members([Shape::new("message", ["/MessageSid"])?])?.or_form();
    /// # drop(rule);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[must_use]
    pub fn or_form(mut self) -> Self {
        self.form = Some(Box::new(Form::Fields));
        self
    }

    /// The JSON of a body that is a form, if the rule accepts forms.
    pub(crate) fn document(&self, body: &[u8]) -> Option<Vec<u8>> {
        self.form.as_ref()?.read(body)
    }

    /// The member with the type of an event, for [`EventRule::only_types`]; for lists, in each
    /// item.
    ///
    /// ```
    /// use tower_webhook::event::{EventRule, Shape};
    ///
    /// let rule = EventRule::members([Shape::new("event", ["/id"])?])?
    ///     .types_at("/type")?
    ///     .only_types(["invoice.paid"])?;
    /// # drop(rule);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A text that is no pointer.
    pub fn types_at(self, field: &str) -> Result<Self, ConfigError> {
        let field = Field::parse(field)?;
        Ok(self.select(|selection| selection.types_at(field.clone())))
    }

    /// The same for a preset.
    pub(crate) fn known_types_at(self, field: &'static str) -> Self {
        debug_assert!(Field::parse(field).is_ok(), "{field}");
        self.select(|selection| selection.types_at(Field::known(field)))
    }

    /// Handles only events of these types. Others are answered with success, do not run, and are
    /// recorded as [filtered](crate::Reason::Filtered).
    ///
    /// An event without a type matches none of them. One whose type is not text, such as a list, is
    /// refused.
    ///
    /// # Errors
    ///
    /// A rule without the [place of the type](Self::types_at), or an empty list of types.
    pub fn only_types<'a>(
        self,
        types: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ConfigError> {
        if !self.tells_types() {
            return Err(refused(
                "only some types are wanted, and the rule does not say where the type of an event \
                 stands: tell it by types_at",
            ));
        }
        let types: Box<[Box<str>]> = types.into_iter().map(Into::into).collect();
        if types.is_empty() {
            return Err(refused("no type is wanted: name those that are handled"));
        }
        Ok(self.select(|selection| selection.only_types(Box::clone(&types))))
    }

    /// Handles only events that name one of these values, such as your merchant id, account or key. Others are
    /// answered with success, do not run, and are recorded as [not ours](crate::Reason::NotOurs).
    ///
    /// An event that names no recipient is accepted: the member is absent, null or empty. One whose
    /// member is not text, an integer or a boolean, such as a list of accounts, is refused. In a
    /// list, each item names its own recipient.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use tower_webhook::Name;
    /// use tower_webhook::event::{EventErrorKind, EventRule, Shape};
    ///
    /// let rule = EventRule::members([Shape::new("pix", ["/endToEndId"])?])?
    ///     .only_for("/chave", ["pix@acme.example"])?;
    /// let identify = |body: &str| rule.identify(&Name::new("acme")?, &HeaderMap::new(), None, body.as_bytes())
    ///     .map_err(Box::<dyn std::error::Error>::from);
    /// assert!(identify(r#"{"endToEndId":"E1","chave":"pix@acme.example"}"#).is_ok());
    /// let other = identify(r#"{"endToEndId":"E2","chave":"pix@other.example"}"#).unwrap_err();
    /// assert_eq!(other.to_string(), "/chave: the event is somebody else's");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A text that is no pointer, or an empty list of values.
    pub fn only_for<'a>(
        self,
        field: &str,
        ours: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ConfigError> {
        let (field, ours) = (Field::parse(field)?, ours.into_iter().map(Into::into));
        let ours: Box<[_]> = ours.collect();
        if ours.is_empty() {
            return Err(refused("for nobody: name whose events are handled"));
        }
        Ok(self.select(|selection| selection.only_for(field.clone(), ours.clone())))
    }

    /// Runs events about one subject one at a time if they wait in an [inbox](crate::inbox), and
    /// skips overtaken ones. In a list, each item has its own subject.
    #[must_use]
    pub fn ordered(mut self, order: OrderRule) -> Self {
        let order = Box::new(order);
        if let Some(each) = &mut self.each {
            each.order = Some(order.clone());
        }
        if !matches!(self.source, Source::ItemsAlone) {
            self.order = Some(order);
        }
        self
    }

    /// Whether its events, or its items, have an order.
    pub(crate) fn is_ordered(&self) -> bool {
        let items = self.each.as_ref().is_some_and(|each| each.order.is_some());
        items || self.order.is_some()
    }

    /// Whether parameters of the query can be part of a key.
    pub(crate) fn reads_query(&self) -> bool {
        let items = self
            .each
            .as_ref()
            .is_some_and(|each| each.item.reads_query());
        items || self.source.reads_query()
    }

    /// Whether a body outside a list would need an envelope, which it does not have, for its key.
    pub(crate) fn lacks_envelope(&self) -> bool {
        self.source.reads_envelope()
    }

    /// Whether the proved id is the key.
    pub(crate) fn takes_signed_id(&self) -> bool {
        matches!(self.source, Source::SignedId)
    }

    /// Whether the type of each of its events is known, for items and for whole bodies.
    fn tells_types(&self) -> bool {
        let tells = |selection: &Option<Box<Selection>>| {
            (selection.as_deref()).is_some_and(Selection::tells_types)
        };
        let of_items = (self.each.as_ref()).is_none_or(|each| tells(&each.selection));
        of_items && (matches!(self.source, Source::ItemsAlone) || tells(&self.selection))
    }

    fn select(mut self, set: impl Fn(Selection) -> Selection) -> Self {
        let add = |place: &mut Option<Box<Selection>>| {
            let selection = place.take().map(|boxed| *boxed).unwrap_or_default();
            *place = Some(Box::new(set(selection)));
        };
        if let Some(each) = &mut self.each {
            add(&mut each.selection);
        }
        if !matches!(self.source, Source::ItemsAlone) {
            add(&mut self.selection);
        }
        self
    }
}
