use std::time::Duration;

use super::{EntryCommand, EntryStep, kept, sealed};
use crate::clock::UnixTime;
use crate::event::EventKey;
use crate::inbox::command::{Begin, Begun, Extend, Finish, Verdict};
use crate::inbox::entry::{Entry, EntryState, FailedAttempt};
use crate::inbox::order::OrderChange;
use crate::store::{Held, Token};

impl sealed::Sealed for Begin {}
impl sealed::Sealed for Extend {}
impl sealed::Sealed for Finish {}

impl EntryCommand for Begin {
    type Outcome = Begun;

    fn key(&self) -> &EventKey {
        &self.key
    }

    fn apply(&self, entry: Option<&Entry>, now: UnixTime) -> EntryStep<Begun> {
        let Some(entry) = kept(entry, now) else {
            return EntryStep::leave(Begun::Fenced);
        };
        let next = match entry.state {
            EntryState::Running {
                token,
                begun: false,
                ..
            } if token == self.taken => begun(entry, self.token, self.lease, now),
            // The reply was lost: the same attempt again.
            EntryState::Running {
                token, begun: true, ..
            } if token == self.token => Entry {
                state: running(self.token, self.lease, now),
                ..entry.clone()
            },
            EntryState::Running { .. }
            | EntryState::Queued { .. }
            | EntryState::Done { .. }
            | EntryState::Dead { .. }
            | EntryState::Discarded { .. }
            | EntryState::Stale { .. }
            | EntryState::Mismatched { .. } => return EntryStep::leave(Begun::Fenced),
        };
        let grant = next.grant();
        EntryStep::write(next, Begun::Granted(grant))
    }
}

/// The entry with one more attempt that begins now.
pub(super) fn begun(entry: &Entry, token: Token, lease: Duration, now: UnixTime) -> Entry {
    Entry {
        state: running(token, lease, now),
        attempts: entry.attempts.saturating_add(1),
        // The time keeps it growing if the entry was lost, the count if the clock does not advance.
        fence: entry.fence.saturating_add(1).max(now.as_micros()),
        ..entry.clone()
    }
}

fn running(token: Token, lease: Duration, now: UnixTime) -> EntryState {
    EntryState::Running {
        token,
        lease_ends: now.saturating_add(lease),
        lease,
        begun: true,
    }
}

/// Whether this token holds the entry, and whether its handler has begun.
fn held_by(entry: &Entry, ours: Token) -> Option<bool> {
    match entry.state {
        EntryState::Running { token, begun, .. } if token == ours => Some(begun),
        _ => None,
    }
}

impl EntryCommand for Extend {
    type Outcome = Held;

    fn key(&self) -> &EventKey {
        &self.key
    }

    fn apply(&self, entry: Option<&Entry>, now: UnixTime) -> EntryStep<Held> {
        let held = kept(entry, now).and_then(|entry| Some((entry, held_by(entry, self.token)?)));
        let Some((entry, begun)) = held else {
            return EntryStep::leave(Held::Fenced);
        };
        let state = EntryState::Running {
            token: self.token,
            lease_ends: now.saturating_add(self.lease),
            lease: self.lease,
            begun,
        };
        let next = Entry {
            state,
            ..entry.clone()
        };
        EntryStep::write(next, Held::Held)
    }
}

impl EntryCommand for Finish {
    type Outcome = Held;

    fn key(&self) -> &EventKey {
        &self.key
    }

    fn apply(&self, entry: Option<&Entry>, now: UnixTime) -> EntryStep<Held> {
        let Some(entry) = kept(entry, now) else {
            return EntryStep::leave(Held::Fenced);
        };
        let Some(begun) = held_by(entry, self.token) else {
            return EntryStep::leave(self.said_before(entry));
        };
        let mut next = entry.clone();
        let failed = |reason: &str| FailedAttempt::new(entry.attempts, now, reason);
        next.state = match &self.verdict {
            Verdict::Done => EntryState::Done {
                token: self.token,
                kept_until: now.saturating_add(self.retention),
            },
            Verdict::Retry { after, reason } => {
                next.history.push(failed(reason));
                self.queued(*after, now)
            }
            Verdict::GiveBack { after } => {
                if begun {
                    next.attempts = entry.attempts.saturating_sub(1);
                }
                self.queued(*after, now)
            }
            Verdict::Bury { reason } => {
                next.history.push(failed(reason));
                EntryState::Dead {
                    token: Some(self.token),
                    since: now,
                }
            }
            Verdict::Mismatched => EntryState::Mismatched {
                token: self.token,
                kept_until: now.saturating_add(self.retention),
            },
        };
        EntryStep::write(next, Held::Held).and(self.changes(entry, now))
    }
}

impl Finish {
    /// The effect on the order key: an event that will be retried keeps holding it.
    fn changes(&self, entry: &Entry, now: UnixTime) -> Option<OrderChange> {
        let order = entry.order.as_ref()?;
        match self.verdict {
            Verdict::Done => Some(OrderChange::Complete {
                version: order.version,
                kept_until: now.saturating_add(self.retention),
            }),
            Verdict::Bury { .. } => entry.frees_when_dead(),
            Verdict::Mismatched => Some(OrderChange::Free),
            Verdict::Retry { .. } | Verdict::GiveBack { .. } => None,
        }
    }

    fn queued(&self, after: Duration, now: UnixTime) -> EntryState {
        EntryState::Queued {
            due: now.saturating_add(after),
            by: Some(self.token),
        }
    }

    /// A resent command finds its own effect.
    fn said_before(&self, entry: &Entry) -> Held {
        let by = match (&entry.state, &self.verdict) {
            (EntryState::Done { token, .. }, Verdict::Done)
            | (EntryState::Mismatched { token, .. }, Verdict::Mismatched) => Some(*token),
            (EntryState::Dead { token, .. }, Verdict::Bury { .. }) => *token,
            (EntryState::Queued { by, .. }, Verdict::Retry { .. } | Verdict::GiveBack { .. }) => {
                *by
            }
            _ => None,
        };
        if by == Some(self.token) {
            Held::Held
        } else {
            Held::Fenced
        }
    }
}
