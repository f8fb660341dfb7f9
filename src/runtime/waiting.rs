use std::sync::Arc;

use crate::counter::Counter;

/// How many deliveries may wait: for the outcome of another, or for an inner limit. Clones share
/// it.
#[derive(Debug, Clone)]
pub(crate) struct WaitingRoom(Arc<Counter>);

impl WaitingRoom {
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Counter::new(limit)))
    }

    pub(crate) fn used(&self) -> usize {
        self.0.used()
    }

    /// A place for one delivery, if there is one.
    pub(crate) fn enter(&self) -> Option<WaitingPlace> {
        self.0.take(1).then(|| WaitingPlace(self.clone()))
    }
}

/// Counted until this is dropped.
#[derive(Debug)]
pub(crate) struct WaitingPlace(WaitingRoom);

impl Drop for WaitingPlace {
    fn drop(&mut self) {
        self.0.0.give_back(1);
    }
}
