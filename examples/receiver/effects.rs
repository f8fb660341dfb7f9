//! The effects of the handlers, for everyone to see.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// How often an event's handler began, and how often it succeeded.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Effect {
    runs: u64,
    completed: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Effects(Mutex<BTreeMap<String, Effect>>);

impl Effects {
    /// Counts a run of this event and returns its number.
    pub(crate) fn began(&self, event: &str) -> u64 {
        let mut effects = self.lock();
        let effect = effects.entry(event.to_owned()).or_default();
        effect.runs += 1;
        effect.runs
    }

    pub(crate) fn completed(&self, event: &str) {
        self.lock().entry(event.to_owned()).or_default().completed += 1;
    }

    pub(crate) fn all(&self) -> BTreeMap<String, Effect> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Effect>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
