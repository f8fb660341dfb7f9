//! What each command comes to on an entry: state, command and time in, next state and outcome out.
//!
//! They are pure: no inbox, no clock and no randomness but what they are given. The in-memory inbox
//! calls them; others call them inside a transaction, or are tested against them.

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

/// What a command comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryStep<O> {
    /// The entry from now on; `None` leaves everything as it is.
    pub write: Option<Entry>,
    /// Whether its content is the command's from now on. What an entry no longer
    /// [needs](Entry::needs_content) is dropped.
    pub takes_content: bool,
    /// What becomes of the order key that the entry had before the command.
    pub order: Option<OrderChange>,
    /// What whoever sent the command is told.
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
/// It is implemented by the commands of this crate alone.
///
/// ```
/// use tower_webhook::UnixTime;
/// use tower_webhook::inbox::{Accept, Accepted, Entry, EntryCommand};
/// use tower_webhook::store::record::Record;
///
/// /// An entry to be written, and the queue that it stands in.
/// type Write = (Entry, &'static str);
///
/// /// What an inbox of your own does in one transaction, having read what stands there.
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
    /// What the command is answered with.
    type Outcome;

    /// The key of the entry that it is about.
    fn key(&self) -> &EventKey;

    /// What the command comes to on this entry, if there is one, at this time of the inbox's clock.
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
            // A time: it grows past the fence of any entry that was here and is forgotten.
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
    /// Whether the entry is none to this content: what was found untrue keeps no place from other content.
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

    /// Content that is about something else no longer holds the order key.
    fn leaves(&self, entry: &Entry) -> Option<OrderChange> {
        let key = |order: &Option<Box<Order>>| order.as_ref().map(|order| order.key.clone());
        let differs = key(&entry.order) != key(&self.order);
        differs.then_some(OrderChange::Free)
    }

    /// What an event is told that is known already.
    pub(crate) fn repeated(&self, differs: bool) -> Accepted {
        if differs && !self.has_own_id {
            Accepted::Conflict
        } else {
            Accepted::Duplicate { differs }
        }
    }

    /// What a record of the event in a store beside the inbox says against accepting it, as where
    /// its webhook ran events inline before. `None` where nothing does: it is no entry.
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
