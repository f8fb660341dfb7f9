//! Where events wait until a worker has handled them.
//!
//! A [`Webhook`](crate::Webhook) with an inbox acknowledges a delivery as soon as its event is
//! durably held, and a worker, in this process or in another one, runs the handler later: with
//! retries, under a lease, until the event is done or in the dead letters. An [`Inbox`] keeps one
//! entry per event, which is also its record: it says what a duplicate is told.
//!
//! # What becomes of an entry
//!
//! | status | a delivery of the same event gets | who moves it on, and when |
//! | --- | --- | --- |
//! | absent | success, and it is queued | |
//! | queued | success: it is a duplicate | a worker, at once |
//! | waiting (the last attempt failed) | success; other content is taken and runs next | a worker, when its delay is over |
//! | running | success: it is a duplicate | its worker: done, to be tried again, or dead |
//! | lapsed (its worker died, or was cut off) | success: it is a duplicate | any worker takes it over, from the end of the lease on; where that was its last attempt, it is dead |
//! | done | success: it is a duplicate | nobody; it is forgotten after the retention |
//! | dead | success, and it is revived with the newest content; "not now" where that was done a short while ago | an operator (redrive, discard), or a redelivery |
//! | discarded | success: it is a duplicate | nobody; it is forgotten after the retention |
//! | stale (it was overtaken) | success: it is a duplicate | an operator, by [force](Redrive::force); else it is forgotten after the retention |
//! | mismatched (it is not true) | success: it is a duplicate; other content is as new as without the entry | nobody; it is forgotten after the retention |
//!
//! Other content under a key that is the sender's own signed id is a duplicate too. Under any other
//! key it is a conflict, 422, while the entry is queued, running, done, discarded or stale, unless it is
//! queued again after it was dead: what failed may be replaced. What is not done, discarded,
//! stale or mismatched has no end of retention: it stays until somebody has moved it on.
//!
//! Where the inbox stands beside a store of records, as in one SQLite file, an event that was handled
//! inline before is a duplicate (other content as above), one that is being handled inline is "not now",
//! and one whose inline attempt failed is queued.
//!
//! # What is to be confirmed
//!
//! Content that a [`Confirm`](crate::Confirm) is to be asked about is accepted under a key and a route of its own
//! ([`EventKey::is_unconfirmed`], [`Route::is_unconfirmed`]): up to eight contents of one event wait side by side, and
//! make nothing a duplicate but themselves. To the inbox these are entries like others, but for two things: no
//! [rate](Rate) is used for them, and what was [held so](Accept::was_held) is accepted although the inbox is full. A
//! worker accepts the first that is true under the key of the event; the others end as
//! [mismatched](Verdict::Mismatched).
//!
//! # What an inbox guarantees
//!
//! - **Accepted is kept.** [`Inbox::accept`] answers once the event is as durable as the inbox is.
//!   Nothing is dropped to make room: a full inbox says so, and the sender comes again.
//! - **One holder.** At any time at most one token holds an entry.
//! - **One step each.** A command on an entry happens as a whole or not at all.
//! - **Sent twice, done once.** Any command but [`Take`] may be sent again when its reply was lost. What
//!   a lost reply to a [`Take`] has taken is taken over once its lease is over.
//! - **An attempt counts when its handler begins**: the first one [with the take](Take::begins), which has it run at
//!   once, others by [`Begin`]. Being given back costs none.
//! - **The overtaken change nothing.** A holder whose lease is over still holds until somebody else
//!   takes the entry.
//! - **Fences grow**, from one attempt to the next and through every revival.
//! - **The inbox's clock counts**, never the caller's.
//!
//! The rules themselves are pure functions: [`EntryCommand`] and [`Take::apply`].
//!
//! # Order
//!
//! Events of one [order key](crate::event::OrderRule) of one route run one at a time, in the order in which they
//! are due; those of other keys, and those without one, run beside them. Where an inbox spans several servers with clocks
//! of their own, as on a cluster of Redis, it says when that order may be another one.
//!
//! - The first that is taken *holds* its key until it is done, dead or discarded: while it runs, while it
//!   waits for another attempt, and while a dead worker has it. Others that are due are passed over until then.
//! - One that is strictly older than the newest version that was completed is stale: whoever would take it
//!   skips it, and it stays with its body until its retention is over. What has the same version, or none, runs.
//! - One that is dead holds nothing back, unless its rule says [`dead_hold_back`](crate::event::Order).
//! - A version is known for the retention of the event that was completed with it.
//! - To redrive what is stale, or is dead and was overtaken, is answered with [`Moved::Stale`] and changes nothing
//!   without [force](Redrive::force).
//!
//! # Rates
//!
//! [`Inbox::set_rate`] holds back the entries of a provider, and those of each of its order keys: no more are
//! taken in a time than a [`Rate`] says. What is held back is queued, costs no attempt, and is taken when its
//! turn comes. A rate stays with what was used of it until it is lifted, through restarts too.
//!
//! # For an inbox of your own
//!
//! An inbox on a database keeps three things for this:
//!
//! - with each entry its [`Entry::order`], if it has one: key, version (64 bits with a sign, or none) and two flags;
//! - for each order key of a route one [`OrderState`], a row of its own: holder, newest version and its end, and
//!   until when its rate is used up. It is absent until it is needed, and may go from
//!   [`OrderState::kept_until`] on;
//! - for each rate its numbers, and [`Limit::used_until`] where it is for all of a provider.
//!
//! | command | what it does about order |
//! | --- | --- |
//! | [`Inbox::accept`] | writes the entry's order; applies [`EntryStep::order`], if there is one, to the key that the entry had before |
//! | [`Inbox::take`] | passes over entries whose key another one holds ([`OrderState::lets`]), and those that a rate holds back ([`Limit::lets`]) *before* it counts how many it has; asks [`Take::apply`], and applies [`EntryStep::order`] in the same step as the entry. After what was [skipped](TakeOutcome::Stale), or is written and not taken, it goes on |
//! | [`Inbox::finish`], [`Inbox::discard`] | apply [`EntryStep::order`], and wake who waits: another entry may be free |
//! | [`Inbox::redrive`] | asks [`Redrive::against_order`] first |
//! | [`Inbox::forget`] | applies [`OrderChange::Free`] |
//! | [`Inbox::begin`], [`Inbox::extend`] | nothing |
//!
//! An [`OrderChange`] is applied by [`OrderState::after`]; as a conditional command it is: hold, where nobody else
//! holds; free, where this entry holds; complete, the same and the larger of two versions. Two takes of one key at
//! once must not both hold it: the row of the key is locked, or written conditionally, before an entry is given
//! away. Where entry and key cannot be written in one step, the key is held before the entry is taken and
//! freed after it has ended: a death in between leaves a key that is held by an entry which holds it no more, and
//! whoever finds that frees it. Stale entries keep their content, which goes with them.
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
//!         // Its deliveries are duplicates for a day more.
//!         true => inbox.discard(&Discard::new(dead.key, Duration::from_secs(86_400))).await?,
//!         // A minute from now.
//!         false => {
//!             let redrive = Redrive::new(dead.key).after(Duration::from_secs(60));
//!             inbox.redrive(&redrive).await?
//!         }
//!     };
//!     // `NotFrom` where a delivery has revived it in between.
//!     println!("{}", moved == Moved::Done);
//! }
//!
//! // Of which things an event is at work, or keeps the others waiting.
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

