//! The records of one namespace, in shards.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::event::EventKey;

use super::shard::{Hashed, Shard};

/// A power of two, large enough that two cores rarely want the same shard.
const SHARDS: u64 = 64;

/// Which bits of a hash select the shard: not the lowest or highest bits, which a shard uses to
/// distinguish its own records.
const SHARD_BITS: u32 = 48;

pub(super) struct Space {
    /// Its keys are random because senders choose the names of events.
    hasher: RandomState,
    /// Separate from the others, so that there always is one.
    first: Padded,
    others: Box<[Padded]>,
}

/// Padded to two cache lines, which many processors fetch together: taking one shard must not slow
/// down taking the next.
#[derive(Default)]
#[repr(align(128))]
struct Padded(Mutex<Shard>);

impl Space {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            first: Padded::default(),
            others: (1..SHARDS).map(|_| Padded::default()).collect(),
        }
    }

    pub(super) fn hashed<'a>(&self, key: &'a EventKey) -> Hashed<'a> {
        let hash = self.hasher.hash_one(key);
        Hashed { hash, key }
    }

    /// The shard that this key belongs to, locked.
    pub(super) fn shard(&self, key: Hashed<'_>) -> MutexGuard<'_, Shard> {
        let number = (key.hash >> SHARD_BITS) & (SHARDS - 1);
        let number = usize::try_from(number).unwrap_or(0);
        self.nth(number).unwrap_or_else(|| self.first.lock())
    }

    /// The shard with this number, locked; `None` after the last.
    pub(super) fn nth(&self, number: usize) -> Option<MutexGuard<'_, Shard>> {
        match number.checked_sub(1) {
            None => Some(self.first.lock()),
            Some(number) => self.others.get(number).map(Padded::lock),
        }
    }

    /// Every shard, locked one after the other.
    pub(super) fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        (0..).map_while(|number| self.nth(number))
    }
}

impl Padded {
    /// A panic of another thread, which only a given clock could cause, leaves the shard intact:
    /// the clock is read before anything is changed.
    fn lock(&self) -> MutexGuard<'_, Shard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Space")
    }
}
