//! A store remembers which events were handled.
//!
//! A [`Store`] keeps one record per event key. A receiver claims the key of each delivery; if
//! several try, one gets it. That receiver handles the event and completes the record, or releases
//! it if handling failed. If it dies, its lease ends and the next delivery may claim the key.
//!
//! | state | what it means | a claim by someone else gets |
//! | --- | --- | --- |
//! | absent | never seen, or forgotten after its retention | the first attempt |
//! | claimed | one holder is at work until its lease ends | [`InProgress`](ClaimOutcome::InProgress) |
//! | lapsed | claimed, but the lease ended without a finish | the next attempt |
//! | released | the last attempt failed | the next attempt |
//! | done | handled; the answer is kept | [`Done`](ClaimOutcome::Done) with that answer |
//!
//! Where a key was claimed or done with other content, the claim gets
//! [`OtherInProgress`](ClaimOutcome::OtherInProgress) or [`OtherDone`](ClaimOutcome::OtherDone)
//! instead: the caller decides whether that is a duplicate or a conflict. After a failure other
//! content is taken, and [`Grant::corrected`] says so.
//!
//! The rules themselves are pure functions in [`record`], which also shows how a store calls or
//! translates them.
//!
//! # What a store guarantees
//!
//! - **One holder.** At any time at most one token holds a live claim on a key.
//! - **One step each.** A command on a record happens as a whole or not at all; a batch of
//!   renewals is a step per record.
//! - **Sent twice, done once.** Any command may be sent again if its reply was lost. A claim finds
//!   its own claim, and a finish finds itself.
//! - **The overtaken change nothing.** Only the token that holds the claim can complete, release or
//!   renew it. A holder whose lease is over still holds until someone else claims.
//! - **Fences grow.** Every grant of a key has a larger [fence](Grant::fence) than those before it.
//!   This holds after a release, and after a lost record as long as the store's clock goes forward.
//! - **Done stays done** until its retention is over, and no record is dropped earlier to make
//!   room: a full store says so.
//! - **A record outlives its lease**, whatever retention was asked for.
//! - **The store's clock counts**, never the caller's.
//!
//! A store does not guarantee that the effect of a handler happens once if, between the effect and
//! `complete`, the process dies, or is stopped or cut off from the store until its lease is over. An
//! effect that is itself unique per event key closes that gap. A fence closes the other one, in which a
//! holder sleeps through its lease before its effect and then continues as if nothing had happened.
//!
//! Nor does it if the store's clock is set forward past the end of a lease: another receiver may then
//! claim, and the holder learns this at its next renewal. Setting the clock back ends no lease early. A
//! lease that is then further from its end than it is long gets its full length again from the first
//! claim or wait that meets it.
//!
//! ```
//! use std::time::Duration;
//! use tower_webhook::store::{
//!     Claim, ClaimOutcome, Complete, Held, MemoryStore, Store, StoredResponse, Token,
//! };
//! use tower_webhook::{EventKey, Fingerprint, Name};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::new();
//! let key = EventKey::new(Name::new("acme")?, ["evt_1"])?;
//! let fingerprint = Fingerprint::of(b"paid 100.50");
//! let retention = Duration::from_secs(72 * 3_600);
//! let delivery = || {
//!     let lease = Duration::from_secs(15);
//!     let claim = Claim::new(key.clone(), Token::random()?, fingerprint, lease, retention);
//!     Ok::<_, tower_webhook::store::StoreError>(claim)
//! };
//!
//! let first = delivery()?;
//! let ClaimOutcome::Claimed(grant) = store.claim(&first).await? else {
//!     return Err("a new event is granted".into());
//! };
//! assert_eq!(grant.attempt, 1);
//!
//! // A duplicate arrives while the first delivery is being handled.
//! assert_eq!(store.claim(&delivery()?).await?, ClaimOutcome::InProgress);
//!
//! let response = StoredResponse::new(200);
//! let complete =
//!     Complete::new(key.clone(), first.token, grant, fingerprint, response.clone(), retention);
//! assert_eq!(store.complete(&complete).await?, Held::Held);
//!
//! // Another duplicate arrives later.
//! assert_eq!(store.claim(&delivery()?).await?, ClaimOutcome::Done(response));
//! # Ok(())
//! # }
//! ```

mod command;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod identity;
#[cfg(all(feature = "inbox", any(feature = "postgres", feature = "redis")))]
mod loss;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
pub mod record;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod server_clock;
mod shared;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
mod token;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod transaction;

use std::future::Future;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::event::{EventKey, Name};

