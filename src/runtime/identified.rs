use bytes::Bytes;

use crate::event::{Handling, Identity, ItemPlace};

/// An event that may be claimed: its origin is proved and its name is known.
#[derive(Debug)]
pub(crate) struct IdentifiedEvent {
    pub(crate) identity: Identity,
    pub(crate) predates_retention: bool,
    /// Behind a pointer, as everything that most deliveries do without.
    pub(crate) item: Option<Box<DeliveredItem>>,
    /// What the body is read as, where that is a form.
    pub(crate) document: Option<Bytes>,
}

/// What is known of an event that came with others in one delivery.
#[derive(Debug)]
pub(crate) struct DeliveredItem {
    pub(crate) place: ItemPlace,
    /// The body around it.
    pub(crate) envelope: Bytes,
    /// Whether it is run although the receiver shuts down: its sender does not come again.
    pub(crate) outlasts_drain: bool,
}

impl IdentifiedEvent {
    /// The same as an item of a delivery.
    pub(crate) fn item(mut self, item: DeliveredItem) -> Self {
        self.item = Some(Box::new(item));
        self
    }

    /// Whether other content under the key is a duplicate too.
    pub(crate) fn has_own_id(&self) -> bool {
        self.identity.handling == Handling::OncePerId
    }
}
