//! A store on Redis or Valkey.

mod address;
mod builder;
mod check;
mod code;
mod codec;
mod connect;
mod connection;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gather;
#[cfg(feature = "inbox")]
mod inbox;
mod join;
mod keys;
mod link;
mod lookups;
mod partitions;
mod renewals;
mod scan;
mod scripts;
mod wait;

use std::fmt;
use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::event::{EventKey, Name};

use super::Store;
use super::command::{Claim, ClaimOutcome, Complete, Counts, Held, RecordView, Release, Renew};
use super::error::StoreError;
use super::identity::StoreIdentity;
use super::server_clock::{self, ServerClock};
use super::shared::SharedStore;
use super::token::Token;

use self::error::spans_slots;
use self::gather::{Answered, Company, Gatherer};
use self::keys::{Layout, Place};
use self::link::Link;
use self::scan::Scan;
use self::scripts::{Answer, Call, EACH};
use self::wait::Waiting;

pub use self::builder::RedisStoreBuilder;
pub use self::check::{RedisFinding, RedisReport, RedisSetting, RedisVerdict};
pub use self::connection::RedisConnection;
pub use self::error::{RedisConnectError, RedisConnectErrorKind};
#[cfg(feature = "inbox")]
pub use self::inbox::{RedisInbox, RedisInboxBuilder};

/// A [`Store`] on Redis 6.2 or later, or Valkey: its records survive a restart of the receiver,
/// and any number of receivers share them.
///
/// | URL | what it names |
/// | --- | --- |
/// | `redis://[user:password@]host[:port][/db]` | one server |
/// | `redis+sentinel://[user:password@]host[:port],…/service[/db]` | the master that Sentinel names; `?sentinel_username=` and `?sentinel_password=` are for the Sentinels |
/// | `redis-cluster://[user:password@]host[:port],…` | a cluster, by some of its nodes |
/// | `rediss://`, `rediss+sentinel://`, `rediss-cluster://` | the same with TLS |
/// | `unix:///path` | a server on this machine |
///
/// `valkey` may replace `redis`. Special characters in user and password are percent-encoded. No
/// error and no log of this crate shows the password; the user appears if Redis names it in a
/// refusal. With `?protocol=resp3`, a server that does not know `HELLO` repeats both in its answer,
/// and the client of a cluster logs such answers with the crate `log`, under the target `redis`. A
/// proxy that distributes keys over several servers is not supported: use a cluster.
///
/// Claiming and finishing are one script call each. While two are under way, the claims and completions
/// that come gather, and go together in the next, up to 128 of them; in a cluster this is so for each
/// partition by itself. Each is a command of its own all the same: none fails because another does. One
/// that comes alone is sent at once. Up to a hundred renewals are one call, in a cluster one for each
/// partition that they are of. Time is that of Redis. After a failover the
/// store finds the new master by itself.
///
/// If the clock of Redis makes a step of a second or more, the log says so once; the documentation
/// of [`store`](crate::store) describes the consequences.
///
/// No call takes longer than the [deadline](RedisStoreBuilder::deadline), whatever Redis does. Only
/// [`Store::counts`] and [`Store::unfinished`], which scan all keys, make two or three calls for
/// each thousand of them. They start again if the connection is replaced half-way. If the client of
/// a cluster or a connection manager replaces it, they cannot detect that and may miss records.
///
/// Within the deadline, a command is sent up to three times, which every command on a record tolerates. The client
/// of a cluster sends each of the three up to three times, or as often as a given client was set to. A full
/// cluster is therefore reported as one that [cannot be reached](super::StoreErrorKind::Unavailable): a command
/// that it refused may have been carried out before.
///
/// A connection that the process already has can be used [instead](RedisStore::from_connection) of
/// a URL.
///
/// # What Redis must be set to
///
/// The records are as safe as Redis keeps them. An event whose record is lost runs again if its
/// sender sends it again. For an event that was not answered with success, the sender is still
/// responsible, so a loss in Redis never loses an event that is sent again.
///
/// | set | what it gives | weaker means |
/// | --- | --- | --- |
/// | `maxmemory-policy noeviction` | when memory runs out, new events are refused with the not-now status | records are dropped when memory runs short, those of handled events and of running ones |
/// | `appendonly yes` | records survive a restart | a restart loses every record, or all since the last snapshot |
/// | `appendfsync always` | acknowledged records survive a crash of the machine | with `everysec`, a crash loses about the last second |
/// | a replica | records survive the loss of the machine | they are lost with it |
/// | `min-replicas-to-write 1`, with `min-replicas-max-lag` | a master that was cut off soon stops taking commands | it continues to acknowledge, and all of that is lost when it returns as a replica |
///
/// Before Redis 7.0, `min-replicas-to-write` [does not apply to
/// scripts](https://github.com/redis/redis/issues/9993), and thus not to this store: the last row
/// then has no effect.
///
/// **What a failover can lose** even so: Redis answers before its replicas have the write, so the
/// new master may lack the last moments of acknowledged writes. An event that was answered with 2xx
/// and whose record is gone runs again if it is sent again. An event that is being handled may also
/// be run by another receiver; if nobody else claims it in the meantime, its record is written anew
/// as done. No event is lost that the sender still sends, and an effect that is unique per event
/// key still takes place once.
///
/// The start-up [check](RedisStore::check) reads these settings, and the log reports what they put
/// at risk. [`refuse_at_risk`](RedisStoreBuilder::refuse_at_risk) refuses to start with two of
/// them: a `maxmemory-policy` other than `noeviction` if `maxmemory` is set or hidden, and
/// `appendonly no`. The others lose records only in rare cases.
///
/// # TLS
///
/// `rediss` needs a crypto provider of `rustls`, which the process chooses once, at its start:
/// `rustls::crypto::ring::default_provider().install_default()`, with `rustls` and its feature
/// `ring` among the dependencies. Without a provider, connecting is an
/// [error](RedisConnectErrorKind::Tls).
///
/// # Waiting
///
/// [`Store::wait`] polls the record's state every 25 to 250 ms, once for all tasks in this process
/// that wait for a key.
///
/// # Runtimes
///
/// Clones share one connection, which is driven by the runtime that ran [`connect`](RedisStore::connect)
/// or, after [`build`](RedisStoreBuilder::build), the first call. Connect in the runtime that serves: a
/// runtime that is not running, such as a current-thread runtime after its `block_on`, receives no
/// answers. After three calls and at least a second, the store reconnects in the runtime of the caller.
///
/// Renewals have a connection of their own, made when the first is due, in a thread of this crate: they
/// continue even if handlers block every thread of the receiver. With a
/// [given](RedisStore::from_connection) connection, renewals use that one, and wait with other commands.
///
/// ```no_run
/// use tower_webhook::{Name, RedisStore};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::connect("redis://127.0.0.1:6379").await?;
///
/// let sandbox = RedisStore::builder("redis+sentinel://s1:26379,s2:26379/main")
///     .namespace(Name::new("sandbox")?)
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStore {
    link: Arc<Link>,
    /// Sends claims and completions over this connection.
    gatherer: Arc<Gatherer>,
    company: Company,
    identity: StoreIdentity,
    /// The connection for renewals, if one can be made.
    renewing: Option<Arc<Link>>,
    layout: Layout,
    /// Created with the first answer.
    clock: Arc<OnceLock<ServerClock>>,
    waiting: Arc<Waiting>,
    /// Whether one script call must stay in one slot.
    in_slots: Arc<AtomicBool>,
}

