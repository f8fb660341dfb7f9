use super::{EntryCommand, EntryStep, kept, sealed};
use crate::clock::UnixTime;
use crate::event::EventKey;
use crate::inbox::command::{Discard, Moved, Redrive};
use crate::inbox::entry::{Entry, EntryState};

impl sealed::Sealed for Redrive {}
impl sealed::Sealed for Discard {}

impl EntryCommand for Redrive {
    type Outcome = Moved;

    fn key(&self) -> &EventKey {
        &self.key
    }

    fn apply(&self, entry: Option<&Entry>, now: UnixTime) -> EntryStep<Moved> {
        let Some(entry) = kept(entry, now) else {
            return EntryStep::leave(Moved::Absent);
        };
        if !matches!(entry.state, EntryState::Dead { .. }) {
            return EntryStep::leave(Moved::NotFrom(entry.status(now)));
        }
        let next = Entry {
            state: EntryState::Queued {
                due: now.saturating_add(self.after),
                by: None,
            },
            attempts: 0,
            deaths: 0,
            ..entry.clone()
        };
        EntryStep::write(next, Moved::Done)
    }
}

impl EntryCommand for Discard {
    type Outcome = Moved;

    fn key(&self) -> &EventKey {
        &self.key
    }

    fn apply(&self, entry: Option<&Entry>, now: UnixTime) -> EntryStep<Moved> {
        let Some(entry) = kept(entry, now) else {
            return EntryStep::leave(Moved::Absent);
        };
        match entry.state {
            EntryState::Queued { .. } | EntryState::Dead { .. } => {
                let kept_until = now.saturating_add(self.retention);
                let next = Entry {
                    state: EntryState::Discarded { kept_until },
                    ..entry.clone()
                };
                EntryStep::write(next, Moved::Done)
            }
            EntryState::Running { .. } | EntryState::Done { .. } | EntryState::Discarded { .. } => {
                EntryStep::leave(Moved::NotFrom(entry.status(now)))
            }
        }
    }
}
