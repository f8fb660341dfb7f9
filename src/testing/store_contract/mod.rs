use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::timeout;

use crate::reason::codes;
use crate::store::{SharedStore, Store};

mod crowd;
mod holders;
mod lookups;
mod records;
mod renewals;
mod scene;
pub(in crate::testing) mod violation;
mod waiting;

pub use violation::StoreViolation;
use violation::{Broken, Verdict};

/// No rule takes this long unless the store hangs.
const OVERALL: Duration = Duration::from_secs(60);

/// Checks a store of your own against everything that [the store module](crate::store) guarantees:
/// each [`StoreRule`] in turn, up to the first that it breaks.
///
/// The store may hold other records and be in use: the keys are new for each call, and are left in
/// the store. Leases and retentions whose end matters last 150 ms by the store's own clock, so the
/// check takes some seconds.
///
/// ```
/// use tower_webhook::MemoryStore;
/// use tower_webhook::testing::{StoreViolation, check_store};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), StoreViolation> {
/// // In a `#[tokio::test(flavor = "multi_thread")]`, with your store instead of this one.
/// check_store(MemoryStore::new()).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The first rule that is broken, with the expected and the actual result. A command that fails
/// breaks the rule it is part of, so give the store generous time limits on a slow machine.
pub async fn check_store(store: impl Store) -> Result<(), StoreViolation> {
    let store = SharedStore::new(store);
    for rule in StoreRule::ALL {
        rule.check(&store).await?;
    }
    Ok(())
}

/// A rule that every store must follow; all of them together are the contract.
///
/// ```
/// use tower_webhook::testing::StoreRule;
/// use tower_webhook::{MemoryStore, SharedStore};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let store = SharedStore::new(MemoryStore::new());
/// for rule in StoreRule::ALL {
///     match rule.check(&store).await {
///         Ok(()) => println!("{rule} holds"),
///         Err(violation) => println!("{violation}"),
///     }
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreRule {
    /// One token at a time holds a claim. Commands with any other token report that they do not
    /// hold it, and change nothing. Once the event is done, every claim gets the answer. A claim
    /// with other content is informed of that too.
    OneHolder,
    /// Status and body of an answer come back exactly as stored.
    AnswersComeBack,
    /// A command whose reply was lost recognizes its own effect when it is sent again, and counts
    /// nothing twice.
    CommandsSentAgain,
    /// After a release the next claim is granted: attempts are counted, fences grow, and content
    /// that differs from the last claim's is reported as corrected.
    ReleasedIsTakenUp,
    /// Once a lease is over, the next claim is granted, and the overtaken holder can no longer
    /// change anything.
    LapsedIsTakenUp,
    /// A holder whose lease is over still holds until somebody else claims.
    LateButAlone,
    /// If there is no record, `complete` writes it anew as done, with the attempt and fence that it
    /// carries; `release` and `renew` write nothing.
    LostRecords,
    /// Renewals in one call are answered in order, each for itself, and an empty call is allowed.
    RenewalsInOneCall,
    /// After its retention a record is as if it had never existed, except that the fence continues
    /// to grow.
    RetentionEnds,
    /// A record outlives its lease, whatever retention was requested.
    OutlivesItsLease,
    /// Different keys have different records: by provider, tenant, case, number of parts, and
    /// whatever their content or length.
    KeysApart,
    /// `forget` removes a record in any state and reports whether there was one; `forget_done`
    /// removes only the record of a done event.
    Forgotten,
    /// `unfinished` lists events that nobody is working on, of one provider and up to the limit,
    /// and `counts` covers every state.
    UnfinishedAndCounts,
    /// `wait` returns at once if nobody is working on the event, and otherwise at its limit at the
    /// latest.
    NothingToWaitFor,
    /// `wait` returns when the claim is completed, released, forgotten or over, even if it was
    /// renewed.
    WaitersAreWoken,
    /// `wait` misses no end that happens while it starts.
    NoWakeUpIsLost,
    /// If two hundred claim at once, one gets the claim; when it fails, one other takes over, and
    /// the rest get the answer of that one.
    TwoHundredAtOnce,
}

impl StoreRule {
    codes! {
        /// Every rule.
        pub const ALL;
        /// The rule's stable name.
        pub fn code {
            OneHolder => "one_holder",
            AnswersComeBack => "answers_come_back",
            CommandsSentAgain => "commands_sent_again",
            ReleasedIsTakenUp => "released_is_taken_up",
            LapsedIsTakenUp => "lapsed_is_taken_up",
            LateButAlone => "late_but_alone",
            LostRecords => "lost_records",
            RenewalsInOneCall => "renewals_in_one_call",
            RetentionEnds => "retention_ends",
            OutlivesItsLease => "outlives_its_lease",
            KeysApart => "keys_apart",
            Forgotten => "forgotten",
            UnfinishedAndCounts => "unfinished_and_counts",
            NothingToWaitFor => "nothing_to_wait_for",
            WaitersAreWoken => "waiters_are_woken",
            NoWakeUpIsLost => "no_wake_up_is_lost",
            TwoHundredAtOnce => "two_hundred_at_once",
        }
    }

    /// Checks a store against this rule alone, for a minute at most.
    ///
    /// # Errors
    ///
    /// As [`check_store`].
    pub async fn check(self, store: &SharedStore) -> Result<(), StoreViolation> {
        let verdict = timeout(OVERALL, self.story(store)).await;
        verdict
            .unwrap_or_else(|_| Err(Broken::hangs(OVERALL)))
            .map_err(|broken| StoreViolation::new(self, broken))
    }

    fn story(self, store: &SharedStore) -> BoxFuture<'_, Verdict> {
        match self {
            Self::OneHolder => Box::pin(holders::one_holder(store)),
            Self::AnswersComeBack => Box::pin(records::answers_come_back(store)),
            Self::CommandsSentAgain => Box::pin(holders::commands_sent_again(store)),
            Self::ReleasedIsTakenUp => Box::pin(holders::released(store)),
            Self::LapsedIsTakenUp => Box::pin(holders::lapsed(store)),
            Self::LateButAlone => Box::pin(holders::late_but_alone(store)),
            Self::LostRecords => Box::pin(records::lost_records(store)),
            Self::RenewalsInOneCall => Box::pin(renewals::in_one_call(store)),
            Self::RetentionEnds => Box::pin(records::retention_ends(store)),
            Self::OutlivesItsLease => Box::pin(records::outlives_its_lease(store)),
            Self::KeysApart => Box::pin(lookups::keys_apart(store)),
            Self::Forgotten => Box::pin(lookups::forgotten(store)),
            Self::UnfinishedAndCounts => Box::pin(lookups::unfinished_and_counts(store)),
            Self::NothingToWaitFor => Box::pin(waiting::nothing_to_wait_for(store)),
            Self::WaitersAreWoken => Box::pin(waiting::waiters_are_woken(store)),
            Self::NoWakeUpIsLost => Box::pin(waiting::no_wake_up_is_lost(store)),
            Self::TwoHundredAtOnce => Box::pin(crowd::two_hundred_at_once(store)),
        }
    }
}

impl fmt::Display for StoreRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests;