/// How much longer the mark of a command stays than the call that left it.
const MARK_OUTLASTS: Duration = Duration::from_secs(1);

impl RedisStore {
    /// Reads every master's settings and reports what they put at risk.
    ///
    /// # Errors
    ///
    /// Redis cannot be queried. A setting that it hides is no error but [unknown](RedisVerdict::Unknown).
    pub async fn check(&self) -> Result<RedisReport, StoreError> {
        let check = |mut conn: connection::Conn| async move { RedisReport::of(&mut conn).await };
        self.link.run(check).await
    }

    /// Waits until the number of partitions of the namespace is known: no place can be computed before.
    async fn ready(&self) -> Result<(), StoreError> {
        match self.layout.partitions().known() {
            Some(_) => Ok(()),
            // Every connection has determined it.
            None => Box::pin(self.link.run(|_| ready(Ok(())))).await,
        }
    }

    fn place(&self, key: &EventKey) -> Place {
        self.layout.place(key)
    }

    /// The clocks of all masters that may hold partitions.
    fn clock(&self) -> &ServerClock {
        self.clock.get_or_init(|| {
            ServerClock::new(match self.in_slots.load(Ordering::Relaxed) {
                true => self.layout.partitions().number(),
                false => 1,
            })
        })
    }

    async fn claim_at(&self, claim: &Claim) -> Result<Answer<ClaimOutcome>, StoreError> {
        let place = self.place(&claim.key);
        let call = Call::claim(claim, &place);
        let Answered { value, sent } = self.ask(call, &place).await?;
        Ok(self.noted(place.partition, sent, scripts::claim_answer(value)?))
    }

    async fn complete_at(&self, complete: &Complete) -> Result<Answer<Held>, StoreError> {
        let place = self.place(&complete.key);
        let call = Call::complete(complete, &place);
        let Answered { value, sent } = self.ask(call, &place).await?;
        Ok(self.noted(place.partition, sent, scripts::held_answer(&value)?))
    }

    /// Sends a command together with others that arrive while another call is under way.
    async fn ask(&self, call: Call, place: &Place) -> Result<Answered, StoreError> {
        (self.gatherer)
            .ask(call, place.partition, self.company)
            .await
    }

    async fn release_at(&self, release: &Release) -> Result<Answer<Held>, StoreError> {
        let place = self.place(&release.key);
        let (call, sent) = (Call::release(release, &place), Instant::now());
        let answer = scripts::held_answer(&self.link.call(&call).await?)?;
        Ok(self.noted(place.partition, sent, answer))
    }

