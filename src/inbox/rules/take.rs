use super::EntryStep;
use crate::clock::UnixTime;
use crate::inbox::command::Take;
use crate::inbox::entry::{Entry, EntryState, FailedAttempt};

/// What becomes of an entry that a worker would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TakeOutcome {
    /// It is the worker's.
    Taken,
    /// Its workers died in every attempt it had: it is dead now.
    Buried,
    /// It is not due, or not of the kind that is asked for.
    NotNow,
}

impl Take {
    /// What taking this entry comes to.
    pub fn apply(&self, entry: &Entry, now: UnixTime) -> EntryStep<TakeOutcome> {
        if entry.is_lone() != self.lone || entry.due().is_none_or(|due| due > now) {
            return EntryStep::leave(TakeOutcome::NotNow);
        }
        let mut next = entry.clone();
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
                return EntryStep::write(next, TakeOutcome::Buried);
            }
            if next.is_lone() != self.lone {
                // Whoever takes such ones finds it at once.
                next.state = EntryState::Queued { due: now, by: None };
                return EntryStep::write(next, TakeOutcome::NotNow);
            }
        }
        next.state = EntryState::Running {
            token: self.token,
            lease_ends: now.saturating_add(self.lease),
            lease: self.lease,
            begun: false,
        };
        EntryStep::write(next, TakeOutcome::Taken)
    }
}
