//! Where events wait until a worker has handled them.
//!
//! A [`Webhook`](crate::Webhook) with an inbox acknowledges a delivery as soon as its event is
//! durably held. A worker, in this process or in another one, runs the handler later: with retries,
//! under a lease, until the event is done or in the dead letters. An [`Inbox`] stores one entry per
//! event, which is also its record and decides how duplicates are answered.
//!
//! # What becomes of an entry
//!
//! | status | a delivery of the same event gets | who moves it on, and when |
//! | --- | --- | --- |
//! | absent | success, and it is queued | |
//! | queued | success: it is a duplicate | a worker, at once |
//! | waiting (the last attempt failed) | success; other content is accepted and runs next | a worker, when its delay is over |
//! | running | success: it is a duplicate | its worker: done, retried, or dead |
//! | lapsed (its worker died, or was cut off) | success: it is a duplicate | any worker takes it over, from the end of the lease on; if that was its last attempt, it is dead |
//! | done | success: it is a duplicate | nobody; it is forgotten after the retention |
//! | dead | success, and it is revived with the newest content; "not now" if it was revived a short while ago | an operator (redrive, discard), or a redelivery |
//! | discarded | success: it is a duplicate | nobody; it is forgotten after the retention |
//! | stale (it was overtaken) | success: it is a duplicate | an operator, by [force](Redrive::force); else it is forgotten after the retention |
//! | mismatched (it is not true) | success: it is a duplicate; other content is treated as if there were no entry | nobody; it is forgotten after the retention |
//!
//! Other content under a key that is the sender's own signed id is a duplicate too. Under any other key it is a
//! conflict, 422, while the entry is queued, running, done, discarded or stale. The exception is an entry that is
//! queued again after it was dead: failed content may be replaced. An entry that is not done, discarded, stale or
//! mismatched has no end of retention: it stays until it is moved on.
//!
//! If the inbox shares its storage with a store of records, as in one SQLite file, an event that
//! was handled inline before is a duplicate (other content as above). An event that is being
//! handled inline is "not now", and one whose inline attempt failed is queued.
//!
//! # What is to be confirmed
//!
//! Content that needs a [`Confirm`](crate::Confirm) is accepted under a separate key and route
//! ([`EventKey::is_unconfirmed`], [`Route::is_unconfirmed`]). Up to eight contents of one event
//! wait side by side, and each makes only itself a duplicate. The inbox treats these entries like
//! others, with two exceptions: they use up no [rate](Rate), and content that was [held
//! unconfirmed](Accept::was_held) is accepted even if the inbox is full. A worker accepts the first
//! true content under the key of the event; the others end as [mismatched](Verdict::Mismatched).
//!
//! # What an inbox guarantees
//!
//! - **Accepted is kept.** [`Inbox::accept`] answers once the event is as durable as the inbox is.
//!   Nothing is dropped to make room: a full inbox reports that, and the sender retries.
//! - **One holder.** At any time at most one token holds an entry.
//! - **One step each.** A command on an entry is executed as a whole or not at all.
//! - **Sent twice, done once.** Any command but [`Take`] may be resent if its reply was lost. If
//!   the reply to a [`Take`] is lost, its entries are taken over once its lease is over.
//! - **An attempt counts when its handler begins**: the first one [with the take](Take::begins),
//!   whose handler runs at once, others by [`Begin`]. Being given back costs none.
//! - **The overtaken change nothing.** A holder whose lease is over still holds until another one takes the entry.
//! - **Fences grow**, from one attempt to the next and through every revival.
//! - **The inbox's clock counts**, never the caller's.
//!
//! The rules themselves are pure functions: [`EntryCommand`] and [`Take::apply`].
//!
//! # Order
//!
//! Events of one [order key](crate::event::OrderRule) of one route run one at a time, in the order in which they are
//! due. Events of other keys, and those without one, run in parallel. If an inbox spans several servers with their
//! own clocks, as on a cluster of Redis, its documentation says when that order may differ.
//!
//! - The first event that is taken *holds* its key until it is done, dead or discarded: while it runs, while it waits
//!   for another attempt, and while a dead worker has it. Other events that are due are passed over until then.
//! - An event that is strictly older than the newest completed version is stale: a worker that would take it skips
//!   it, and it stays with its body until its retention is over. An event with the same version, or none, runs.
//! - A dead event holds nothing back, unless its rule says [`dead_hold_back`](crate::event::Order).
//! - A version is known for the retention of the event that was completed with it.
//! - Redriving an event that is stale, or is dead and was overtaken, returns [`Moved::Stale`] and
//!   changes nothing without [force](Redrive::force).
//!
//! # Rates
//!
//! [`Inbox::set_rate`] holds back the entries of a provider, and those of each of its order keys: within a time, no
//! more are taken than a [`Rate`] allows. Entries that are held back stay queued, use up no attempt, and are taken
//! when their turn comes. A rate and its usage persist until it is lifted, through restarts too.
//!
//! # For an inbox of your own
//!
//! An inbox on a database stores three things for this:
//!
//! - with each entry its [`Entry::order`], if it has one: key, version (64 bits with a sign, or none) and two flags;
//! - for each order key of a route one [`OrderState`], in a separate row: holder, newest version
//!   and its end, and until when its rate is used up. It is absent until it is needed, and may be
//!   deleted from [`OrderState::kept_until`] on;
//! - for each rate its numbers, and [`Limit::used_until`] if it applies to a whole provider.
//!
//! | command | its effect on order |
//! | --- | --- |
//! | [`Inbox::accept`] | writes the entry's order; applies [`EntryStep::order`], if there is one, to the key that the entry had before |
//! | [`Inbox::take`] | passes over entries whose key another one holds ([`OrderState::lets`]), and those that a rate holds back ([`Limit::lets`]) *before* it counts how many it has; calls [`Take::apply`], and applies [`EntryStep::order`] in the same step as the entry. It continues after an entry that was [skipped](TakeOutcome::Stale), or written and not taken |
//! | [`Inbox::finish`], [`Inbox::discard`] | apply [`EntryStep::order`], and wake waiting callers: another entry may be free |
//! | [`Inbox::redrive`] | calls [`Redrive::against_order`] first |
//! | [`Inbox::forget`] | applies [`OrderChange::Free`] |
//! | [`Inbox::begin`], [`Inbox::extend`] | nothing |
//!
//! [`OrderState::after`] applies an [`OrderChange`]. As a conditional command it is: hold, if no other entry holds;
//! free, if this entry holds; complete, the same and the larger of two versions. Two takes of one key at once must
//! not both hold it: the row of the key is locked, or written conditionally, before an entry is given away. If entry
//! and key cannot be written in one step, the key is held before the entry is taken and freed after it has ended. A
//! crash in between leaves a key held by an entry that no longer holds it, and whoever finds that frees it. Stale
//! entries keep their content until they are removed.
//!
//! # What an operator does
//!
//! ```
//! use std::time::Duration;
//! use tower_webhook::Name;
//! use tower_webhook::inbox::{Discard, EntryStatus, Inbox, List, MemoryInbox, Moved, Redrive, Route};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let inbox = MemoryInbox::new();
//! for dead in inbox.list(&List::of(EntryStatus::Dead).limit(20)).await? {
//!     let last = dead.entry.history.iter().last();
//!     let moved = match last.is_some_and(|failed| failed.reason.contains("no such account")) {
//!         // Its deliveries are duplicates for one more day.
//!         true => inbox.discard(&Discard::new(dead.key, Duration::from_secs(86_400))).await?,
//!         // A minute from now.
//!         false => {
//!             let redrive = Redrive::new(dead.key).after(Duration::from_secs(60));
//!             inbox.redrive(&redrive).await?
//!         }
//!     };
//!     // `NotFrom` if a delivery has revived it in between.
//!     println!("{}", moved == Moved::Done);
//! }
//!
//! // The order keys that an event is working on, or holds back.
//! let bloquo = Route::parse("bloquo").ok_or("a route")?;
//! for held in inbox.held_order_keys(&bloquo, 20).await?.unwrap_or_default() {
//!     println!("{:?} is held by {}", held.key, held.holder);
//! }
//!
//! // Its events are accepted, and wait.
//! let stripe = Name::new("stripe")?;
//! inbox.set_paused(&stripe, true).await?;
//! assert_eq!(inbox.paused().await?, [stripe]);
//! # Ok(())
//! # }
//! ```

