use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::timeout;

use crate::inbox::{Inbox, SharedInbox};
use crate::reason::codes;

mod accepting;
mod beginning;
mod content;
mod crowd;
mod dead;
mod holding;
mod looking;
mod ordering;
mod rates;
mod scene;
mod taking;
mod unconfirmed;
mod violation;

pub use violation::InboxViolation;

use super::store_contract::violation::{Broken, Verdict};

/// No rule takes as long as this unless the inbox hangs.
const OVERALL: Duration = Duration::from_secs(60);

/// Holds an inbox of your own to everything that [the inbox module](crate::inbox) guarantees: each
/// [`InboxRule`] in turn, up to the first that it breaks.
///
/// The inbox may hold other entries, and be in use by workers of other routes: keys and routes are new at
/// each call, and are left behind. Where the end of a lease or a retention matters it is one of 150 ms, by the
/// inbox's own clock, so that it takes some seconds.
///
/// ```
/// use tower_webhook::inbox::MemoryInbox;
/// use tower_webhook::testing::{InboxViolation, check_inbox};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), InboxViolation> {
/// // In a `#[tokio::test(flavor = "multi_thread")]`, with your inbox in the place of this one.
/// check_inbox(MemoryInbox::new()).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The first rule that is broken, with what was expected and what came. A command that fails breaks
/// the rule it is part of: let the inbox be patient where the machine is slow.
pub async fn check_inbox(inbox: impl Inbox) -> Result<(), InboxViolation> {
    let inbox = SharedInbox::new(inbox);
    for rule in InboxRule::ALL {
        rule.check(&inbox).await?;
    }
    Ok(())
}

/// Something that every inbox must do; all of them together are the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InboxRule {
    /// Whatever the status of an entry, a delivery gets the answer for it, and who is to move the
    /// entry on from there can.
    EveryStatus,
    /// What is accepted comes back as it was: body, envelope, key, route and fingerprint, however odd or
    /// large; and the newest content after a correction or a revival.
    ContentComesBack,
    /// Keys that differ have entries that differ.
    KeysApart,
    /// Of an entry there is one holder, and only it can say what became of it.
    OneHolder,
    /// An attempt counts when it begins, and not where its entry is given back.
    AttemptsCount,
    /// A first attempt begins with the take that asks for that, and no other one does.
    BegunByTheTake,
    /// A command whose reply was lost can be sent again: it finds itself.
    CommandsSentAgain,
    /// What a dead worker held is taken over once its lease is over, and its attempt counts.
    TakenOver,
    /// A holder whose lease is over still holds until somebody else takes the entry.
    LateButAlone,
    /// Whose workers died twice is taken apart from the others, and is dead after its last attempt.
    TakenAlone,
    /// No more is taken than was asked for, in number and in bytes; first what was due first; nothing that
    /// is not due; and of no other route.
    NoMoreThanAskedFor,
    /// A route with many entries keeps no other one waiting, also where one is taken at a time.
    RoutesInTurn,
    /// The entries of a provider that is paused are accepted, and not taken until that ends.
    Paused,
    /// Of the entries of one order key one is taken at a time, until it is over; others are taken beside it.
    OneOfAKey,
    /// What is older than what was completed of its order key is skipped and kept, and is run by force alone.
    OvertakenAreSkipped,
    /// A dead entry holds its order key back where that is asked for, and not elsewhere.
    DeadHoldBack,
    /// No more entries of a provider, or of each of its order keys, are taken than its rates let.
    RatesHoldBack,
    /// Contents of one event that are to be confirmed wait side by side, each under a key and a route of its own,
    /// until one is accepted under the key of the event; what is found untrue makes way for other content.
    UnconfirmedSideBySide,
    /// The dead are listed, shown, redriven with fresh attempts, discarded, and revived by a delivery.
    DeadLetters,
    /// What is done or discarded is known for its retention, and new after it.
    RetentionEnds,
    /// Lists go on where the last one ended, and counts count every status.
    ListsAndCounts,
    /// Who waits is told when something is accepted.
    WaitersAreWoken,
    /// Of many that accept one event at once one is told that it is new; of many that take, each entry is
    /// one's alone, and none is left.
    ManyAtOnce,
}

