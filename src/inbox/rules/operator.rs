use super::{EntryCommand, EntryStep, kept, sealed};
use crate::clock::UnixTime;
use crate::event::EventKey;
use crate::inbox::command::{Discard, Moved, Redrive};
use crate::inbox::entry::{Entry, EntryState};
use crate::inbox::order::OrderState;

impl sealed::Sealed for Redrive {}
impl sealed::Sealed for Discard {}

/// Whether the entry died at this time, if one is given.
fn is_meant(entry: &Entry, died: Option<UnixTime>) -> bool {
    let is_it = |at| matches!(entry.state, EntryState::Dead { since, .. } if since == at);
    died.is_none_or(is_it)
}

impl EntryCommand for Redrive {
    type Outcome = Moved;

    fn key(&self) -> &EventKey {
        &self.key
    }

    fn apply(&self, entry: Option<&Entry>, now: UnixTime) -> EntryStep<Moved> {
        let Some(entry) = kept(entry, now) else {
            return EntryStep::leave(Moved::Absent);
        };
        if let EntryState::Queued { by: Some(by), .. } = entry.state
            && self.token == Some(by)
        {
            // The reply was lost: it has been queued since then.
            return EntryStep::leave(Moved::Done);
        }
        if !is_meant(entry, self.if_dead_since) {
            return EntryStep::leave(Moved::NotFrom(entry.status(now)));
        }
        match entry.state {
            EntryState::Dead { .. } => {}
            EntryState::Stale { .. } if self.force => {}
            EntryState::Stale { .. } => return EntryStep::leave(Moved::Stale),
            EntryState::Queued { .. }
            | EntryState::Running { .. }
            | EntryState::Done { .. }
            | EntryState::Discarded { .. }
            | EntryState::Mismatched { .. } => {
                return EntryStep::leave(Moved::NotFrom(entry.status(now)));
            }
        }
        let mut next = Entry {
            state: EntryState::Queued {
                due: now.saturating_add(self.after),
                by: self.token,
            },
            attempts: 0,
            deaths: 0,
            ..entry.clone()
        };
        if let Some(order) = &mut next.order {
            order.forced |= self.force;
        }
        EntryStep::write(next, Moved::Done)
    }
}

impl Redrive {
    /// The answer if the completed version of its order key forbids queuing a dead entry. `None` if
    /// nothing does.
    pub fn against_order<Id: PartialEq>(
        &self,
        entry: &Entry,
        order: &OrderState<Id>,
        now: UnixTime,
    ) -> Option<Moved> {
        let is_dead = matches!(entry.state, EntryState::Dead { .. });
        let is_dead = is_dead && is_meant(entry, self.if_dead_since);
        let is_stale = is_dead && !self.force && entry.is_overtaken(order, now);
        is_stale.then_some(Moved::Stale)
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
        if !is_meant(entry, self.if_dead_since) {
            return EntryStep::leave(Moved::NotFrom(entry.status(now)));
        }
        match entry.state {
            EntryState::Queued { .. } | EntryState::Dead { .. } => {
                let kept_until = now.saturating_add(self.retention);
                let next = Entry {
                    state: EntryState::Discarded { kept_until },
                    ..entry.clone()
                };
                EntryStep::write(next, Moved::Done).and(entry.frees())
            }
            EntryState::Running { .. }
            | EntryState::Done { .. }
            | EntryState::Discarded { .. }
            | EntryState::Stale { .. }
            | EntryState::Mismatched { .. } => EntryStep::leave(Moved::NotFrom(entry.status(now))),
        }
    }
}