mod command;
mod dead_letters;
mod entry;
mod envelope;
mod fair;
mod memory;
mod order;
mod rate;
mod route;
mod rules;
mod shared;
mod unconfirmed;
mod view;
mod worker_id;

use std::future::Future;
use std::time::Duration;

use crate::event::{EventKey, Name};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use crate::store::Transactions;
use crate::store::{Held, StoreError, StoreIdentity, each_looked_up};

pub use command::{
    Accept, Accepted, Begin, Begun, Content, Discard, Extend, Finish, Moved, Redrive, Take, Taken,
    Verdict,
};
pub use dead_letters::{DeadLetters, ManyMoved};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) use entry::LONE_FROM;
pub use entry::{Entry, EntryState, EntryStatus, FailedAttempt, History};
pub(crate) use envelope::Envelope;
#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
pub(crate) use fair::fair;
pub use memory::MemoryInbox;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) use order::tell_stale;
pub use order::{OrderChange, OrderState};
pub use rate::{Limit, Rate, RateOf, RateView};
pub use route::Route;
pub use rules::{EntryCommand, EntryStep, TakeOutcome};
pub use shared::SharedInbox;
pub(crate) use unconfirmed::{binds, later, places, settled, standing};
pub use view::{EntryCounts, EntryView, HeldOrderKey, List};
pub use worker_id::WorkerId;