impl InboxRule {
    codes! {
        /// Every rule.
        pub const ALL;
        /// The rule's stable name.
        pub fn code {
            EveryStatus => "every_status",
            ContentComesBack => "content_comes_back",
            KeysApart => "keys_apart",
            OneHolder => "one_holder",
            AttemptsCount => "attempts_count",
            BegunByTheTake => "begun_by_the_take",
            CommandsSentAgain => "commands_sent_again",
            TakenOver => "taken_over",
            LateButAlone => "late_but_alone",
            TakenAlone => "taken_alone",
            NoMoreThanAskedFor => "no_more_than_asked_for",
            RoutesInTurn => "routes_in_turn",
            Paused => "paused",
            OneOfAKey => "one_of_a_key",
            OvertakenAreSkipped => "overtaken_are_skipped",
            DeadHoldBack => "dead_hold_back",
            RatesHoldBack => "rates_hold_back",
            UnconfirmedSideBySide => "unconfirmed_side_by_side",
            DeadLetters => "dead_letters",
            RetentionEnds => "retention_ends",
            ListsAndCounts => "lists_and_counts",
            WaitersAreWoken => "waiters_are_woken",
            ManyAtOnce => "many_at_once",
        }
    }

    /// Holds an inbox to this rule alone, for a minute at most.
    ///
    /// # Errors
    ///
    /// As [`check_inbox`].
    pub async fn check(self, inbox: &SharedInbox) -> Result<(), InboxViolation> {
        let verdict = timeout(OVERALL, self.story(inbox)).await;
        verdict
            .unwrap_or_else(|_| Err(Broken::hangs(OVERALL)))
            .map_err(|broken| InboxViolation::new(self, broken))
    }

    fn story(self, inbox: &SharedInbox) -> BoxFuture<'_, Verdict> {
        match self {
            Self::EveryStatus => Box::pin(accepting::every_status(inbox)),
            Self::ContentComesBack => Box::pin(content::comes_back(inbox)),
            Self::KeysApart => Box::pin(content::keys_apart(inbox)),
            Self::OneHolder => Box::pin(holding::one_holder(inbox)),
            Self::AttemptsCount => Box::pin(holding::attempts_count(inbox)),
            Self::BegunByTheTake => Box::pin(beginning::begun_by_the_take(inbox)),
            Self::CommandsSentAgain => Box::pin(holding::commands_sent_again(inbox)),
            Self::TakenOver => Box::pin(holding::taken_over(inbox)),
            Self::LateButAlone => Box::pin(holding::late_but_alone(inbox)),
            Self::TakenAlone => Box::pin(holding::taken_alone(inbox)),
            Self::NoMoreThanAskedFor => Box::pin(taking::no_more_than_asked_for(inbox)),
            Self::RoutesInTurn => Box::pin(taking::routes_in_turn(inbox)),
            Self::Paused => Box::pin(taking::paused(inbox)),
            Self::OneOfAKey => Box::pin(ordering::one_of_a_key(inbox)),
            Self::OvertakenAreSkipped => Box::pin(ordering::overtaken_are_skipped(inbox)),
            Self::DeadHoldBack => Box::pin(ordering::dead_hold_back(inbox)),
            Self::RatesHoldBack => Box::pin(rates::rates_hold_back(inbox)),
            Self::UnconfirmedSideBySide => Box::pin(unconfirmed::side_by_side(inbox)),
            Self::DeadLetters => Box::pin(dead::dead_letters(inbox)),
            Self::RetentionEnds => Box::pin(dead::retention_ends(inbox)),
            Self::ListsAndCounts => Box::pin(looking::lists_and_counts(inbox)),
            Self::WaitersAreWoken => Box::pin(looking::waiters_are_woken(inbox)),
            Self::ManyAtOnce => Box::pin(crowd::many_at_once(inbox)),
        }
    }
}

impl fmt::Display for InboxRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests;