    /// Logs a step of a clock, if the time in an answer reveals one.
    fn noted<T>(&self, partition: u32, sent: Instant, answer: Answer<T>) -> Answer<T> {
        if let Some(moved) = self.clock().step(partition, sent, answer.now) {
            server_clock::log("Redis", &self.link, moved);
        }
        answer
    }
}

impl fmt::Debug for RedisStore {
    /// Shows the hosts, but neither user nor password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            link,
            gatherer: _,
            company: _,
            identity: _,
            renewing: _,
            layout,
            clock: _,
            waiting: _,
            in_slots: _,
        } = self;
        f.debug_struct("RedisStore")
            .field("redis", link)
            .field("namespace", layout.namespace())
            .field("partitions", &layout.partitions().known())
            .field("deadline", &link.deadline())
            .finish()
    }
}

impl RedisStore {
    async fn forget_where(&self, key: &EventKey, only_done: bool) -> Result<bool, StoreError> {
        let place = self.place(key);
        let mark = self.layout.mark(&place, &Token::random()?);
        let kept = self.link.deadline().saturating_add(MARK_OUTLASTS);
        let call = Call::forget(&place, &mark, kept, only_done);
        Ok(scripts::forget_answer(&self.link.call(&call).await?)?)
    }
}

impl Store for RedisStore {
    /// The servers as in the URL, the database and the namespace; a given connection has an
    /// identity of its own.
    fn identity(&self) -> Option<StoreIdentity> {
        Some(self.identity.clone())
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        self.ready().await?;
        Ok(self.claim_at(claim).await?.outcome)
    }

    async fn complete(&self, complete: &Complete) -> Result<Held, StoreError> {
        self.ready().await?;
        Ok(self.complete_at(complete).await?.outcome)
    }

    async fn release(&self, release: &Release) -> Result<Held, StoreError> {
        self.ready().await?;
        Ok(self.release_at(release).await?.outcome)
    }

    async fn renew(&self, renewals: &[Renew]) -> Result<Vec<Held>, StoreError> {
        self.ready().await?;
        let in_slots = self.in_slots.load(Ordering::Relaxed);
        match self.renew_grouped(renewals, in_slots).await {
            // A cluster behind one address. Commands can safely be sent again.
            Err(error) if !in_slots && spans_slots(&error) => {
                self.in_slots.store(true, Ordering::Relaxed);
                self.renew_grouped(renewals, true).await
            }
            result => result,
        }
    }

    /// Uses a connection that is made in the runtime that renews; `None` if a connection was given.
    fn for_renewals(&self) -> Option<SharedStore> {
        let renewing = self.renewing.as_ref()?;
        let gatherer = Gatherer::new(Arc::clone(renewing), &EACH, Arc::clone(&self.in_slots));
        Some(SharedStore::new(Self {
            link: Arc::clone(renewing),
            gatherer: Arc::new(gatherer),
            renewing: None,
            ..self.clone()
        }))
    }

    /// The claims of one delivery arrive together: the first waits for the others to be queued.
    fn for_items(&self) -> Option<SharedStore> {
        Some(SharedStore::new(Self {
            company: Company::Expected,
            ..self.clone()
        }))
    }

    async fn wait(&self, key: &EventKey, limit: Duration) {
        if self.ready().await.is_err() {
            // The caller asks again.
            return sleep(limit).await;
        }
        let place = self.place(key);
        self.waiting.until_changed(&self.link, place, limit).await;
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<RecordView>, StoreError> {
        self.ready().await?;
        let call = Call::lookup(&self.place(key));
        let Answer { outcome, now } = scripts::lookup_answer(self.link.call(&call).await?)?;
        let Some(value) = outcome else {
            return Ok(None);
        };
        let record = codec::decode(value).ok_or_else(scripts::unreadable)?.record;
        Ok(record.is_kept(now).then(|| record.view(key.clone(), now)))
    }

    /// One script call reads up to a hundred records; in a cluster, those of one partition.
    async fn lookup_many(&self, keys: &[EventKey]) -> Result<Vec<Option<RecordView>>, StoreError> {
        self.ready().await?;
        lookups::many(&self.link, &self.layout, &self.in_slots, keys).await
    }

    /// A mark of the command stays for as long as the call may take: if the command is sent again,
    /// by this store or by the client of a cluster, it still reports that there was a record.
    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.ready().await?;
        self.forget_where(key, false).await
    }

    async fn forget_done(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.ready().await?;
        self.forget_where(key, true).await
    }

    async fn unfinished(
        &self,
        provider: &Name,
        limit: usize,
    ) -> Result<Vec<RecordView>, StoreError> {
        let scan = Scan::new(&self.link, &self.layout, Some(provider));
        scan.unfinished(limit).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        Scan::new(&self.link, &self.layout, None).counts().await
    }
}

#[cfg(test)]
mod tests;
