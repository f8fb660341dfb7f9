use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::event::Name;
use crate::inbox::Route;

use super::order_kept::OrderHash;

/// So many order keys are noted at most, and so many routes: of others the next look tells.
const MOST: usize = 1_024;

/// What commands of this process say to who takes: hints, since other processes say nothing.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// How often something was changed by which other entries may be taken than those that were seen.
    changes: AtomicU64,
    noted: Mutex<Noted>,
}

/// What has come since it was asked for last.
#[derive(Debug, Default)]
pub(super) struct Noted {
    /// Order keys that were freed.
    pub(super) freed: HashSet<OrderHash>,
    /// Routes of which there is something new to take.
    pub(super) new: HashSet<Route>,
    /// Providers of one of whose routes there is.
    pub(super) new_of_providers: HashSet<Name>,
}

impl Hints {
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// What was seen before holds no more.
    pub(super) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn freed(&self, keys: impl Iterator<Item = OrderHash>) {
        let mut noted = self.lock();
        for key in keys {
            if noted.freed.len() < MOST {
                noted.freed.insert(key);
            }
        }
    }

    /// There may be something new to take of this route.
    pub(super) fn new_of(&self, route: &Route) {
        let mut noted = self.lock();
        if noted.new.len() < MOST && !noted.new.contains(route) {
            noted.new.insert(route.clone());
        }
    }

    /// There may be something new to take of some route of this provider.
    pub(super) fn new_of_provider(&self, provider: &Name) {
        let mut noted = self.lock();
        if noted.new_of_providers.len() < MOST && !noted.new_of_providers.contains(provider) {
            noted.new_of_providers.insert(provider.clone());
        }
    }

    /// What has come since the last time.
    pub(super) fn take(&self) -> Noted {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
