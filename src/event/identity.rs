//! What a rule finds out about an event.

use std::borrow::Cow;

use super::handling::Handling;
use super::key::{EventKey, Fingerprint};
use super::order::Order;
use crate::clock::UnixTime;

/// What is known of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The key that its duplicates share.
    pub key: EventKey,
    /// What it means.
    pub fingerprint: Fingerprint,
    /// When it happened, where its content says so.
    pub time: Option<UnixTime>,
    /// The name of the shape that the body has; `None` where it has none that the rule knows.
    pub shape: Option<Cow<'static, str>>,
    /// What it is about and how new it is, where its rule [says so](super::EventRule::ordered).
    pub order: Option<Box<Order>>,
    /// How often its handler may run.
    pub handling: Handling,
}
