use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::event::Name;
use crate::inbox::Route;

use super::order_kept::OrderHash;

/// The most order keys and routes that are noted: a scan finds the others.
const MOST: usize = 1_024;

/// What commands of this process report to takes: only hints, since other processes do not.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// How often a change has allowed other entries to be taken than those that were seen.
    changes: AtomicU64,
    noted: Mutex<Noted>,
}

/// The news since it was last read.
#[derive(Debug, Default)]
pub(super) struct Noted {
    /// Order keys that were freed.
    pub(super) freed: HashSet<OrderHash>,
    /// Routes that have something new to take.
    pub(super) new: HashSet<Route>,
    /// Providers with a route that has something new to take.
    pub(super) new_of_providers: HashSet<Name>,
}

impl Hints {
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Notes that earlier results of scans are no longer valid.
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

    /// Notes that this route may have something new to take.
    pub(super) fn new_of(&self, route: &Route) {
        let mut noted = self.lock();
        if noted.new.len() < MOST && !noted.new.contains(route) {
            noted.new.insert(route.clone());
        }
    }

    /// Notes that some route of this provider may have something new to take.
    pub(super) fn new_of_provider(&self, provider: &Name) {
        let mut noted = self.lock();
        if noted.new_of_providers.len() < MOST && !noted.new_of_providers.contains(provider) {
            noted.new_of_providers.insert(provider.clone());
        }
    }

    /// Takes the news since the last time.
    pub(super) fn take(&self) -> Noted {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
