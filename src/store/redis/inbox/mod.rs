//! An inbox on Redis or Valkey.
//!
//! # Why there is no stream
//!
//! Each partition has one sorted set in which every entry stands once, in the order of bytes: by status, route
//! and time. A worker asks it for what is due and takes that by name. A stream with a consumer group says who
//! has read what, and an entry says that itself: its lease, its attempts and its due time are in it, and one
//! script changes entry and index together. So there is no group that may be missing, no pending list beside
//! the leases, no entry that is delivered and forgotten, and retries and take-over need no second queue.

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
/// URLs, connections, time limits and settings are those of a [`RedisStore`]; an entry and the record of
/// the same event stand in one slot, so that both may share a namespace: what was handled inline is a
/// duplicate here, what is being handled is "not now", and what failed is queued.
///
/// Each command on an entry is one script call, a redrive behind a look at the entry, and may be sent again. What is accepted has no expiry: it stays
/// until a worker or an operator has moved it on. What is done or discarded is dropped after its retention.
///
/// A worker of the process that accepts an event is told at once; one of another process sees it when
/// it next [looks](crate::worker::WorkerBuilder::poll_every).
///
/// # What Redis must be set to
///
/// The same as for a [`RedisStore`](crate::RedisStore#what-redis-must-be-set-to), and it matters more: **an event
/// that was accepted was acknowledged, and its sender does not send it again.** With `appendonly no` a restart
/// loses it, with another `maxmemory-policy` than `noeviction` a shortage of memory may, with `appendfsync
/// everysec` a crash of the machine loses those of the last second, and a failover those that had not reached the
/// replica. [`RedisInboxBuilder::refuse_at_risk`] refuses the first two. Where none of that may happen take
/// [`SqliteInbox`](crate::inbox) or a database.
///
/// The README lists the rights that a Redis user of its own needs.
///
/// # What it takes
///
/// A queued event takes its body, its envelope and some 300 bytes, where its key is short. Each look for what is
/// due asks every partition of the namespace: on one server in a few calls, on a cluster in one for
/// each partition. What it finds beyond what is taken serves the takes of the next fifth of a second, so that a
/// worker with much to do looks once for hundreds of entries. Beginnings and ends of attempts that come at one
/// time go to Redis together.
///
/// Where the index of a partition is lost, as by an eviction, its entries wait until their events are
/// delivered again, which puts them back. A sender that has its success does not do that: nothing else finds them.
///
/// # Where it promises less than others
///
/// On a cluster each master has a clock, and is asked by itself: of two events of one order key that are accepted within
/// one look, or while clocks differ, or while a master does not answer, the later one may run first; so it may anywhere
/// where a look has passed over 20,000 events that are held back. The earlier one is then stale, if the later one has a
/// higher version. A [rate](crate::inbox::Inbox::set_rate) that another process sets
/// where none was is kept from the next look on.
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
    /// How Redis is reached, and where records stand.
    store: RedisStore,
    /// Sends beginnings, ends and commands on one order key over this connection.
    gatherer: Arc<Gatherer>,
    capacity: u64,
    /// Once their number is known.
    partitions: Arc<OnceLock<Box<[PartitionPlace]>>>,
    /// Told when there may be something to take.
    news: Arc<Notify>,
    /// Whose turn it is to take, and what was found out.
    turn: Arc<Mutex<Turn>>,
    /// What commands of this process say to it.
    hints: Arc<Hints>,
}

impl RedisInbox {
    /// An inbox on this Redis, connected and checked; see [`RedisInboxBuilder::connect`].
    ///
    /// # Errors
    ///
    /// A URL that cannot be used, TLS without a crypto provider, or a Redis that refuses the connection.
    /// One that cannot be reached is no error: the inbox connects when it can.
    pub async fn connect(url: impl Into<String>) -> Result<Self, RedisConnectError> {
        Self::builder(url).connect().await
    }

    /// An inbox on this Redis, with settings of its own.
    pub fn builder(url: impl Into<String>) -> RedisInboxBuilder {
        RedisInboxBuilder::new(RedisStore::builder(url))
    }

    /// An inbox on a connection that the process has already; see [`RedisConnection`].
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

    /// Asks every master for its settings and says what they put at risk: what an inbox loses does not run at
    /// all.
    ///
    /// # Errors
    ///
    /// Redis cannot be asked.
    pub async fn check(&self) -> Result<RedisReport, StoreError> {
        Ok(self.store.check().await?.of_inbox())
    }

    /// The partitions, once it is known how many there are: before that no place can be told.
    async fn ready(&self) -> Result<&[PartitionPlace], StoreError> {
        self.store.ready().await?;
        Ok(self.partitions())
    }

    /// The same behind [`ready`](Self::ready), and none before.
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

    /// The mark of a command in a partition. It stays for as long as the call may take: where it is sent again, it
    /// finds what it has done.
    fn mark(&self, partition: u32) -> Result<Mark, StoreError> {
        let kept = self.store.link.deadline().saturating_add(MARK_OUTLASTS);
        Ok(Mark {
            key: self.store.layout.mark_in(partition, &Token::random()?),
            millis: u64::try_from(kept.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// How many entries that are not over each partition holds.
    fn room(&self) -> u64 {
        let partitions = u64::try_from(self.partitions().len()).unwrap_or(1).max(1);
        self.capacity.div_ceil(partitions)
    }

    /// Calls a script whose answer tells the time.
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

    /// Whether one call must keep to one slot.
    fn in_slots(&self) -> bool {
        self.store.in_slots.load(Ordering::Relaxed)
    }

    /// Whether that was found out just now, by a cluster behind one address: it is to be asked again then.
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

    /// There may be something to take.
    fn tell(&self) {
        self.news.notify_waiters();
        // For who is about to wait.
        self.news.notify_one();
    }
}

fn gatherer(store: &RedisStore) -> Arc<Gatherer> {
    let (link, in_slots) = (Arc::clone(&store.link), Arc::clone(&store.in_slots));
    Arc::new(Gatherer::new(link, &scripts::EACH, in_slots))
}

impl fmt::Debug for RedisInbox {
    /// Shows the hosts, and neither user nor password.
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
