//! The shapes of a provider's events: which members make the key, the fingerprint and the time.

mod known;

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::canonical::{Forms, mark};
use super::condition::Demand;
use super::error::{EventError, EventErrorKind as Kind};
use super::field::{Field, KeyField};
use super::handling::Handling;
use super::key::Fingerprint;
use super::members::{Found, Wanted};
use super::pointer::Pointer;
use crate::clock::UnixTime;
use crate::error::{ConfigError, ConfigErrorKind};

pub(crate) use known::KnownShape;

/// A form of a provider's events: which members make the key, and which the fingerprint.
///
/// A field is a JSON pointer (RFC 6901) through objects. If a sender spells a member in two ways,
/// write both pointers with `|` between them; if both are present, they must agree. A field of the
/// key can also be a query parameter: `?id`, or `/data/id|?data.id`. It is decoded as in a form,
/// and refused if it occurs twice. In the key of an [item](super::EventRule::each), `^/id` is a
/// member of the envelope.
#[derive(Debug, Clone)]
pub struct Shape {
    pub(super) name: Cow<'static, str>,
    conditions: Vec<(Option<Field>, Demand)>,
    pub(super) key: Vec<KeyField>,
    fingerprint: Vec<Field>,
    time: Option<Field>,
    handling: Handling,
    test_ids: Vec<Box<str>>,
}

impl Shape {
    /// A shape whose events are identified by these fields, each a string or an integer.
    ///
    /// Integers count by their digits, of any length, and equal the string of those digits.
    ///
    /// # Errors
    ///
    /// No field, or a text that is neither a pointer nor the name of a parameter.
    ///
    /// ```
    /// use http::{HeaderMap, Method, Uri};
    /// use tower_webhook::event::{EventRule, Shape};
    /// use tower_webhook::{Name, RequestHead};
    ///
    /// let rule = EventRule::members([Shape::new("notice", ["?topic", "?id"])?])?;
    /// let uri = Uri::from_static("/hooks/acme?topic=payment&id=42");
    /// let (method, headers) = (Method::POST, HeaderMap::new());
    /// let head = RequestHead::new(&method, &uri, &headers);
    /// let event = rule.identify(&Name::new("acme")?, head, None, b"")?;
    /// assert_eq!(event.key.to_string(), "payment:42");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new<'a>(
        name: impl Into<Cow<'static, str>>,
        key: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ConfigError> {
        let key: Vec<_> = (key.into_iter())
            .map(KeyField::parse)
            .collect::<Result<_, _>>()?;
        if key.is_empty() {
            return Err(refused("a shape needs a key field"));
        }
        Ok(Self {
            key,
            ..Self::recognized(name)
        })
    }