#[cfg(feature = "postgres")]
pub use self::postgres::PostgresJournal;
#[cfg(feature = "postgres")]
pub use self::postgres::{
    PostgresConnectError, PostgresConnectErrorKind, PostgresFinding, PostgresReport,
    PostgresSetting, PostgresStore, PostgresStoreBuilder, PostgresVerdict, TxDriver,
};
#[cfg(all(feature = "postgres", feature = "inbox"))]
pub use self::postgres::{PostgresInbox, PostgresInboxBuilder};
#[cfg(feature = "redis")]
pub use self::redis::{
    RedisConnectError, RedisConnectErrorKind, RedisConnection, RedisFinding, RedisReport,
    RedisSetting, RedisStore, RedisStoreBuilder, RedisVerdict,
};
#[cfg(all(feature = "redis", feature = "inbox"))]
pub use self::redis::{RedisInbox, RedisInboxBuilder};
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteJournal;
#[cfg(feature = "sqlite")]
pub use self::sqlite::{
    SqliteConnectError, SqliteConnectErrorKind, SqliteStore, SqliteStoreBuilder,
};
#[cfg(all(feature = "sqlite", feature = "inbox"))]
pub use self::sqlite::{SqliteInbox, SqliteInboxBuilder};
pub use command::{
    Claim, ClaimOutcome, Complete, ContentType, Counts, Grant, Held, RecordState, RecordView,
    Release, Renew, StoredResponse,
};
pub use error::{StoreError, StoreErrorKind};
pub use identity::StoreIdentity;
pub use memory::MemoryStore;
#[cfg(feature = "inbox")]
pub(crate) use memory::StoreClock;
pub use shared::SharedStore;
pub use token::Token;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) use transaction::{Begin, Finished, OpenTransaction, Opened, Ticket};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use transaction::{Transactions, TxError, TxErrorKind};

/// How many lookups run at a time.
const LOOKUPS_AT_A_TIME: usize = 64;

/// Looks several events up one by one, for stores that have no lookup of many.
pub(crate) async fn each_looked_up<'a, T, Fut>(
    keys: &'a [EventKey],
    look: impl Fn(&'a EventKey) -> Fut,
) -> Result<Vec<T>, StoreError>
where
    Fut: Future<Output = Result<T, StoreError>>,
{
    let looks: Vec<_> = keys.iter().map(look).collect();
    let looks = stream::iter(looks).buffered(LOOKUPS_AT_A_TIME);
    looks.try_collect().await
}

