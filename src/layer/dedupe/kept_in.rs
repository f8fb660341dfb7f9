use crate::store::{SharedStore, StoreIdentity};
#[cfg(feature = "inbox")]
use {
    crate::event::{Name, Scope},
    crate::inbox::{Route, SharedInbox},
    crate::runtime::{Door, InboxLookups},
    std::{sync::Arc, time::Duration},
};

/// Where the events of a webhook are kept.
#[derive(Debug, Clone)]
pub(crate) enum KeptIn {
    /// They run inline, and this store has their records.
    Store(SharedStore),
    /// They are accepted here, and run by a worker.
    #[cfg(feature = "inbox")]
    Inbox(SharedInbox),
}

/// As long as a worker's longest delay by default.
#[cfg(feature = "inbox")]
const REVIVE_EVERY: Duration = Duration::from_secs(15 * 60);

impl KeptIn {
    pub(super) fn identity(&self) -> StoreIdentity {
        match self {
            Self::Store(store) => store.own_identity(),
            #[cfg(feature = "inbox")]
            Self::Inbox(inbox) => inbox.own_identity(),
        }
    }

    /// Where records of events are looked up.
    pub(super) fn store(&self) -> SharedStore {
        match self {
            Self::Store(store) => store.clone(),
            #[cfg(feature = "inbox")]
            Self::Inbox(inbox) => SharedStore::new(InboxLookups(inbox.clone())),
        }
    }

    /// Where events are accepted, if they are.
    #[cfg(feature = "inbox")]
    pub(super) fn door(
        &self,
        provider: &Name,
        scope: Option<&Scope>,
        hook: Option<&str>,
    ) -> Option<Arc<Door>> {
        match self {
            Self::Store(_) => None,
            Self::Inbox(inbox) => Some(Arc::new(Door {
                inbox: inbox.clone(),
                route: Route::new(provider, scope, hook),
                revive_every: REVIVE_EVERY,
            })),
        }
    }
}