    /// A shape that only recognizes a body by its conditions, without a key: for
    /// [`EventRule::unsigned_id_for`](super::EventRule::unsigned_id_for).
    pub fn recognized(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            conditions: Vec::new(),
            key: Vec::new(),
            fingerprint: Vec::new(),
            time: None,
            handling: Handling::Once,
            test_ids: Vec::new(),
        }
    }

    /// The shape fits only if this member is present and not null. All conditions of a shape must
    /// hold.
    ///
    /// # Errors
    ///
    /// A text that is no pointer.
    pub fn when(self, field: &str) -> Result<Self, ConfigError> {
        self.demand(field, Demand::Filled)
    }

    /// The shape fits only if this member is present, null or not.
    ///
    /// # Errors
    ///
    /// A text that is no pointer.
    pub fn when_there(self, field: &str) -> Result<Self, ConfigError> {
        self.demand(field, Demand::There)
    }

    /// The shape fits only if this member is one of these texts, or an integer with these digits.
    ///
    /// # Errors
    ///
    /// A text that is no pointer.
    pub fn when_one_of<'a>(
        self,
        field: &str,
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ConfigError> {
        self.demand(field, Demand::OneOf(boxed(texts)))
    }

    /// The shape fits only if this member is absent.
    ///
    /// # Errors
    ///
    /// A text that is no pointer.
    pub fn unless(self, field: &str) -> Result<Self, ConfigError> {
        self.demand(field, Demand::Absent)
    }

    /// The shape fits only if the body is an object with no other members than these.
    #[must_use]
    pub fn only<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.conditions.push((None, Demand::Only(boxed(names))));
        self
    }

    /// The shape fits only if this member is an object with no other members than these.
    ///
    /// # Errors
    ///
    /// A text that is no pointer.
    pub fn only_in<'a>(
        self,
        field: &str,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ConfigError> {
        self.demand(field, Demand::Only(boxed(names)))
    }

    fn demand(mut self, field: &str, demand: Demand) -> Result<Self, ConfigError> {
        self.conditions.push((Some(Field::parse(field)?), demand));
        Ok(self)
    }

    /// The members that carry the event's meaning.
    ///
    /// A second delivery of one key that differs in them is a conflict, unless the key is the
    /// sender's [own id](Self::own_id). An absent member counts as null.
    ///
    /// None unless set: any content with the same key is then the same event.
    ///
    /// # Errors
    ///
    /// A text that is no pointer.
    pub fn fingerprint<'a>(
        mut self,
        members: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ConfigError> {
        self.fingerprint = (members.into_iter())
            .map(Field::parse)
            .collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// The member with the time of the event: RFC 3339, or whole Unix seconds.
    ///
    /// # Errors
    ///
    /// A text that is no pointer.
    pub fn time(mut self, field: &str) -> Result<Self, ConfigError> {
        self.time = Some(Field::parse(field)?);
        Ok(self)
    }

    /// The key is the sender's own id of the event, so other content under it is also a duplicate.
    ///
    /// Such content comes from an endpoint of another version, or contains a count of attempts, for
    /// example.
    ///
    /// This applies only if a signature is demanded that covers the body and the id in it.
    /// Otherwise other content under one key stays a conflict.
    ///
    /// # Errors
    ///
    /// A key of several fields, or a query parameter: no sender signs those as its id.
    pub fn own_id(mut self) -> Result<Self, ConfigError> {
        match &*self.key {
            [id] if !id.reads_query() && !id.reads_envelope() => {}
            _ => return Err(refused("the sender's own id is one member of the body")),
        }
        self.handling = Handling::OncePerId;
        Ok(self)
    }

    /// Ids that the sender reuses for tests: events with one of them are never deduplicated, and
    /// are reported to the observer.
    ///
    /// # Errors
    ///
    /// A key of several fields.
    pub fn test_ids<'a>(
        mut self,
        ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ConfigError> {
        if self.key.len() != 1 {
            return Err(refused("a test id is the whole key: it has one field"));
        }
        self.test_ids = boxed(ids).into();
        Ok(self)
    }

    /// Marks a body of this shape as a question that needs an answer, such as a challenge.
    ///
    /// The handler runs each time, its response is sent to the sender, and nothing is claimed or
    /// recorded.
    ///
    /// A body that fits must contain no event: nothing stops a captured one from running its
    /// handler again.
    #[must_use]
    pub fn answered(mut self) -> Self {
        self.handling = Handling::Answered;
        self
    }

    pub(super) fn has_key(&self) -> bool {
        !self.key.is_empty()
    }

    /// The places of its members, each with whether the form of its value is needed.
    fn pointers(&self) -> impl Iterator<Item = (Pointer, bool)> {
        let conditions = self
            .conditions
            .iter()
            .filter_map(|(field, _)| field.as_ref());
        let fields = conditions.chain(&self.time).flat_map(Field::pointers);
        let plain = self.key.iter().flat_map(KeyField::pointers).chain(fields);
        let meaning = self.fingerprint.iter().flat_map(Field::pointers);
        let plain = plain.map(|pointer| (pointer.clone(), false));
        plain.chain(meaning.map(|pointer| (pointer.clone(), true)))
    }

    /// Whether a body is of this shape.
    fn fits(&self, found: &Found<'_>) -> Result<bool, EventError> {
        for (field, demand) in &self.conditions {
            if !demand.is_met(field.as_ref(), found)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The fingerprint of an event with this body.
    pub(super) fn fingerprint_of(
        &self,
        found: &Found<'_>,
        body: &[u8],
    ) -> Result<Fingerprint, EventError> {
        let (mut meaning, mut doubtful) = (Sha256::new(), false);
        for field in &self.fingerprint {
            let form = (field.meaning(found)).map_err(|kind| field.error(kind))?;
            let form = form.unwrap_or(NULL);
            doubtful |= found.is_doubtful(form);
            meaning.update(form);
        }
        if doubtful {
            // No form begins with this mark.
            meaning = Sha256::new_with_prefix([mark(b'b')]).chain_update(body);
        }
        Ok(Fingerprint::taken(meaning))
    }

    /// When the event happened, if that can be read.
    pub(super) fn time_of(&self, found: &Found<'_>) -> Result<Option<UnixTime>, EventError> {
        match &self.time {
            Some(field) => field.time(found).map_err(|kind| field.error(kind)),
            None => Ok(None),
        }
    }

    /// How to handle an event of this shape; `reads` says whether its key equals a text.
    pub(super) fn handling_of(&self, reads: impl Fn(&[u8]) -> bool) -> Handling {
        if self.test_ids.iter().any(|id| reads(id.as_bytes())) {
            Handling::TestId
        } else {
            self.handling
        }
    }
}

/// The form of null.
const NULL: &[u8] = &[mark(b'n')];

/// The shapes that a rule knows; the first that fits applies.
#[derive(Debug, Clone)]
pub(super) struct Shapes {
    pub(super) all: Box<[Shape]>,
    wanted: Wanted,
}

impl Shapes {
    pub(super) fn new(shapes: impl IntoIterator<Item = Shape>) -> Result<Self, ConfigError> {
        let all: Box<[_]> = shapes.into_iter().collect();
        if all.is_empty() {
            return Err(refused("needs at least one shape"));
        }
        Ok(Self::known(all))
    }

    /// At least one shape.
    pub(super) fn known(shapes: impl Into<Box<[Shape]>>) -> Self {
        let all = shapes.into();
        let wanted = Wanted::new(all.iter().flat_map(Shape::pointers));
        Self { all, wanted }
    }

    /// The shape of this body, and the values found in it.
    pub(super) fn of<'a>(
        &'a self,
        body: &'a [u8],
        forms: &'a mut Forms,
    ) -> Result<(&'a Shape, Found<'a>), EventError> {
        let found = (self.wanted.find(body, forms)).map_err(|kind| match kind {
            Kind::UnknownShape => self.in_no_object(),
            kind => EventError::new(kind),
        })?;
        for shape in &self.all {
            if shape.fits(&found)? {
                return Ok((shape, found));
            }
        }
        Err(EventError::new(Kind::UnknownShape))
    }

    /// Names the missing field of a body that is not an object, such as a list of events.
    fn in_no_object(&self) -> EventError {
        let field = self.all.iter().flat_map(|shape| shape.key.iter());
        match field.flat_map(KeyField::pointers).next() {
            Some(pointer) => EventError::at(
                Kind::UnknownShape,
                format_args!("{pointer} (it is no object)"),
            ),
            None => EventError::new(Kind::UnknownShape),
        }
    }

    pub(super) fn read_envelope(&self) -> bool {
        self.envelope_pointers().next().is_some()
    }

    /// The members of an envelope that are part of keys.
    pub(super) fn envelope_pointers(&self) -> impl Iterator<Item = Pointer> {
        let fields = self.all.iter().flat_map(|shape| &shape.key);
        fields.flat_map(KeyField::envelope_pointers).cloned()
    }

    pub(super) fn read_query(&self) -> bool {
        let mut fields = self.all.iter().flat_map(|shape| &shape.key);
        fields.any(KeyField::reads_query)
    }
}

fn boxed<'a>(texts: impl IntoIterator<Item = &'a str>) -> Box<[Box<str>]> {
    texts.into_iter().map(Into::into).collect()
}

pub(super) fn refused(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new(ConfigErrorKind::EventRule, message)
}
