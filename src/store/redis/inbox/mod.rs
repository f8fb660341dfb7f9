//! An inbox on Redis or Valkey.
//!
//! # Why there is no stream
//!
//! Each partition has one sorted set in which every entry stands once, in the order of bytes: by status, route
//! and time. A worker asks it for what is due and takes that by name. A stream with a consumer group says who
//! has read what, and an entry says that itself: its lease, its attempts and its due time are in it, and one
//! script changes entry and index together. So there is no group that may be missing, no pending list beside
//! the leases, no entry that is delivered and forgotten, and retries and take-over need no second queue.

mod builder;
mod code;
mod codec;
mod due;
mod groups;
mod looking;
mod order;
mod place;
mod rates;
mod scripts;
mod take;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis::Value;
use tokio::sync::{Mutex, Notify};
use tokio::time::timeout;

use crate::event::{EventKey, Name};
use crate::inbox::{
    Accept, Accepted, Begin, Begun, Discard, EntryCounts, EntryView, Extend, Finish, Inbox, List,
    Moved, Rate, RateOf, RateView, Redrive, SharedInbox, Take, Taken, Verdict,
};
use crate::store::command::Held;
use crate::store::error::StoreError;
use crate::store::identity::StoreIdentity;
use crate::store::token::Token;

use super::check::RedisReport;
use super::connection::{Conn, RedisConnection};
use super::error::{Fault, RedisConnectError, spans_slots};
use super::scripts::{Answer, Call, forget_answer};
use super::{MARK_OUTLASTS, RedisStore};

use self::groups::in_groups;
use self::order::OrderCommand;
use self::place::{EntryPlace, PartitionPlace};
use self::take::Turn;

pub use self::builder::RedisInboxBuilder;

/// An [`Inbox`] on Redis 6.2 or later, or Valkey: one server, the master that Sentinel names, or a
/// cluster. Receivers and workers in any number of processes and machines share it.
///
/// URLs, connections, time limits and settings are those of a [`RedisStore`]; an entry and the record of
/// the same event stand in one slot, so that both may share a namespace: what was handled inline is a
/// duplicate here, what is being handled is "not now", and what failed is queued.
///
/// Each command on an entry is one script call, and may be sent again. What is accepted has no expiry: it stays
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
/// Beside the rights of the store, a Redis user of its own needs `+zadd +zrem +zrangebylex +zlexcount +setrange
/// +strlen +exists +pexpireat +sadd +srem +sismember +smembers`.
///
/// # What it takes
///
/// A queued event takes its body, its envelope and some 300 bytes, where its key is short. Each look for what is
/// due asks every partition of the namespace: on one server in a few calls, on a cluster in one for
/// each partition.
///
/// Where the index of a partition is lost, as by an eviction, its entries wait until their events are
/// delivered again, which puts them back.
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
    capacity: u64,
    partitions: Arc<[PartitionPlace]>,
    /// Told when there may be something to take.
    news: Arc<Notify>,
    /// Whose turn it is to take, and what was found out.
    turn: Arc<Mutex<Turn>>,
}

