//! The result of each command on a record.

use super::super::command::{Claim, ClaimOutcome, Complete, Grant, Held, Release, Renew};
use super::{Record, State};
use crate::clock::UnixTime;
use crate::event::EventKey;

/// The result of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step<O> {
    /// The record from now on; `None` leaves everything as it is.
    pub write: Option<Record>,
    /// The answer to the sender of the command.
    pub outcome: O,
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

/// A command on one record: [`Claim`], [`Complete`], [`Release`] or [`Renew`].
///
/// Only the commands of this crate implement it.
pub trait Command: sealed::Sealed {
    /// The answer to the command.
    type Outcome;

    /// The key of the record that the command concerns.
    fn key(&self) -> &EventKey;

    /// The result of the command on this record, if there is one, at this time of the store's clock.
    fn apply(&self, record: Option<&Record>, now: UnixTime) -> Step<Self::Outcome>;
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::Claim {}
    impl Sealed for super::Complete {}
    impl Sealed for super::Release {}
    impl Sealed for super::Renew {}
    impl Sealed for super::Look<'_> {}
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
            // The time keeps the fence growing if the record was lost, the count if the clock
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

    /// The reply was lost: gives the same grant again.
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
            // The store has lost the record, but the holder knows its values.
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
                    attempt: record.attempt.saturating_sub(u32::from(!self.begun)),
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

/// Reads how long a claim holds, for a task that waits for its end.
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
