use crate::event::{Handling, Identity};

/// An event that may be claimed: its origin is proved and its name is known.
#[derive(Debug)]
pub(crate) struct IdentifiedEvent {
    pub(crate) identity: Identity,
    pub(crate) predates_retention: bool,
}

impl IdentifiedEvent {
    /// Whether other content under the key is a duplicate too.
    pub(crate) fn has_own_id(&self) -> bool {
        self.identity.handling == Handling::OncePerId
    }
}