/// How many extensions go in one script call: others get their turn between two.
const EXTENSIONS_PER_CALL: usize = 100;

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
            partitions: PartitionPlace::all(&store.layout).into(),
            capacity,
            store,
            news: Arc::default(),
            turn: Arc::default(),
        }
    }

    /// Asks every master for its settings and says what they put at risk: here the records of
    /// [`RedisReport`] are entries, and what is lost does not run at all.
    ///
    /// # Errors
    ///
    /// Redis cannot be asked.
    pub async fn check(&self) -> Result<RedisReport, StoreError> {
        self.store.check().await
    }

    fn place(&self, key: &EventKey) -> EntryPlace {
        EntryPlace::of(&self.store.layout, key)
    }

    /// How many entries that are not over each partition holds.
    fn room(&self) -> u64 {
        let partitions = u64::try_from(self.partitions.len()).unwrap_or(1).max(1);
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

    async fn extend_all(
        &self,
        extensions: &[Extend],
        in_slots: bool,
    ) -> Result<Vec<Held>, StoreError> {
        let placed = extensions.iter().map(|it| (it, self.place(&it.key)));
        let placed: Vec<_> = placed.collect();
        let group = |it: &(&Extend, EntryPlace)| if in_slots { it.1.partition } else { 0 };
        let groups = in_groups(&placed, group, EXTENSIONS_PER_CALL, usize::MAX, |_| 0);
        let calls = (groups.into_iter()).map(|numbers| self.extend_some(&placed, numbers));
        // All to their end, also where one fails: it must not stop the others.
        let answers: Result<Vec<_>, _> = join_all(calls).await.into_iter().collect();
        let mut held: Vec<_> = answers?.into_iter().flatten().collect();
        held.sort_unstable_by_key(|(number, _)| *number);
        Ok(held.into_iter().map(|(_, held)| held).collect())
    }

    async fn extend_some(
        &self,
        extensions: &[(&Extend, EntryPlace)],
        numbers: Vec<usize>,
    ) -> Result<Vec<(usize, Held)>, StoreError> {
        let some: Vec<_> = (numbers.iter())
            .filter_map(|number| extensions.get(*number).cloned())
            .collect();
        let partition = some.first().map_or(0, |(_, place)| place.partition);
        let call = scripts::extend(&some);
        let read = |value| scripts::extend_answer(value, some.len());
        let held = self.call(partition, &call, read).await?;
        Ok(numbers.into_iter().zip(held).collect())
    }

    /// Says in one partition whether a provider is paused, and whether that changed anything.
    async fn set_paused_in(
        &self,
        place: &PartitionPlace,
        provider: &Name,
        paused: bool,
    ) -> Result<bool, StoreError> {
        let mut set = redis::cmd(if paused { "SADD" } else { "SREM" });
        set.arg(&place.paused).arg(provider.as_str());
        let set = &set;
        let ask = async |mut conn: Conn| conn.ask(set).await;
        let changed = self.store.link.run(ask).await?;
        Ok(forget_answer(&changed)?)
    }
}

impl fmt::Debug for RedisInbox {
    /// Shows the hosts, and neither user nor password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            store,
            capacity,
            partitions,
            news: _,
            turn: _,
        } = self;
        f.debug_struct("RedisInbox")
            .field("redis", &store.link)
            .field("namespace", store.layout.namespace())
            .field("partitions", &partitions.len())
            .field("deadline", &store.link.deadline())
            .field("capacity", capacity)
            .finish()
    }
}

impl Inbox for RedisInbox {
    /// The servers of the URL as they are written there, the database and the namespace; a given
    /// connection is known by itself.
    fn identity(&self) -> Option<StoreIdentity> {
        Some(self.store.identity.of_inbox())
    }

    async fn accept(&self, accept: &Accept) -> Result<Accepted, StoreError> {
        let place = self.place(&accept.key);
        let call = scripts::accept(accept, &place, self.room());
        let accepted = self.call(place.partition, &call, scripts::accept_answer);
        let (accepted, left) = accepted.await?;
        let left = left.map(|order| OrderCommand::free(order.hash, &place));
        self.free_orders(left.as_slice()).await;
        self.tell();
        accepted
    }

    async fn take(&self, take: &Take) -> Result<Vec<Taken>, StoreError> {
        self.take_due(take).await
    }

    async fn begin(&self, begin: &Begin) -> Result<Begun, StoreError> {
        let place = self.place(&begin.key);
        let call = scripts::begin(begin, &place);
        self.call(place.partition, &call, scripts::begin_answer)
            .await
    }

    async fn extend(&self, extensions: &[Extend]) -> Result<Vec<Held>, StoreError> {
        loop {
            let in_slots = self.in_slots();
            let held = self.extend_all(extensions, in_slots).await;
            if !self.crossed(in_slots, &held) {
                return held;
            }
        }
    }

    async fn finish(&self, finish: &Finish) -> Result<Held, StoreError> {
        let place = self.place(&finish.key);
        let call = scripts::finish(finish, &place);
        let finished = self.call(place.partition, &call, scripts::finish_answer);
        let (held, freed) = finished.await?;
        let free = freed.map(|(order, known_until)| match finish.verdict {
            Verdict::Done => OrderCommand::complete(&order, &place, known_until),
            _ => OrderCommand::free(order.hash, &place),
        });
        self.free_orders(free.as_slice()).await;
        self.tell();
        Ok(held)
    }

