use super::EntryStep;
use super::run::begun;
use crate::clock::UnixTime;
use crate::inbox::command::Take;
use crate::inbox::entry::{Entry, EntryState, FailedAttempt};
use crate::inbox::order::{OrderChange, OrderState};
use crate::inbox::route::Route;

/// The outcome for an entry that a worker would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TakeOutcome {
    /// It now belongs to the worker.
    Taken,
    /// Its workers died in every attempt: it is dead now.
    Buried,
    /// A newer event of its order key was completed: it is skipped.
    Stale,
    /// It is not due, not of the requested kind, or another event holds its order key.
    NotNow,
}

impl Take {
    /// The effect of taking this entry of a route; `order` is the state of its order key, if it has
    /// one, or [empty](OrderState::default) if none is stored.
    pub fn apply<Id: PartialEq>(
        &self,
        id: &Id,
        (route, entry): (&Route, &Entry),
        order: Option<&OrderState<Id>>,
        now: UnixTime,
    ) -> EntryStep<TakeOutcome> {
        if entry.is_lone() != self.lone || entry.due().is_none_or(|due| due > now) {
            return EntryStep::leave(TakeOutcome::NotNow);
        }
        let mut next = entry.clone();
        if let Some(order) = order.filter(|_| entry.order.is_some()) {
            if !order.lets(id) {
                return EntryStep::leave(TakeOutcome::NotNow);
            }
            if entry.is_overtaken(order, now) {
                let kept_until = now.saturating_add(self.retention);
                next.state = EntryState::Stale { kept_until };
                return EntryStep::write(next, TakeOutcome::Stale).and(entry.frees());
            }
        }
        if let EntryState::Running {
            begun: true,
            lease_ends,
            ..
        } = entry.state
        {
            next.deaths = entry.deaths.saturating_add(1);
            next.history.push(FailedAttempt::new(
                entry.attempts,
                lease_ends,
                FailedAttempt::DIED,
            ));
            if entry.attempts >= self.max_attempts {
                next.state = EntryState::Dead {
                    token: None,
                    since: now,
                };
                return EntryStep::write(next, TakeOutcome::Buried).and(entry.frees_when_dead());
            }
            if next.is_lone() != self.lone {
                // A take of lone entries finds it at once.
                next.state = EntryState::Queued { due: now, by: None };
                return EntryStep::write(next, TakeOutcome::NotNow);
            }
        }
        if self.begins(route, entry) {
            next = begun(entry, self.token, self.lease, now);
        } else {
            next.state = EntryState::Running {
                token: self.token,
                lease_ends: now.saturating_add(self.lease),
                lease: self.lease,
                begun: false,
            };
        }
        let holds = entry.order.as_ref().map(|_| OrderChange::Hold);
        EntryStep::write(next, TakeOutcome::Taken).and(holds)
    }
}