/// Keeps one record per event key, with the guarantees that the [module](self) lists. To check a
/// store of your own, use `testing::check_store` of the feature `testing`.
///
/// Only [`identity`](Store::identity), [`for_renewals`](Store::for_renewals), [`for_items`](Store::for_items),
/// [`lookup_many`](Store::lookup_many) and, with a SQL database, `transactions` have a default body: every other
/// method is a promise that only the store itself can keep. The future of every method may be dropped half-way, and
/// the call repeated.
///
/// A store that wraps another one forwards every call, including those with a default body if the inner store
/// has a better one:
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::store::{
///     Claim, ClaimOutcome, Complete, Counts, Held, RecordView, Release, Renew, StoreError, StoreIdentity,
/// };
/// use tower_webhook::{EventKey, MemoryStore, Name, SharedStore, Store};
///
/// /// Prints which events are taken over from a receiver that has died.
/// struct TellsTakeOvers<S>(S);
///
/// impl<S: Store> Store for TellsTakeOvers<S> {
///     async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
///         let outcome = self.0.claim(claim).await?;
///         if let ClaimOutcome::Claimed(grant) = &outcome && grant.attempt > 1 {
///             println!("attempt {} at {}", grant.attempt, claim.key);
///         }
///         Ok(outcome)
///     }
///
///     async fn complete(&self, complete: &Complete) -> Result<Held, StoreError> {
///         self.0.complete(complete).await
///     }
///
///     async fn release(&self, release: &Release) -> Result<Held, StoreError> {
///         self.0.release(release).await
///     }
///
///     async fn renew(&self, renewals: &[Renew]) -> Result<Vec<Held>, StoreError> {
///         self.0.renew(renewals).await
///     }
///
///     async fn wait(&self, key: &EventKey, limit: Duration) {
///         self.0.wait(key, limit).await;
///     }
///
///     async fn lookup(&self, key: &EventKey) -> Result<Option<RecordView>, StoreError> {
///         self.0.lookup(key).await
///     }
///
///     async fn lookup_many(&self, keys: &[EventKey]) -> Result<Vec<Option<RecordView>>, StoreError> {
///         self.0.lookup_many(keys).await
///     }
///
///     async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
///         self.0.forget(key).await
///     }
///
///     async fn forget_done(&self, key: &EventKey) -> Result<bool, StoreError> {
///         self.0.forget_done(key).await
///     }
///
///     async fn unfinished(&self, provider: &Name, limit: usize) -> Result<Vec<RecordView>, StoreError> {
///         self.0.unfinished(provider, limit).await
///     }
///
///     async fn counts(&self) -> Result<Counts, StoreError> {
///         self.0.counts().await
///     }
///
///     fn identity(&self) -> Option<StoreIdentity> {
///         self.0.identity()
///     }
///
///     fn for_renewals(&self) -> Option<SharedStore> {
///         self.0.for_renewals()
///     }
///
///     // Not `for_items`: its claims would bypass this store. They come one by one.
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), StoreError> {
/// let store = TellsTakeOvers(MemoryStore::new());
/// assert_eq!(store.counts().await?.done, 0);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Every method but [`wait`](Store::wait) fails with a [`StoreError`] if the store cannot be
/// reached, does not answer in time, refuses the command or cannot read what it holds. It is then
/// unknown whether the command took effect, except with [`StoreErrorKind::Full`], which means that
/// nothing was changed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a store",
    label = "not a store that is open",
    note = "a store is opened first, with the `.await` and the `?`: `RedisStore::connect(url).await?`, \
            `SqliteStore::connect(path).await?`, `PostgresStore::connect(url).await?`",
    note = "an inbox is no store: it goes by `.inbox(…)`"
)]
pub trait Store: Send + Sync + 'static {
    /// Which records these are, so that two webhooks do not get the same ones under one name by
    /// mistake. A store that wraps another one returns the identity of the inner store.
    ///
    /// `None`, the default, means that the store cannot tell: only clones of one [`SharedStore`]
    /// then count as the same.
    fn identity(&self) -> Option<StoreIdentity> {
        None
    }

    /// Asks for the right to handle an event.
    ///
    /// If the token already holds the claim, it gets the same grant and its lease is set anew.
    fn claim(&self, claim: &Claim)
    -> impl Future<Output = Result<ClaimOutcome, StoreError>> + Send;

    /// Marks an event as handled.
    ///
    /// A store that has lost the record writes it anew as done. Sent again, the command changes
    /// nothing and is [`Held::Held`].
    fn complete(
        &self,
        complete: &Complete,
    ) -> impl Future<Output = Result<Held, StoreError>> + Send;

    /// Gives a claim back after a failure; the attempt stays counted.
    ///
    /// Sent again, or without a record, the command changes nothing and is [`Held::Held`].
    fn release(&self, release: &Release) -> impl Future<Output = Result<Held, StoreError>> + Send;

    /// Gives claims more time.
    ///
    /// The answers are in the order of the commands. Each renewal is a step of its own: after an
    /// error of any kind, some may have taken effect. A receiver asks for up to 256 at once. After
    /// an error it asks for each one separately, so that one record costs no other its lease.
    fn renew(
        &self,
        renewals: &[Renew],
    ) -> impl Future<Output = Result<Vec<Held>, StoreError>> + Send;

    /// A handle to the same records for renewals, which then run on a runtime of this crate: claims
    /// stay renewed even if handlers block every thread of the receiver's runtime.
    ///
    /// It must not depend on the runtime in which the store was made or is used, for example on a
    /// connection that is driven there. If it would, return `None`, the default: claims are then
    /// renewed on the runtime of their handlers.
    fn for_renewals(&self) -> Option<SharedStore> {
        None
    }

    /// Begins the transactions of handlers that take a [`Tx`](crate::Tx) of this store's database. A
    /// store that wraps another one returns what the inner store returns.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    fn transactions(&self) -> Option<Transactions> {
        None
    }

    /// A handle to the same records for a delivery that holds several events: their claims come at the
    /// same time, and so do many of their completions. The handle may send these together, although each
    /// stays a command of its own.
    ///
    /// `None`, the default, means that they come one by one.
    fn for_items(&self) -> Option<SharedStore> {
        None
    }

    /// Waits, at most for `limit`, until the record may have changed so that another claim is worth
    /// a try: it was finished, released or forgotten, or its lease is over.
    ///
    /// It returns at once if nobody is at work on the event, and may return early. It grants
    /// nothing: the caller claims again, and at most one of many callers gets the grant.
    fn wait(&self, key: &EventKey, limit: Duration) -> impl Future<Output = ()> + Send;

    /// The record of an event.
    fn lookup(
        &self,
        key: &EventKey,
    ) -> impl Future<Output = Result<Option<RecordView>, StoreError>> + Send;

    /// The records of several events, in the order of their keys.
    ///
    /// They are read one by one, some at a time, unless a store can do better.
    fn lookup_many(
        &self,
        keys: &[EventKey],
    ) -> impl Future<Output = Result<Vec<Option<RecordView>>, StoreError>> + Send {
        each_looked_up(keys, |key| self.lookup(key))
    }

    /// Removes the record of an event, whatever its state, and says whether there was one.
    ///
    /// The next delivery is then handled as if it were the first. This is for an operator who wants
    /// exactly that: a handler that is at work on the event is not stopped.
    fn forget(&self, key: &EventKey) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes the record of an event if it is done, in one step, and says whether it was.
    ///
    /// A record that somebody is at work on stays, whatever its state was a moment before.
    fn forget_done(&self, key: &EventKey) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Up to `limit` records of a provider, across all its tenants, that were not handled and that
    /// nobody is at work on: released, or claimed with the lease over. In no particular order.
    ///
    /// Records that stay here are those whose events the sender will not send again.
    fn unfinished(
        &self,
        provider: &Name,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<RecordView>, StoreError>> + Send;

    /// How many records there are in each state.
    fn counts(&self) -> impl Future<Output = Result<Counts, StoreError>> + Send;
}
