//! A store in the memory of this process.

mod chunks;
mod clock;
mod pool;
mod room;
mod shard;
mod space;
mod wait;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::event::{EventKey, Name};

use super::Store;
use super::command::{Claim, ClaimOutcome, Complete, Counts, Held, RecordView, Release, Renew};
use super::error::{StoreError, StoreErrorKind};
use super::identity::StoreIdentity;
use super::record::Command;
use super::shared::SharedStore;

pub(crate) use self::clock::StoreClock;
use self::pool::Pool;
use self::space::Space;

/// A [`Store`] in the memory of this process: for one receiver, and for tests.
///
/// It forgets everything when the process ends, and a second process does not share it. Use another
/// store if an event must not be handled again after a restart, or if several receivers share the
/// work.
///
/// Its capacity is fixed. Records whose retention is over make room, and no others are ever
/// dropped. A full store therefore answers [`StoreErrorKind::Full`] to events that it does not know
/// and keeps working for those that it does. It warns through `tracing` when it becomes 80 % full.
/// A record takes some 300 bytes, plus the stored body.
///
/// It has its own time: the system's clock when the store was made, and from then on the time that
/// has passed. Waiting needs a tokio runtime with its timer.
///
/// Clones share their records.
///
/// ```
/// use tower_webhook::{MemoryStore, Name};
///
/// let store = MemoryStore::with_capacity(50_000)?;
/// let sandbox = store.namespace(Name::new("sandbox")?);
/// # drop(sandbox);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    pool: Arc<Pool>,
    space: Arc<Space>,
    namespace: Option<Name>,
}

const DEFAULT_CAPACITY: usize = 1_000_000;

/// How many records each command checks for expiry in its shard: more than the one it may add, so
/// that the purge keeps up.
const PURGE_PER_COMMAND: usize = 16;

impl MemoryStore {
    /// A store for a million records.
    pub fn new() -> Self {
        Self::build(DEFAULT_CAPACITY, StoreClock::steady())
    }

    /// A store for this many records, across all its namespaces.
    ///
    /// # Errors
    ///
    /// The capacity is 0.
    pub fn with_capacity(records: usize) -> Result<Self, ConfigError> {
        Ok(Self::build(checked(records)?, StoreClock::steady()))
    }

    /// A store for a million records that uses this clock, for tests.
    ///
    /// Waiting for the end of a lease reads the clock every 50 ms.
    pub fn with_clock(clock: impl Clock) -> Self {
        Self::build(DEFAULT_CAPACITY, StoreClock::Given(Arc::new(clock)))
    }

    /// A store for this many records that uses this clock, for tests.
    ///
    /// # Errors
    ///
    /// As [`MemoryStore::with_capacity`].
    pub fn with_capacity_and_clock(records: usize, clock: impl Clock) -> Result<Self, ConfigError> {
        let clock = StoreClock::Given(Arc::new(clock));
        Ok(Self::build(checked(records)?, clock))
    }

    /// The same memory, capacity and clock, with the records of this namespace: keys of one
    /// namespace are not seen in another. The same name gives the same records.
    ///
    /// Namespaces do not nest: a namespace of a namespace is beside it, not inside it.
    #[must_use]
    pub fn namespace(&self, name: Name) -> Self {
        let namespace = Some(name);
        Self {
            pool: Arc::clone(&self.pool),
            space: self.pool.space(namespace.clone()),
            namespace,
        }
    }

    fn build(records: usize, clock: StoreClock) -> Self {
        let pool = Arc::new(Pool::new(records, clock));
        Self {
            space: pool.space(None),
            pool,
            namespace: None,
        }
    }

    #[cfg(fuzzing)]
    pub(super) fn record(&self, key: &EventKey) -> Option<super::record::Record> {
        let key = self.space.hashed(key);
        let shard = self.space.shard(key);
        shard.get(key, self.pool.clock.now()).cloned()
    }

    fn run<C: Command>(&self, command: &C) -> Result<C::Outcome, StoreError> {
        if let Some(outcome) = self.try_run(command) {
            return Ok(outcome);
        }
        if self.pool.sweep()
            && let Some(outcome) = self.try_run(command)
        {
            return Ok(outcome);
        }
        Err(StoreError::new(StoreErrorKind::Full))
    }

