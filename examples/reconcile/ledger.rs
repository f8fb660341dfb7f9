//! The effects of handlers, by event: each is counted, so that a duplicate is noticed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tower_webhook::Delivery;

/// Clones share the same effects.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<HashMap<String, Effect>>>);

/// The effects of one event.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Effect {
    pub(crate) times: u32,
    /// Whether the first one came from a poll.
    pub(crate) polled: bool,
}

impl Ledger {
    pub(crate) fn enter(&self, delivery: &Delivery) {
        let mut effects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = delivery.key().encoded();
        let effect = effects.entry(key).or_insert(Effect {
            times: 0,
            polled: delivery.is_polled(),
        });
        effect.times = effect.times.saturating_add(1);
    }

    /// The effects of one sender's events.
    pub(crate) fn of(&self, sender: &str) -> Vec<Effect> {
        let effects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = effects
            .iter()
            .filter(|(key, _)| key.split(':').next() == Some(sender));
        ours.map(|(_, effect)| *effect).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The number of effects beyond the first one of each event.
    pub(crate) fn doubled(&self) -> u32 {
        let effects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        effects
            .values()
            .map(|effect| effect.times.saturating_sub(1))
            .sum()
    }
}
