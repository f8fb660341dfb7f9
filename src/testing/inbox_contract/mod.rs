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

/// No rule takes this long unless the inbox hangs.
const OVERALL: Duration = Duration::from_secs(60);

/// Checks an inbox of your own against everything that [the inbox module](crate::inbox) guarantees:
/// each [`InboxRule`] in turn, up to the first that it breaks.
///
/// The inbox may hold other entries and be in use by workers of other routes: keys and routes are
/// new for each call, and are left in the inbox. Leases and retentions whose end matters last 150
/// ms by the inbox's own clock, so the check takes some seconds.
///
/// ```
/// use tower_webhook::inbox::MemoryInbox;
/// use tower_webhook::testing::{InboxViolation, check_inbox};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), InboxViolation> {
/// // In a `#[tokio::test(flavor = "multi_thread")]`, with your inbox instead of this one.
/// check_inbox(MemoryInbox::new()).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The first rule that is broken, with the expected and the actual result. A command that fails
/// breaks the rule it is part of, so give the inbox generous time limits on a slow machine.
pub async fn check_inbox(inbox: impl Inbox) -> Result<(), InboxViolation> {
    let inbox = SharedInbox::new(inbox);
    for rule in InboxRule::ALL {
        rule.check(&inbox).await?;
    }
    Ok(())
}

/// A rule that every inbox must follow; all of them together are the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InboxRule {
    /// Whatever the status of an entry, a delivery gets the answer for that status, and the entry
    /// can be moved on by whichever party may do so.
    EveryStatus,
    /// What is accepted comes back as it was: body, envelope, key, route and fingerprint, however odd or
    /// large; and the newest content after a correction or a revival.
    ContentComesBack,
    /// Different keys have different entries.
    KeysApart,
    /// Each entry has at most one holder, and only it can report the outcome.
    OneHolder,
    /// An attempt counts when it begins, but not if its entry is given back.
    AttemptsCount,
    /// A first attempt begins with a take that requests this, and no other attempt does.
    BegunByTheTake,
    /// A command whose reply was lost can be sent again: it recognizes its own earlier effect.
    CommandsSentAgain,
    /// Entries that a dead worker held are taken over once its lease is over, and its attempt
    /// counts.
    TakenOver,
    /// A holder whose lease is over still holds until somebody else takes the entry.
    LateButAlone,
    /// An entry whose workers died twice is taken alone, and is dead after its last attempt.
    TakenAlone,
    /// A take gets no more entries or bytes than requested, in the order in which they became due.
    /// It gets nothing that is not yet due and nothing from other routes.
    NoMoreThanAskedFor,
    /// A route with many entries delays no other route, even if entries are taken one at a time.
    RoutesInTurn,
    /// The entries of a paused provider are accepted, but not taken until the pause ends.
    Paused,
    /// Only one entry of an order key is taken at a time, until it is over; entries of other keys
    /// are not affected.
    OneOfAKey,
    /// An entry older than the newest completed one of its order key is skipped and kept, and runs
    /// only by force.
    OvertakenAreSkipped,
    /// A dead entry blocks its order key if that is requested, and otherwise does not.
    DeadHoldBack,
    /// No more entries of a provider, or of each of its order keys, are taken than its rates allow.
    RatesHoldBack,
    /// Unconfirmed contents of one event wait side by side, each under its own key and route, until one is
    /// accepted under the key of the event. Content that is found untrue makes room for other content.
    UnconfirmedSideBySide,
    /// Dead letters are listed, shown, redriven with fresh attempts, discarded, and revived by a
    /// delivery.
    DeadLetters,
    /// A done or discarded entry is known for its retention, and its event is new after that.
    RetentionEnds,
    /// Each list continues where the last one ended, and counts cover every status.
    ListsAndCounts,
    /// Waiters are woken when something is accepted.
    WaitersAreWoken,
    /// If many accept one event at once, it is new to only one of them. If many take at once, each
    /// entry goes to one of them, and none is left.
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

    /// Checks an inbox against this rule alone, for a minute at most.
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
