//! What goes wrong in a store, and when.

use std::collections::BTreeMap;
use std::time::Duration;

#[cfg(doc)]
use crate::store::Store;
use crate::store::StoreErrorKind;

#[derive(Default)]
pub(super) struct Plan {
    pub(super) faults: Vec<Fault>,
    pub(super) calls: BTreeMap<Operation, u64>,
}

/// What is asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// [`Store::claim`].
    Claim,
    /// [`Store::complete`].
    Complete,
    /// [`Store::release`].
    Release,
    /// [`Store::renew`].
    Renew,
    /// [`Store::lookup`], and [`Store::lookup_many`] as one.
    Lookup,
    /// [`Store::forget`].
    Forget,
    /// [`Store::unfinished`].
    Unfinished,
    /// [`Store::counts`].
    Counts,
}

/// Something that goes wrong in a [`FaultyStore`](super::FaultyStore): with every operation and for ever, unless it is
/// said [on](Fault::on) which and how many [times](Fault::times).
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::MemoryStore;
/// use tower_webhook::store::{Store, StoreErrorKind};
/// use tower_webhook::testing::{Fault, FaultyStore, Operation};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let store = FaultyStore::new(MemoryStore::new());
/// store.inject(Fault::fail(StoreErrorKind::Unavailable).on(Operation::Claim).after(2).times(1));
/// store.inject(Fault::stall(Duration::from_secs(2)).on(Operation::Complete));
/// store.inject(Fault::lose_reply().on(Operation::Counts));
/// store.inject(Fault::forget().on(Operation::Release));
///
/// let lost = store.counts().await.unwrap_err();
/// assert_eq!(lost.kind(), StoreErrorKind::TimedOut);
/// store.heal();
/// assert!(store.counts().await.is_ok());
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct Fault {
    effect: Effect,
    on: Option<Operation>,
    skip: u64,
    left: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Effect {
    Fail(StoreErrorKind),
    Stall(Duration),
    LoseReply,
    Forget,
}

impl Fault {
    /// The operation fails and nothing was changed.
    pub fn fail(kind: StoreErrorKind) -> Self {
        Self::new(Effect::Fail(kind))
    }

    /// The operation takes effect only after this time, and only if the caller still waits for it.
    pub fn stall(time: Duration) -> Self {
        Self::new(Effect::Stall(time))
    }

    /// The operation takes effect and the caller is told [`StoreErrorKind::TimedOut`].
    pub fn lose_reply() -> Self {
        Self::new(Effect::LoseReply)
    }

    /// The records that the operation is about are lost before it takes effect.
    pub fn forget() -> Self {
        Self::new(Effect::Forget)
    }

    fn new(effect: Effect) -> Self {
        Self {
            effect,
            on: None,
            skip: 0,
            left: u64::MAX,
        }
    }

    /// With this operation only.
    pub fn on(mut self, operation: Operation) -> Self {
        self.on = Some(operation);
        self
    }

    /// Only so many times.
    pub fn times(mut self, times: u64) -> Self {
        self.left = times;
        self
    }

    /// Only once so many have passed unharmed.
    pub fn after(mut self, calls: u64) -> Self {
        self.skip = calls;
        self
    }

    /// Whether it befalls this call, which is counted.
    fn strikes(&mut self, operation: Operation) -> bool {
        if self.left == 0 || self.on.is_some_and(|on| on != operation) {
            return false;
        }
        if self.skip > 0 {
            self.skip = self.skip.saturating_sub(1);
            return false;
        }
        self.left = self.left.saturating_sub(1);
        true
    }
}

impl Plan {
    /// Counts a call, and says what befalls it: the fault that was injected first and fits.
    pub(super) fn next(&mut self, operation: Operation) -> Option<Effect> {
        let calls = self.calls.entry(operation).or_default();
        *calls = calls.saturating_add(1);
        let struck = self
            .faults
            .iter_mut()
            .find_map(|fault| fault.strikes(operation).then_some(fault.effect));
        self.faults.retain(|fault| fault.left > 0);
        struck
    }
}
