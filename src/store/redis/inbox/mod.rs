//! An inbox on Redis or Valkey.
//!
//! # Why there is no stream
//!
//! Each partition has one sorted set that holds every entry once, in the order of bytes: by status, route and
//! time. A worker queries it for due entries and takes them by name. The consumer group of a stream records
//! which consumer has read which message. An entry records that itself: it holds its lease, its attempts and
//! its due time, and one script changes entry and index together. So no group can be missing, there is no
//! pending list in addition to the leases, no entry is delivered and forgotten, and retries and take-over need
//! no second queue.

mod admit;
mod ahead;
mod answers;
mod builder;
mod candidate;
mod code;
mod codec;
mod commands;
mod due;
#[cfg(fuzzing)]
pub mod fuzzing;
mod groups;
mod hints;
mod learned;
mod limits;
mod looking;
mod order;
mod order_kept;
mod passed_over;
mod place;
mod rates;
mod report;
mod scripts;
mod take;
mod turn;

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use redis::Value;
use tokio::sync::{Mutex, Notify};

use crate::event::EventKey;
use crate::store::error::StoreError;
use crate::store::token::Token;

use super::check::RedisReport;
use super::connection::{Conn, RedisConnection};
use super::error::{Fault, RedisConnectError, spans_slots};
use super::gather::{Answered, Company, Gatherer};
use super::scripts::{Answer, Call};
use super::{MARK_OUTLASTS, RedisStore};

use self::hints::Hints;
use self::place::{EntryPlace, Mark, PartitionPlace};
use self::turn::Turn;

pub use self::builder::RedisInboxBuilder;

/// An [`Inbox`](crate::inbox::Inbox) on Redis 6.2 or later, or Valkey: one server, the master that Sentinel names, or a
/// cluster. Receivers and workers in any number of processes and machines share it.
///
/// URLs, connections, time limits and settings are those of a [`RedisStore`]. An entry and the record of
/// the same event are in one slot, so both may share a namespace: an event that was handled inline is a
/// duplicate here, one that is being handled gets the not-now status, and one that failed is queued.
///
/// Each command on an entry is one script call, and may be sent again; a redrive first reads the entry. An accepted
/// event has no expiry: it stays until a worker or an operator has finished it. An entry that is done or discarded is
/// dropped after its retention.
///
/// A worker in the process that accepts an event is notified at once; a worker of another process
/// sees it at its next [poll](crate::worker::WorkerBuilder::poll_every).
///
/// # What Redis must be set to
///
/// The same as for a [`RedisStore`](crate::RedisStore#what-redis-must-be-set-to), and it matters more: **an event
/// that was accepted was acknowledged, and its sender does not send it again.** With `appendonly no`, a restart
/// loses it. With a `maxmemory-policy` other than `noeviction`, a shortage of memory may lose it. With
/// `appendfsync everysec`, a crash of the machine loses the events of the last second, and a failover loses those
/// that had not reached the replica. [`RedisInboxBuilder::refuse_at_risk`] refuses the first two. If none of that
/// may happen, use [`SqliteInbox`](crate::inbox) or a database.
///
/// The README lists the rights that a dedicated Redis user needs.
///
/// # What it takes
///
/// A queued event takes its body, its envelope and, if its key is short, some 300 bytes. Each scan for due
/// entries queries every partition of the namespace: on one server in a few calls, in a cluster with one call
/// for each partition. Entries found beyond those taken serve the takes of the next fifth of a second, so that a
/// busy worker scans once for hundreds of entries. Beginnings and ends of attempts that arrive at the same time
/// go to Redis together.
///
/// If the index of a partition is lost, for example by an eviction, its entries wait until their events are
/// delivered again, which puts them back. A sender that got a success does not do that, and nothing else finds
/// them.
///
/// # Where it promises less than others
///
/// In a cluster, each master has its own clock and is queried separately. So of two events of one order key, the
/// later one may run first if both are accepted within one scan, while clocks differ, or while a master does not
/// answer. The same may happen on any server if a scan has passed over 20,000 events that are held back. The earlier
/// event is then stale, if the later one has a higher version. If another process sets a
/// [rate](crate::inbox::Inbox::set_rate) where there was none, it applies from the next scan on.
///
/// ```no_run
/// use tower_webhook::inbox::RedisInbox;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let inbox = RedisInbox::connect("redis://127.0.0.1:6379").await?;
/// # drop(inbox);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisInbox {
    /// The connection to Redis, and the layout of its keys.
    store: RedisStore,
    /// Sends beginnings, ends and commands on one order key over this connection.
    gatherer: Arc<Gatherer>,
    capacity: u64,
    /// Set once their number is known.
    partitions: Arc<OnceLock<Box<[PartitionPlace]>>>,
    /// Notified when there may be something to take.
    news: Arc<Notify>,
    /// Locked by the current take, with the knowledge of earlier ones.
    turn: Arc<Mutex<Turn>>,
    /// Hints from commands of this process to takes.
    hints: Arc<Hints>,
}

impl RedisInbox {
    /// An inbox on this Redis, connected and checked; see [`RedisInboxBuilder::connect`].
    ///
    /// # Errors
    ///
    /// A URL that cannot be used, TLS without a crypto provider, or a Redis that refuses the connection.
    /// A Redis that cannot be reached is no error: the inbox connects when it can.
    pub async fn connect(url: impl Into<String>) -> Result<Self, RedisConnectError> {
        Self::builder(url).connect().await
    }