#[cfg(feature = "postgres")]
pub use crate::store::{PostgresInbox, PostgresInboxBuilder};
#[cfg(feature = "redis")]
pub use crate::store::{RedisInbox, RedisInboxBuilder};
#[cfg(feature = "sqlite")]
pub use crate::store::{SqliteInbox, SqliteInboxBuilder};

/// Stores one entry per event until a worker has handled it; the [module](self) lists the guarantees.
/// `testing::check_inbox` of the feature `testing` checks whether your own inbox gives them.
///
/// No method but [`identity`](Inbox::identity), [`for_renewals`](Inbox::for_renewals),
/// [`lookup_many`](Inbox::lookup_many), [`held_order_keys`](Inbox::held_order_keys) and `transactions` has a default
/// body: each is a promise that only the inbox itself can keep. The future of any method may be dropped half-way.
///
/// # Errors
///
/// Every method but [`wait`](Inbox::wait) fails with a [`StoreError`] if the inbox is out of reach, does not answer
/// in time, refuses the command or cannot read its data. It is then unknown whether the command took effect, except
/// with [`StoreErrorKind::Full`](crate::store::StoreErrorKind::Full): nothing was changed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an inbox",
    label = "not an inbox that is open",
    note = "an inbox is opened first, with the `.await` and the `?`: `SqliteInbox::connect(path).await?`",
    note = "a store is no inbox: it goes by `.store(…)`"
)]
pub trait Inbox: Send + Sync + 'static {
    /// Which entries these are; see [`Store::identity`](crate::Store::identity).
    fn identity(&self) -> Option<StoreIdentity> {
        None
    }

    /// Stores an event, unless it is known. The answer is given once it is durable.
    fn accept(&self, accept: &Accept) -> impl Future<Output = Result<Accepted, StoreError>> + Send;

    /// Takes entries that are due, of the routes whose providers are not paused: from each route in
    /// turn, the earliest due first. It begins with a different route each time, as if at random,
    /// so that each route has its turn even if takes request one entry, or have room for few bytes.
    ///
    /// An entry that cannot be read is passed over, and does not affect the others.
    fn take(&self, take: &Take) -> impl Future<Output = Result<Vec<Taken>, StoreError>> + Send;

    /// Begins an attempt at a taken entry.
    fn begin(&self, begin: &Begin) -> impl Future<Output = Result<Begun, StoreError>> + Send;

    /// Gives entries more time.
    ///
    /// The answers are in the order of the commands. Each command is a separate step.
    fn extend(
        &self,
        extensions: &[Extend],
    ) -> impl Future<Output = Result<Vec<Held>, StoreError>> + Send;

    /// Reports the outcome of an entry.
    fn finish(&self, finish: &Finish) -> impl Future<Output = Result<Held, StoreError>> + Send;

    /// Waits until there may be something to take, at most `limit`. It may return early.
    fn wait(&self, limit: Duration) -> impl Future<Output = ()> + Send;

    /// A handle to the same entries that does not depend on the runtime in which the inbox was
    /// made;
    /// see [`Store::for_renewals`](crate::Store::for_renewals).
    fn for_renewals(&self) -> Option<SharedInbox> {
        None
    }

    /// The transactions that a handler's [`Tx`](crate::Tx) of this inbox's database begins with, in
    /// its workers; see
    /// [`Store::transactions`](crate::Store::transactions).
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    fn transactions(&self) -> Option<Transactions> {
        None
    }

    /// The entry of an event, with its body while that is needed.
    fn lookup(
        &self,
        key: &EventKey,
    ) -> impl Future<Output = Result<Option<EntryView>, StoreError>> + Send;

    /// The entries of several events, in the order of their keys.
    ///
    /// They are read separately, some at a time, unless an inbox overrides this.
    fn lookup_many(
        &self,
        keys: &[EventKey],
    ) -> impl Future<Output = Result<Vec<Option<EntryView>>, StoreError>> + Send {
        each_looked_up(keys, |key| self.lookup(key))
    }

    /// Entries with one status, without their bodies, in a stable order.
    fn list(&self, list: &List) -> impl Future<Output = Result<Vec<EntryView>, StoreError>> + Send;

    /// Queues a dead entry again.
    fn redrive(&self, redrive: &Redrive) -> impl Future<Output = Result<Moved, StoreError>> + Send;

    /// Ends a dead, queued or waiting entry.
    fn discard(&self, discard: &Discard) -> impl Future<Output = Result<Moved, StoreError>> + Send;

    /// Removes the entry of an event, whatever its status, and returns whether there was one.
    ///
    /// The next delivery then counts as the first. A handler that is at work on the event is not
    /// stopped.
    fn forget(&self, key: &EventKey) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes the entry of an event that is done, discarded or stale, in one step, and returns
    /// whether it did.
    ///
    /// An entry that waits or is being worked on stays, even if it had ended a moment before.
    fn forget_ended(&self, key: &EventKey)
    -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// How many entries there are with each status.
    fn counts(&self) -> impl Future<Output = Result<EntryCounts, StoreError>> + Send;

    /// Pauses the provider: none of its entries are taken until that is reset, but they are still
    /// accepted. It lasts as long as the entries do. Returns whether that changed anything.
    fn set_paused(
        &self,
        provider: &Name,
        paused: bool,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The providers whose entries are not taken.
    fn paused(&self) -> impl Future<Output = Result<Vec<Name>, StoreError>> + Send;

    /// Limits how many entries of this provider are taken to this rate; `None` lifts the limit. Workers of other
    /// processes may learn of it only when they next poll. The limit lasts as long as the entries do, together with
    /// its usage. A new provider rate starts unused. For each order key the former usage still counts, as far as the
    /// new rate can be used. Returns whether that changed anything.
    fn set_rate(
        &self,
        provider: &Name,
        of: RateOf,
        rate: Option<Rate>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The rates that are set.
    fn rates(&self) -> impl Future<Output = Result<Vec<RateView>, StoreError>> + Send;

    /// Up to `limit` order keys of this route that are held by an event which is running, will be
    /// retried, or is dead and holds its key back; as far as a few thousand entries show.
    ///
    /// `None`, the default, means that the inbox cannot list them.
    fn held_order_keys(
        &self,
        _route: &Route,
        _limit: usize,
    ) -> impl Future<Output = Result<Option<Vec<HeldOrderKey>>, StoreError>> + Send {
        std::future::ready(Ok(None))
    }
}

#[cfg(test)]
mod tests;
