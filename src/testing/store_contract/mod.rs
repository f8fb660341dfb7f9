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

/// No rule takes as long as this unless the store hangs.
const OVERALL: Duration = Duration::from_secs(60);

/// Holds a store of your own to everything that [the store module](crate::store) guarantees: each
/// [`StoreRule`] in turn, up to the first that it breaks.
///
/// The store may hold other records and may be in use: the keys are new at each call, and are left
/// behind. Where the end of a lease or a retention matters it is one of 150 ms, by the store's own
/// clock, so that it takes some seconds.
///
/// ```
/// use tower_webhook::MemoryStore;
/// use tower_webhook::testing::{StoreViolation, check_store};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), StoreViolation> {
/// // In a `#[tokio::test(flavor = "multi_thread")]`, with your store in the place of this one.
/// check_store(MemoryStore::new()).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The first rule that is broken, with what was expected and what came. A command that fails breaks
/// the rule it is part of: let the store be patient where the machine is slow.
pub async fn check_store(store: impl Store) -> Result<(), StoreViolation> {
    let store = SharedStore::new(store);
    for rule in StoreRule::ALL {
        rule.check(&store).await?;
    }
    Ok(())
}

/// Something that every store must do; all of them together are the contract.
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
    /// One token at a time holds a claim. Whoever else claims, completes, releases or renews is
    /// told so and changes nothing; once it is done, every claim gets the answer. Where its content
    /// is another, it is told that too.
    OneHolder,
    /// Status and body of an answer come back as they were stored, in every byte.
    AnswersComeBack,
    /// A command whose reply was lost finds itself when it is sent again, and counts nothing twice.
    CommandsSentAgain,
    /// After a release the next claim is granted: attempts are counted, fences grow, and content
    /// that differs from what was claimed last is told as corrected.
    ReleasedIsTakenUp,
    /// When a lease is over the next claim is granted, and the holder that was overtaken can do
    /// nothing any more.
    LapsedIsTakenUp,
    /// A holder whose lease is over still holds until somebody else claims.
    LateButAlone,
    /// Where there is no record, `complete` writes it anew as done with the attempt and fence that
    /// it carries; `release` and `renew` write nothing.
    LostRecords,
    /// Renewals in one call are answered in their order, each for itself, and none at all is fine.
    RenewalsInOneCall,
    /// After its retention a record is as if it had never been, but for the fence, which grows on.
    RetentionEnds,
    /// A record outlives its lease, whatever retention was asked for.
    OutlivesItsLease,
    /// Keys that differ have records that differ: by provider, tenant, case, number of parts, and
    /// whatever is in them or however long they are.
    KeysApart,
    /// `forget` removes a record in whatever state, and says whether there was one; `forget_done` only one whose
    /// event is done.
    Forgotten,
    /// `unfinished` lists what nobody is at work on, of one provider and up to the limit, and
    /// `counts` counts every state.
    UnfinishedAndCounts,
    /// `wait` returns at once where nobody is at work on the event, and at its limit.
    NothingToWaitFor,
    /// `wait` returns when the claim is completed, released, forgotten or over, also after it was
    /// renewed.
    WaitersAreWoken,
    /// `wait` misses no end that comes while it begins.
    NoWakeUpIsLost,
    /// Of two hundred that claim at once one gets it; when it fails one takes over, and the others
    /// get that one's answer.
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

    /// Holds a store to this rule alone, for a minute at most.
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
