//! The records of one namespace, in shards.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::event::EventKey;

use super::shard::Shard;

/// A power of two, large enough that two cores seldom want the same shard.
const SHARDS: u64 = 64;

pub(super) struct Space {
    hasher: RandomState,
    /// Apart from the others so that there always is one.
    first: Mutex<Shard>,
    others: Box<[Mutex<Shard>]>,
}

impl Space {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            first: Mutex::default(),
            others: (1..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// The shard that this key belongs to, locked.
    pub(super) fn shard(&self, key: &EventKey) -> MutexGuard<'_, Shard> {
        let number = usize::try_from(self.hasher.hash_one(key) & (SHARDS - 1)).unwrap_or(0);
        self.nth(number).unwrap_or_else(|| lock(&self.first))
    }

    /// One shard after the other, locked; `None` after the last.
    pub(super) fn nth(&self, number: usize) -> Option<MutexGuard<'_, Shard>> {
        match number.checked_sub(1) {
            None => Some(lock(&self.first)),
            Some(number) => self.others.get(number).map(lock),
        }
    }

    /// Every shard, locked one after the other.
    pub(super) fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        (0..).map_while(|number| self.nth(number))
    }
}

/// A panic of another thread, which only a clock that was given could cause, left the shard whole:
/// the clock is read before anything is changed.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Space")
    }
}