    /// Carries a command out; `None` if there is no room for it.
    fn try_run<C: Command>(&self, command: &C) -> Option<C::Outcome> {
        let Pool { clock, room, .. } = &*self.pool;
        let key = self.space.hashed(command.key());
        let ran = {
            let mut shard = self.space.shard(key);
            let now = clock.now();
            shard.purge(now, PURGE_PER_COMMAND, room);
            shard.run(command, key, now, room).ok()?
        };
        // Outside the lock, which the woken tasks want.
        drop(ran.woken);
        if ran.crowded {
            tracing::warn!(
                records = room.taken(),
                capacity = room.places(),
                "the memory store is 80 % full; when it is full, new events are refused"
            );
        }
        Some(ran.outcome)
    }
}

fn checked(records: usize) -> Result<usize, ConfigError> {
    if records == 0 {
        return Err(ConfigError::new(
            ConfigErrorKind::Limit,
            "a memory store for 0 records can take no event, at least 1 is needed",
        ));
    }
    Ok(records)
}

impl Default for MemoryStore {
    /// As [`MemoryStore::new`].
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pool,
            space: _,
            namespace,
        } = self;
        f.debug_struct("MemoryStore")
            .field("namespace", namespace)
            .field("records", &pool.room.taken())
            .field("capacity", &pool.room.places())
            .field("clock", &pool.clock)
            .finish()
    }
}

impl Store for MemoryStore {
    fn identity(&self) -> Option<StoreIdentity> {
        let space = Arc::as_ptr(&self.space);
        Some(StoreIdentity::of_allocation("memory", space))
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        self.run(claim)
    }

    async fn complete(&self, complete: &Complete) -> Result<Held, StoreError> {
        self.run(complete)
    }

    async fn release(&self, release: &Release) -> Result<Held, StoreError> {
        self.run(release)
    }

    async fn renew(&self, renewals: &[Renew]) -> Result<Vec<Held>, StoreError> {
        renewals.iter().map(|renew| self.run(renew)).collect()
    }

    /// It needs no runtime.
    fn for_renewals(&self) -> Option<SharedStore> {
        Some(SharedStore::new(self.clone()))
    }

    async fn wait(&self, key: &EventKey, limit: Duration) {
        let Pool { clock, room, .. } = &*self.pool;
        let changed = wait::until_changed(&self.space, clock, room, key);
        // It does not matter which of the two came first: the caller claims again.
        let _ = tokio::time::timeout(limit, changed).await;
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<RecordView>, StoreError> {
        let hashed = self.space.hashed(key);
        let shard = self.space.shard(hashed);
        let now = self.pool.clock.now();
        let record = shard.get(hashed, now);
        Ok(record.map(|record| record.view(key.clone(), now)))
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        let key = self.space.hashed(key);
        let (existed, woken) = {
            let mut shard = self.space.shard(key);
            let now = self.pool.clock.now();
            shard.forget(key, now, false, &self.pool.room)
        };
        drop(woken);
        Ok(existed)
    }

    async fn forget_done(&self, key: &EventKey) -> Result<bool, StoreError> {
        let key = self.space.hashed(key);
        let (existed, woken) = {
            let mut shard = self.space.shard(key);
            let now = self.pool.clock.now();
            shard.forget(key, now, true, &self.pool.room)
        };
        drop(woken);
        Ok(existed)
    }

    async fn unfinished(
        &self,
        provider: &Name,
        limit: usize,
    ) -> Result<Vec<RecordView>, StoreError> {
        let mut found = Vec::new();
        for number in 0.. {
            // Other tasks get their turn between two shards.
            tokio::task::yield_now().await;
            let Some(shard) = self.space.nth(number) else {
                break;
            };
            let now = self.pool.clock.now();
            let room = limit.saturating_sub(found.len());
            let unfinished = shard
                .iter(now)
                .filter(|(key, _)| key.provider() == provider)
                .filter(|(_, record)| record.public_state(now).is_unfinished())
                .take(room)
                .map(|(key, record)| record.view(key.clone(), now));
            found.extend(unfinished);
        }
        Ok(found)
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        let mut counts = Counts::default();
        for number in 0.. {
            tokio::task::yield_now().await;
            let Some(shard) = self.space.nth(number) else {
                break;
            };
            let now = self.pool.clock.now();
            for (_, record) in shard.iter(now) {
                counts.add(&record.public_state(now));
            }
        }
        Ok(counts)
    }
}

#[cfg(test)]
mod tests;
