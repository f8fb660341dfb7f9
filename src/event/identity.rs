//! The result of applying a rule to an event.

use std::borrow::Cow;

use super::handling::Handling;
use super::key::{EventKey, Fingerprint};
use super::order::Order;
use crate::clock::UnixTime;

/// The identity of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The key that its duplicates share.
    pub key: EventKey,
    /// The digest of its meaning.
    pub fingerprint: Fingerprint,
    /// When it happened, if its content states it.
    pub time: Option<UnixTime>,
    /// The name of the shape that the body has; `None` if it has no shape that the rule knows.
    pub shape: Option<Cow<'static, str>>,
    /// Its subject and version, if its rule [sets an order](super::EventRule::ordered).
    pub order: Option<Box<Order>>,
    /// How often its handler may run.
    pub handling: Handling,
}
