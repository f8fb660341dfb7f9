//! State that the namespaces of a memory store share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::UnixTime;
use crate::event::Name;

use super::clock::StoreClock;
use super::room::Room;
use super::space::Space;

/// A full store sweeps all shards no more often than this.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// How many records a sweep checks in one shard: some milliseconds of work in total.
const SWEEP_PER_SHARD: usize = 1_024;

#[derive(Debug)]
pub(super) struct Pool {
    pub(super) clock: StoreClock,
    pub(super) room: Room,
    spaces: Mutex<BTreeMap<Option<Name>, Arc<Space>>>,
    /// When all shards were last swept, in microseconds.
    swept: AtomicU64,
}

impl Pool {
    pub(super) fn new(places: usize, clock: StoreClock) -> Self {
        Self {
            clock,
            room: Room::new(places),
            spaces: Mutex::default(),
            swept: AtomicU64::new(0),
        }
    }

    /// The records of this namespace.
    pub(super) fn space(&self, namespace: Option<Name>) -> Arc<Space> {
        let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        let space = spaces
            .entry(namespace)
            .or_insert_with(|| Arc::new(Space::new()));
        Arc::clone(space)
    }

    /// Makes room by purging every shard of every namespace, unless that was tried just now. Says
    /// whether it did. The caller must not hold the lock of any shard.
    pub(super) fn sweep(&self) -> bool {
        let now = self.clock.now();
        let last = self.swept.load(Ordering::Relaxed);
        let since_last = now.saturating_since(UnixTime::from_micros(last));
        // A clock that was set back must not delay the next sweep.
        if since_last < SWEEP_EVERY && now.as_micros() >= last && last != 0 {
            return false;
        }
        let mine = self.swept.compare_exchange(
            last,
            now.as_micros().max(1),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if mine.is_err() {
            return false;
        }
        let spaces: Vec<_> = {
            let spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
            spaces.values().cloned().collect()
        };
        for space in spaces {
            for mut shard in space.shards() {
                shard.purge(now, SWEEP_PER_SHARD, &self.room);
            }
        }
        true
    }
}