    async fn wait(&self, limit: Duration) {
        let _ = timeout(limit, self.news.notified()).await;
    }

    /// Over a connection that is made in the runtime that renews; none where one was given.
    fn for_renewals(&self) -> Option<SharedInbox> {
        let renewing = self.store.renewing.as_ref()?;
        let store = RedisStore {
            link: Arc::clone(renewing),
            renewing: None,
            ..self.store.clone()
        };
        Some(SharedInbox::new(Self {
            store,
            ..self.clone()
        }))
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<EntryView>, StoreError> {
        self.view_of(key).await
    }

    async fn list(&self, list: &List) -> Result<Vec<EntryView>, StoreError> {
        self.listed(list).await
    }

    async fn redrive(&self, redrive: &Redrive) -> Result<Moved, StoreError> {
        let place = self.place(&redrive.key);
        let (looked, _) = self.look(std::slice::from_ref(&place), false).await?;
        let stored = looked.into_iter().next();
        let stored = stored.and_then(|(value, history)| codec::decode(value?, history));
        let applied = match stored.and_then(|stored| stored.order) {
            Some(order) => self.applied(&order).await?,
            None => None,
        };
        let call = scripts::redrive(redrive, &place, applied);
        let moved = self.call(place.partition, &call, scripts::move_answer);
        let (moved, _) = moved.await?;
        self.tell();
        Ok(moved)
    }

    async fn discard(&self, discard: &Discard) -> Result<Moved, StoreError> {
        let place = self.place(&discard.key);
        let call = scripts::discard(discard, &place);
        let moved = self.call(place.partition, &call, scripts::move_answer);
        let (moved, freed) = moved.await?;
        let free = freed.map(|order| OrderCommand::free(order.hash, &place));
        self.free_orders(free.as_slice()).await;
        self.tell();
        Ok(moved)
    }

    /// A mark of the command stays for as long as the call may take: where it is sent again, it still says
    /// that there was an entry.
    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        let place = self.place(key);
        let mark = self
            .store
            .layout
            .mark(&self.store.place(key), &Token::random()?);
        let kept = self.store.link.deadline().saturating_add(MARK_OUTLASTS);
        let call = scripts::forget(&place, &mark, kept);
        let forgotten = self.call(place.partition, &call, scripts::forget_answer);
        let (existed, freed) = forgotten.await?;
        let free = freed.map(|order| OrderCommand::free(order.hash, &place));
        self.free_orders(free.as_slice()).await;
        Ok(existed)
    }

    async fn counts(&self) -> Result<EntryCounts, StoreError> {
        self.counted().await
    }

    /// Each partition is told, so that a worker reads it in the step in which it takes. The first one is told
    /// last: what it says tells whether all were told.
    async fn set_paused(&self, provider: &Name, paused: bool) -> Result<bool, StoreError> {
        let Some((first, others)) = self.partitions.split_first() else {
            return Ok(false);
        };
        let telling = (others.iter()).map(|place| self.set_paused_in(place, provider, paused));
        let told: Result<Vec<_>, _> = join_all(telling).await.into_iter().collect();
        told?;
        let changed = self.set_paused_in(first, provider, paused).await?;
        self.tell();
        Ok(changed)
    }

    async fn paused(&self) -> Result<Vec<Name>, StoreError> {
        let mut members = redis::cmd("SMEMBERS");
        members.arg(self.partitions.first().map(|place| &place.paused));
        let members = &members;
        let ask = async |mut conn: Conn| conn.ask(members).await;
        let paused = scripts::members(self.store.link.run(ask).await?)?;
        let name = |name: Vec<u8>| Name::new(String::from_utf8(name).ok()?).ok();
        let mut paused: Vec<_> = paused.into_iter().filter_map(name).collect();
        paused.sort();
        Ok(paused)
    }

    async fn set_rate(
        &self,
        provider: &Name,
        of: RateOf,
        rate: Option<Rate>,
    ) -> Result<bool, StoreError> {
        let changed = self.write_rate(provider, of, rate).await?;
        self.tell();
        Ok(changed)
    }

    async fn rates(&self) -> Result<Vec<RateView>, StoreError> {
        Ok(self.rates_set().await?.views())
    }
}

#[cfg(test)]
mod tests;
