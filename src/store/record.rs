//! The rules of the record: state, command and time in, next state and outcome out.
//!
//! Nothing else decides. The memory store calls these functions; the scripts of other stores are
//! their translation and are tested against them.

use std::time::Duration;

use crate::clock::UnixTime;
use crate::event::{EventKey, Fingerprint};

use super::command::{
    Claim, ClaimOutcome, Complete, Grant, Held, RecordState, RecordView, Release, Renew,
    StoredResponse,
};
use super::token::Token;

/// What is kept of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) state: State,
    pub(crate) attempt: u32,
    pub(crate) fence: u64,
    /// What was claimed or completed last; other content is refused while it is claimed, and once
    /// done. None where an earlier version of this crate claimed before the event was confirmed.
    pub(crate) fingerprint: Option<Fingerprint>,
    /// From this moment on the record counts as absent.
    pub(crate) kept_until: UnixTime,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Claimed {
        token: Token,
        /// From this moment on anyone may claim; until someone does, the holder still holds.
        lease_ends: UnixTime,
        /// How long the lease was when it was set; unknown where the first edition wrote the record.
        lease: Option<Duration>,
        /// Kept so that a claim that is sent again gets the answer of the first time.
        corrected: bool,
    },
    Done {
        token: Token,
        response: StoredResponse,
    },
    Released {
        token: Token,
    },
}

impl Record {
    pub(crate) fn is_kept(&self, now: UnixTime) -> bool {
        self.kept_until > now
    }

    /// When the lease of a claimed record ends.
    pub(crate) fn lease_ends(&self) -> Option<UnixTime> {
        match self.state {
            State::Claimed { lease_ends, .. } => Some(lease_ends),
            State::Done { .. } | State::Released { .. } => None,
        }
    }

    /// How the record looks from outside.
    pub(crate) fn public_state(&self, now: UnixTime) -> RecordState {
        match &self.state {
            State::Claimed { lease_ends, .. } if *lease_ends > now => RecordState::Claimed {
                lease_ends: *lease_ends,
            },
            State::Claimed { lease_ends, .. } => RecordState::Lapsed {
                lease_ended: *lease_ends,
            },
            State::Done { response, .. } => RecordState::Done(response.clone()),
            State::Released { .. } => RecordState::Released,
        }
    }

    pub(crate) fn view(&self, key: EventKey, now: UnixTime) -> RecordView {
        let state = self.public_state(now);
        let mut view = RecordView::new(key, state, self.attempt, self.fence, self.kept_until);
        view.fingerprint = self.fingerprint;
        view
    }

    /// The claim as it should stand where it says the impossible: a lease that ends further ahead
    /// than it is long was set before the clock was set back. It is then as long again from now on,
    /// so that a dead holder keeps nobody waiting for as long as the clock went back.
    fn after_a_step_back(&self, now: UnixTime) -> Option<Self> {
        let State::Claimed {
            lease_ends: said,
            lease: Some(lease),
            ..
        } = self.state
        else {
            return None;
        };
        let latest = now.saturating_add(lease);
        if said <= latest {
            return None;
        }
        let mut record = self.clone();
        if let State::Claimed { lease_ends, .. } = &mut record.state {
            *lease_ends = latest;
        }
        Some(record)
    }

    /// Whether other content than this was claimed or completed last.
    fn differs_from(&self, fingerprint: Fingerprint) -> bool {
        self.fingerprint.is_some_and(|bound| bound != fingerprint)
    }
}

/// What a command comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step<O> {
    /// The record from now on; `None` leaves everything as it is.
    pub(crate) write: Option<Record>,
    pub(crate) outcome: O,
}

impl<O> Step<O> {
    fn leave(outcome: O) -> Self {
        Self {
            write: None,
            outcome,
        }
    }

    fn write(record: Record, outcome: O) -> Self {
        Self {
            write: Some(record),
            outcome,
        }
    }
}

/// A command on one record.
pub(crate) trait Command {
    type Outcome;

    fn key(&self) -> &EventKey;

    /// What the command comes to on this record at this time.
    fn apply(&self, record: Option<&Record>, now: UnixTime) -> Step<Self::Outcome>;
}

fn kept(record: Option<&Record>, now: UnixTime) -> Option<&Record> {
    record.filter(|record| record.is_kept(now))
}

impl Command for Claim {
    type Outcome = ClaimOutcome;

    fn key(&self) -> &EventKey {
        &self.key
    }

    fn apply(&self, record: Option<&Record>, now: UnixTime) -> Step<ClaimOutcome> {
        let Some(record) = kept(record, now) else {
            return self.grant(None, now);
        };
        match &record.state {
            State::Claimed {
                token, corrected, ..
            } if *token == self.token => self.grant_again(record, *corrected, now),
            State::Claimed { lease_ends, .. } if *lease_ends > now => Step {
                write: record.after_a_step_back(now),
                outcome: if record.differs_from(self.fingerprint) {
                    ClaimOutcome::OtherInProgress
                } else {
                    ClaimOutcome::InProgress
                },
            },
            State::Claimed { .. } | State::Released { .. } => self.grant(Some(record), now),
            State::Done { response, .. } => Step::leave(if record.differs_from(self.fingerprint) {
                ClaimOutcome::OtherDone(response.clone())
            } else {
                ClaimOutcome::Done(response.clone())
            }),
        }
    }
}