/// Keeps one entry per event until a worker has handled it; the [module](self) says what that
/// guarantees. Whether an inbox of your own does, `testing::check_inbox` of the feature `testing`
/// finds out.
///
/// No method but [`identity`](Inbox::identity), [`for_renewals`](Inbox::for_renewals),
/// [`lookup_many`](Inbox::lookup_many), [`held_order_keys`](Inbox::held_order_keys) and `transactions` has a default body: each is a promise that only the inbox itself can keep. Every one may be dropped half-way.
///
/// # Errors
///
/// Every method but [`wait`](Inbox::wait) fails with a [`StoreError`] where the inbox cannot be
/// reached, does not answer in time, refuses the command or cannot read what it holds. Nothing is
/// known then of whether the command took effect, save with
/// [`StoreErrorKind::Full`](crate::store::StoreErrorKind::Full): nothing was changed.
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

    /// Keeps an event, unless it is known. The answer is given once it is durable.
    fn accept(&self, accept: &Accept) -> impl Future<Output = Result<Accepted, StoreError>> + Send;

    /// Takes entries that are due, of the routes whose providers are not paused: from each route in
    /// turn, those first that were due first. It begins with another one each time, as by chance: where takes ask
    /// for one entry, or have room for few bytes, each route has its turn all the same.
    ///
    /// An entry that cannot be read costs the others nothing: it is passed over.
    fn take(&self, take: &Take) -> impl Future<Output = Result<Vec<Taken>, StoreError>> + Send;

    /// Begins an attempt at an entry that was taken.
    fn begin(&self, begin: &Begin) -> impl Future<Output = Result<Begun, StoreError>> + Send;

    /// Gives entries more time.
    ///
    /// The answers are in the order of the commands. Each is a step of its own.
    fn extend(
        &self,
        extensions: &[Extend],
    ) -> impl Future<Output = Result<Vec<Held>, StoreError>> + Send;

    /// Says what became of an entry.
    fn finish(&self, finish: &Finish) -> impl Future<Output = Result<Held, StoreError>> + Send;

    /// Waits until there may be something to take, at most `limit`. It may return early.
    fn wait(&self, limit: Duration) -> impl Future<Output = ()> + Send;

    /// A handle to the same entries that needs nothing of the runtime in which the inbox was made;
    /// see [`Store::for_renewals`](crate::Store::for_renewals).
    fn for_renewals(&self) -> Option<SharedInbox> {
        None
    }

    /// What handlers that take a [`Tx`](crate::Tx) of this inbox's database begin it with, in its workers; see
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
    /// They are read one by one, some at a time, unless an inbox can do better.
    fn lookup_many(
        &self,
        keys: &[EventKey],
    ) -> impl Future<Output = Result<Vec<Option<EntryView>>, StoreError>> + Send {
        each_looked_up(keys, |key| self.lookup(key))
    }

    /// Entries with one status, without their bodies, in an order that stays.
    fn list(&self, list: &List) -> impl Future<Output = Result<Vec<EntryView>, StoreError>> + Send;

    /// Queues a dead entry again.
    fn redrive(&self, redrive: &Redrive) -> impl Future<Output = Result<Moved, StoreError>> + Send;

    /// Ends a dead, queued or waiting entry.
    fn discard(&self, discard: &Discard) -> impl Future<Output = Result<Moved, StoreError>> + Send;

    /// Removes the entry of an event, whatever its status, and says whether there was one.
    ///
    /// The next delivery is then the first. A handler that is at work on the event is not stopped.
    fn forget(&self, key: &EventKey) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes the entry of an event that is done, discarded or stale, in one step, and says whether it was.
    ///
    /// One that waits or that somebody is at work on stays, whatever it was a moment before.
    fn forget_ended(&self, key: &EventKey)
    -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// How many entries there are with each status.
    fn counts(&self) -> impl Future<Output = Result<EntryCounts, StoreError>> + Send;

    /// Has no entries of this provider taken until that is set back; they are accepted all the same.
    /// It lasts as long as the entries do. Says whether that changed anything.
    fn set_paused(
        &self,
        provider: &Name,
        paused: bool,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The providers whose entries are not taken.
    fn paused(&self) -> impl Future<Output = Result<Vec<Name>, StoreError>> + Send;

    /// Has no more entries of this provider taken than this rate lets; `None` lifts the limit. Workers of other
    /// processes may know of it from their next look for what is due. It lasts as long as the entries do, with what was
    /// used of it. Of another rate of the provider nothing is used yet; for each order key what was used counts on, as
    /// far as the other rate can be used. Says whether that changed anything.
    fn set_rate(
        &self,
        provider: &Name,
        of: RateOf,
        rate: Option<Rate>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The rates that are set.
    fn rates(&self) -> impl Future<Output = Result<Vec<RateView>, StoreError>> + Send;

    /// Up to `limit` order keys of this route that an event holds which runs, is to be tried again, or is dead and
    /// holds its key back; as far as some thousand entries tell.
    ///
    /// `None`, as it is unless an inbox says otherwise: it cannot list them.
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
