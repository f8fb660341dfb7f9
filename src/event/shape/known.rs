//! Shapes whose texts are part of this crate, so that building them cannot fail.

use std::borrow::Cow;

use super::{Demand, Field, Handling, KeyField, Shape, boxed};

/// A [`Shape`] of a preset. Its methods are those of `Shape`, and take texts that are known to be
/// valid: builds with debug assertions, and therefore all tests, panic at an invalid one.
#[derive(Debug, Clone)]
pub(crate) struct KnownShape(Shape);

impl KnownShape {
    pub(crate) fn new<const N: usize>(name: &'static str, key: [&str; N]) -> Self {
        Self::of(name, &key)
    }

    pub(crate) fn of(name: &'static str, key: &[&str]) -> Self {
        debug_assert!(Shape::new(name, key.iter().copied()).is_ok(), "{name}");
        Self(Shape {
            key: key.iter().map(|text| KeyField::known(text)).collect(),
            ..Shape::recognized(name)
        })
    }

    pub(crate) fn recognized(name: &'static str) -> Self {
        Self(Shape::recognized(Cow::Borrowed(name)))
    }

    pub(crate) fn when(self, field: &str) -> Self {
        self.demand(field, Demand::Filled)
    }

    pub(crate) fn when_there(self, field: &str) -> Self {
        self.demand(field, Demand::There)
    }

    pub(crate) fn when_one_of<const N: usize>(self, field: &str, texts: [&str; N]) -> Self {
        self.demand(field, Demand::OneOf(boxed(texts)))
    }

    pub(crate) fn unless(self, field: &str) -> Self {
        self.demand(field, Demand::Absent)
    }

    pub(crate) fn only<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(self.0.only(names))
    }

    pub(crate) fn only_in<const N: usize>(self, field: &str, names: [&str; N]) -> Self {
        self.demand(field, Demand::Only(boxed(names)))
    }

    fn demand(mut self, field: &str, demand: Demand) -> Self {
        self.0.conditions.push((Some(known(field)), demand));
        self
    }

    pub(crate) fn fingerprint<const N: usize>(mut self, members: [&str; N]) -> Self {
        self.0.fingerprint = members.into_iter().map(known).collect();
        self
    }

    pub(crate) fn time(mut self, field: &str) -> Self {
        self.0.time = Some(known(field));
        self
    }

    pub(crate) fn own_id(mut self) -> Self {
        debug_assert!(self.0.clone().own_id().is_ok(), "{}", self.0.name);
        self.0.handling = Handling::OncePerId;
        self
    }

    pub(crate) fn test_ids<const N: usize>(mut self, ids: [&str; N]) -> Self {
        debug_assert!(self.0.clone().test_ids(ids).is_ok(), "{}", self.0.name);
        self.0.test_ids = boxed(ids).into();
        self
    }

    /// Each delivery runs: nothing in it distinguishes a second event from a repeated delivery.
    #[cfg(feature = "senders")]
    pub(crate) fn each_time(mut self) -> Self {
        self.0.handling = Handling::TestId;
        self
    }

    pub(crate) fn answered(self) -> Self {
        Self(self.0.answered())
    }

    pub(in crate::event) fn into_shape(self) -> Shape {
        self.0
    }
}

fn known(text: &str) -> Field {
    debug_assert!(Field::parse(text).is_ok(), "{text}");
    Field::known(text)
}