impl Claim {
    fn grant(&self, earlier: Option<&Record>, now: UnixTime) -> Step<ClaimOutcome> {
        let (attempts, fence) = earlier.map_or((0, 0), |record| (record.attempt, record.fence));
        let grant = Grant {
            attempt: attempts.saturating_add(1),
            // The time keeps it growing where the record was lost, the count where the clock
            // stands still.
            fence: fence.saturating_add(1).max(now.as_micros()),
            corrected: earlier.is_some_and(|record| record.differs_from(self.fingerprint)),
        };
        let lease_ends = now.saturating_add(self.lease);
        Step::write(
            Record {
                state: State::Claimed {
                    token: self.token,
                    lease_ends,
                    lease: Some(self.lease),
                    corrected: grant.corrected,
                },
                attempt: grant.attempt,
                fence: grant.fence,
                fingerprint: Some(self.fingerprint),
                kept_until: now.saturating_add(self.retention).max(lease_ends),
            },
            ClaimOutcome::Claimed(grant),
        )
    }

    /// The reply was lost: the same one once more.
    fn grant_again(&self, record: &Record, corrected: bool, now: UnixTime) -> Step<ClaimOutcome> {
        let lease_ends = now.saturating_add(self.lease);
        Step::write(
            Record {
                state: State::Claimed {
                    token: self.token,
                    lease_ends,
                    lease: Some(self.lease),
                    corrected,
                },
                attempt: record.attempt,
                fence: record.fence,
                fingerprint: record.fingerprint,
                kept_until: now.saturating_add(self.retention).max(lease_ends),
            },
            ClaimOutcome::Claimed(Grant {
                attempt: record.attempt,
                fence: record.fence,
                corrected,
            }),
        )
    }
}

impl Command for Complete {
    type Outcome = Held;

    fn key(&self) -> &EventKey {
        &self.key
    }

    fn apply(&self, record: Option<&Record>, now: UnixTime) -> Step<Held> {
        let (attempt, fence) = match kept(record, now) {
            // The store has lost the record, the holder knows what stood there.
            None => (self.attempt, self.fence),
            Some(record) => match &record.state {
                State::Claimed { token, .. } if *token == self.token => {
                    (record.attempt, record.fence)
                }
                State::Done { token, .. } if *token == self.token => {
                    return Step::leave(Held::Held);
                }
                State::Claimed { .. } | State::Done { .. } | State::Released { .. } => {
                    return Step::leave(Held::Fenced);
                }
            },
        };
        Step::write(
            Record {
                state: State::Done {
                    token: self.token,
                    response: self.response.clone(),
                },
                attempt,
                fence,
                fingerprint: Some(self.fingerprint),
                kept_until: now.saturating_add(self.retention),
            },
            Held::Held,
        )
    }
}

impl Command for Release {
    type Outcome = Held;

    fn key(&self) -> &EventKey {
        &self.key
    }

    fn apply(&self, record: Option<&Record>, now: UnixTime) -> Step<Held> {
        let Some(record) = kept(record, now) else {
            return Step::leave(Held::Held);
        };
        match &record.state {
            State::Claimed { token, .. } if *token == self.token => Step::write(
                Record {
                    state: State::Released { token: self.token },
                    attempt: record.attempt,
                    fence: record.fence,
                    fingerprint: record.fingerprint,
                    kept_until: now.saturating_add(self.retention),
                },
                Held::Held,
            ),
            State::Released { token } if *token == self.token => Step::leave(Held::Held),
            State::Claimed { .. } | State::Done { .. } | State::Released { .. } => {
                Step::leave(Held::Fenced)
            }
        }
    }
}

impl Command for Renew {
    type Outcome = Held;

    fn key(&self) -> &EventKey {
        &self.key
    }

    fn apply(&self, record: Option<&Record>, now: UnixTime) -> Step<Held> {
        let Some(record) = kept(record, now) else {
            return Step::leave(Held::Fenced);
        };
        match record.state {
            State::Claimed {
                token, corrected, ..
            } if token == self.token => {
                let lease_ends = now.saturating_add(self.lease);
                Step::write(
                    Record {
                        state: State::Claimed {
                            token,
                            lease_ends,
                            lease: Some(self.lease),
                            corrected,
                        },
                        attempt: record.attempt,
                        fence: record.fence,
                        fingerprint: record.fingerprint,
                        kept_until: now.saturating_add(self.retention).max(lease_ends),
                    },
                    Held::Held,
                )
            }
            State::Claimed { .. } | State::Done { .. } | State::Released { .. } => {
                Step::leave(Held::Fenced)
            }
        }
    }
}

/// A look at how long a claim holds, by who waits for its end.
pub(crate) struct Look<'a>(pub(crate) &'a EventKey);

impl Command for Look<'_> {
    /// When the lease of a live claim ends.
    type Outcome = Option<UnixTime>;

    fn key(&self) -> &EventKey {
        self.0
    }

    fn apply(&self, record: Option<&Record>, now: UnixTime) -> Step<Option<UnixTime>> {
        let Some(record) = kept(record, now) else {
            return Step::leave(None);
        };
        let write = record.after_a_step_back(now);
        let lease_ends = write.as_ref().unwrap_or(record).lease_ends();
        Step {
            outcome: lease_ends.filter(|end| *end > now),
            write,
        }
    }
}

#[cfg(test)]
mod tests;
