//! Defines the effect of each command on an entry: state, command and time in, next state and
//! outcome out.
//!
//! The rules are pure: they use no inbox, clock or randomness but what they are given. The
//! in-memory inbox calls them; other inboxes call them inside a transaction, or are tested against
//! them.

use crate::clock::UnixTime;
use crate::event::{EventKey, Order};
use crate::store::record::{Record, State as RecordState};

use super::command::{Accept, Accepted};
use super::entry::{Entry, EntryState};
use super::order::OrderChange;

mod operator;
mod run;
mod take;

pub use take::TakeOutcome;

/// The effect of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryStep<O> {
    /// The new entry; `None` leaves everything unchanged.
    pub write: Option<Entry>,
    /// Whether its content is replaced by the command's. Content that an entry no longer
    /// [needs](Entry::needs_content) is dropped.
    pub takes_content: bool,
    /// The change to the order key that the entry had before the command.
    pub order: Option<OrderChange>,
    /// The answer to the sender of the command.
    pub outcome: O,
}

impl<O> EntryStep<O> {
    fn leave(outcome: O) -> Self {
        Self {
            write: None,
            takes_content: false,
            order: None,
            outcome,
        }
    }

    fn write(entry: Entry, outcome: O) -> Self {
        Self {
            write: Some(entry),
            takes_content: false,
            order: None,
            outcome,
        }
    }

    fn write_content(entry: Entry, outcome: O) -> Self {
        Self {
            write: Some(entry),
            takes_content: true,
            order: None,
            outcome,
        }
    }

    fn and(mut self, order: Option<OrderChange>) -> Self {
        self.order = order;
        self
    }
}

/// A command on one entry: [`Accept`], [`Begin`](super::Begin), [`Extend`](super::Extend),
/// [`Finish`](super::Finish), [`Redrive`](super::Redrive) or [`Discard`](super::Discard).
///
/// Only the commands of this crate implement it.
///
/// ```
/// use tower_webhook::UnixTime;
/// use tower_webhook::inbox::{Accept, Accepted, Entry, EntryCommand};
/// use tower_webhook::store::record::Record;
///
/// /// An entry to be written, and the queue that it is in.
/// type Write = (Entry, &'static str);
///
/// /// The transaction of your own inbox, given the entry that it has read.
/// fn accept(
///     accept: &Accept,
///     entry: Option<&Entry>,
///     inline: Option<&Record>,
///     now: UnixTime,
/// ) -> (Accepted, Option<Write>) {
///     if entry.is_none() && let Some(answer) = accept.against_record(inline, now) {
///         return (answer, None);
///     }
///     let step = accept.apply(entry, now);
///     let write = step.write.filter(Entry::needs_content);
///     (step.outcome, write.map(|entry| {
///         let queue = if entry.is_lone() { "lone" } else { "usual" };
///         (entry, queue)
///     }))
/// }
/// ```
pub trait EntryCommand: sealed::Sealed {
    /// The answer to the command.
    type Outcome;

    /// The key of its entry.
    fn key(&self) -> &EventKey;

    /// The effect of the command on this entry, if there is one, at this time of the inbox's clock.
    fn apply(&self, entry: Option<&Entry>, now: UnixTime) -> EntryStep<Self::Outcome>;
}

mod sealed {
    pub trait Sealed {}
}

fn kept(entry: Option<&Entry>, now: UnixTime) -> Option<&Entry> {
    entry.filter(|entry| entry.is_kept(now))
}

impl sealed::Sealed for Accept {}

impl EntryCommand for Accept {
    type Outcome = Accepted;

    fn key(&self) -> &EventKey {
        &self.key
    }

    fn apply(&self, entry: Option<&Entry>, now: UnixTime) -> EntryStep<Accepted> {
        let known = kept(entry, now).filter(|entry| !self.takes_the_place_of(entry));
        let Some(entry) = known else {
            // A time: it grows past the fence of any earlier entry that was forgotten.
            let state = EntryState::Queued { due: now, by: None };
            let mut entry = Entry::new(state, self.fingerprint, now);
            entry.order.clone_from(&self.order);
            return EntryStep::write_content(entry, Accepted::Queued);
        };
        let differs = entry.fingerprint != self.fingerprint;
        match &entry.state {
            EntryState::Queued { due, by } if differs && entry.has_failed() => {
                let state = EntryState::Queued { due: *due, by: *by };
                let corrected = self.replacing(entry, state, entry.attempts, entry.deaths);
                EntryStep::write_content(corrected, Accepted::Corrected).and(self.leaves(entry))
            }
            EntryState::Dead { .. } => {
                let paced = (entry.revived_at)
                    .is_some_and(|last| last.saturating_add(self.revive_every) > now);
                if paced {
                    return EntryStep::leave(Accepted::Dead);
                }
                let state = EntryState::Queued { due: now, by: None };
                let mut revived = self.replacing(entry, state, 0, 0);
                revived.revived_at = Some(now);
                EntryStep::write_content(revived, Accepted::Revived).and(self.leaves(entry))
            }
            EntryState::Queued { .. }
            | EntryState::Running { .. }
            | EntryState::Done { .. }
            | EntryState::Discarded { .. }
            | EntryState::Stale { .. }
            | EntryState::Mismatched { .. } => EntryStep::leave(self.repeated(differs)),
        }
    }
}

impl Accept {
    /// Whether this content can ignore the entry: an untrue entry does not block other content.
    fn takes_the_place_of(&self, entry: &Entry) -> bool {
        let is_untrue = matches!(entry.state, EntryState::Mismatched { .. });
        is_untrue && entry.fingerprint != self.fingerprint
    }

    fn replacing(&self, entry: &Entry, state: EntryState, attempts: u32, deaths: u32) -> Entry {
        Entry {
            state,
            attempts,
            deaths,
            corrected: entry.corrected || entry.fingerprint != self.fingerprint,
            fingerprint: self.fingerprint,
            order: self.order.clone(),
            ..entry.clone()
        }
    }

    /// Content with another subject no longer holds the order key.
    fn leaves(&self, entry: &Entry) -> Option<OrderChange> {
        let key = |order: &Option<Box<Order>>| order.as_ref().map(|order| order.key.clone());
        let differs = key(&entry.order) != key(&self.order);
        differs.then_some(OrderChange::Free)
    }

    /// The answer for an event that is known already.
    pub(crate) fn repeated(&self, differs: bool) -> Accepted {
        if differs && !self.has_own_id {
            Accepted::Conflict
        } else {
            Accepted::Duplicate { differs }
        }
    }

    /// The answer if a record of the event in a store that shares the inbox's storage forbids
    /// accepting it, for example if its webhook ran events inline before. `None` if nothing forbids
    /// it.
    pub fn against_record(&self, record: Option<&Record>, now: UnixTime) -> Option<Accepted> {
        let record = record.filter(|record| record.is_kept(now))?;
        match &record.state {
            RecordState::Claimed { lease_ends, .. } if *lease_ends > now => {
                Some(Accepted::HeldInline)
            }
            RecordState::Claimed { .. } | RecordState::Released { .. } => None,
            RecordState::Done { .. } => {
                let bound = record.fingerprint;
                Some(self.repeated(bound.is_some_and(|bound| bound != self.fingerprint)))
            }
        }
    }
}