    /// A builder for an inbox on this Redis, to change its settings.
    pub fn builder(url: impl Into<String>) -> RedisInboxBuilder {
        RedisInboxBuilder::new(RedisStore::builder(url))
    }

    /// An inbox on a connection that the process already has; see [`RedisConnection`].
    ///
    /// ```no_run
    /// use tower_webhook::inbox::RedisInbox;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = redis::Client::open("redis://127.0.0.1")?;
    /// let conn = client.get_multiplexed_async_connection().await?;
    /// let inbox = RedisInbox::from_connection(conn).connect().await?;
    /// # drop(inbox);
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_connection(connection: impl Into<RedisConnection>) -> RedisInboxBuilder {
        RedisInboxBuilder::new(RedisStore::from_connection(connection))
    }

    fn on(store: RedisStore, capacity: u64) -> Self {
        Self {
            partitions: Arc::default(),
            capacity,
            gatherer: gatherer(&store),
            store,
            news: Arc::default(),
            turn: Arc::default(),
            hints: Arc::default(),
        }
    }

    /// Reads every master's settings and reports what they put at risk: an event that an inbox loses never
    /// runs.
    ///
    /// # Errors
    ///
    /// Redis cannot be queried.
    pub async fn check(&self) -> Result<RedisReport, StoreError> {
        Ok(self.store.check().await?.of_inbox())
    }

    /// The partitions, once their number is known: before that, no place can be computed.
    async fn ready(&self) -> Result<&[PartitionPlace], StoreError> {
        self.store.ready().await?;
        Ok(self.partitions())
    }

    /// The partitions after [`ready`](Self::ready); none before it.
    fn partitions(&self) -> &[PartitionPlace] {
        let layout = &self.store.layout;
        match layout.partitions().known() {
            Some(_) => (self.partitions).get_or_init(|| PartitionPlace::all(layout).into()),
            None => &[],
        }
    }

    fn place(&self, key: &EventKey) -> EntryPlace {
        EntryPlace::of(&self.store.layout, key)
    }

    /// The mark of a command in a partition. It stays for as long as the call may take: if the command is sent
    /// again, it finds its first result.
    fn mark(&self, partition: u32) -> Result<Mark, StoreError> {
        let kept = self.store.link.deadline().saturating_add(MARK_OUTLASTS);
        Ok(Mark {
            key: self.store.layout.mark_in(partition, &Token::random()?),
            millis: u64::try_from(kept.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// How many unfinished entries each partition may hold.
    fn room(&self) -> u64 {
        let partitions = u64::try_from(self.partitions().len()).unwrap_or(1).max(1);
        self.capacity.div_ceil(partitions)
    }

    /// Calls a script whose answer contains the time.
    async fn call<T>(
        &self,
        partition: u32,
        call: &Call,
        read: impl FnOnce(Value) -> Result<Answer<T>, Fault>,
    ) -> Result<T, StoreError> {
        let sent = Instant::now();
        let answer = read(self.store.link.call(call).await?)?;
        Ok(self.store.noted(partition, sent, answer).outcome)
    }

    /// The same for a command that may go with others.
    async fn call_with_others<T>(
        &self,
        partition: u32,
        call: Call,
        read: impl FnOnce(Value) -> Result<Answer<T>, Fault>,
    ) -> Result<T, StoreError> {
        let asking = self.gatherer.ask(call, partition, Company::Any);
        let Answered { value, sent } = asking.await?;
        Ok(self.store.noted(partition, sent, read(value)?).outcome)
    }

    /// Whether one call must stay in one slot.
    fn in_slots(&self) -> bool {
        self.store.in_slots.load(Ordering::Relaxed)
    }

    /// Whether a cluster behind one address was detected just now: the call must then be repeated.
    fn crossed<T>(&self, in_slots: bool, answer: &Result<T, StoreError>) -> bool {
        let crossed = !in_slots && answer.as_ref().is_err_and(spans_slots);
        if crossed {
            self.store.in_slots.store(true, Ordering::Relaxed);
        }
        crossed
    }

    fn any_crossed<T>(&self, in_slots: bool, answers: &[Result<T, StoreError>]) -> bool {
        answers.iter().any(|answer| self.crossed(in_slots, answer))
    }

    /// Notifies takes that there may be something new.
    fn tell(&self) {
        self.news.notify_waiters();
        // For a task that is about to wait.
        self.news.notify_one();
    }
}

fn gatherer(store: &RedisStore) -> Arc<Gatherer> {
    let (link, in_slots) = (Arc::clone(&store.link), Arc::clone(&store.in_slots));
    Arc::new(Gatherer::new(link, &scripts::EACH, in_slots))
}

impl fmt::Debug for RedisInbox {
    /// Shows the hosts, but neither user nor password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            store,
            capacity,
            partitions: _,
            gatherer: _,
            news: _,
            turn: _,
            hints: _,
        } = self;
        f.debug_struct("RedisInbox")
            .field("redis", &store.link)
            .field("namespace", store.layout.namespace())
            .field("partitions", &store.layout.partitions().known())
            .field("deadline", &store.link.deadline())
            .field("capacity", capacity)
            .finish()
    }
}

#[cfg(test)]
mod tests;
