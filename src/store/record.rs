//! The rules of the record: state, command and time in, next state and outcome out.
//!
//! Nothing else decides. `MemoryStore` calls these functions; the scripts and statements of other
//! stores are their translation, and are tested against them. They are pure: no store, no clock and
//! no randomness but what they are given.
//!
//! A store of your own calls [`Command::apply`] where it can hold a record still meanwhile, or says
//! the same in the words of its database:
//!
//! 1. The record of the command's key is read, and `now` from the store's own clock.
//! 2. `apply` says what is to be written, and the outcome. Where nothing is to be written, the
//!    record stays as it is.
//! 3. Both happen as one step, or not at all.
//!
//! A record that is no longer [kept](Record::is_kept) counts as absent, and may be dropped.
//!
//! ```
//! use std::collections::HashMap;
//! use std::time::Duration;
//! use tower_webhook::store::record::{Command, Record};
//! use tower_webhook::store::{Claim, ClaimOutcome, Complete, Held, StoredResponse, Token};
//! use tower_webhook::{EventKey, Fingerprint, Name, UnixTime};
//!
//! /// A store in the making: one step, under whatever holds the record still.
//! fn step<C: Command>(
//!     records: &mut HashMap<EventKey, Record>,
//!     command: &C,
//!     now: UnixTime,
//! ) -> C::Outcome {
//!     let step = command.apply(records.get(command.key()), now);
//!     if let Some(record) = step.write {
//!         records.insert(command.key().clone(), record);
//!     }
//!     step.outcome
//! }
//!
//! let mut records = HashMap::new();
//! let key = EventKey::new(Name::new("acme")?, ["evt_1"])?;
//! let (paid, day) = (Fingerprint::of(b"paid"), Duration::from_secs(86_400));
//! let (ours, theirs) = (Token::from_bytes([1; 16]), Token::from_bytes([2; 16]));
//! let claim = |token| Claim::new(key.clone(), token, paid, Duration::from_secs(15), day);
//!
//! let start = UnixTime::from_secs(1_777_899_600);
//! let ClaimOutcome::Claimed(grant) = step(&mut records, &claim(ours), start) else {
//!     return Err("a new event is granted".into());
//! };
//! assert_eq!(step(&mut records, &claim(theirs), start), ClaimOutcome::InProgress);
//!
//! // The lease is over, nobody else has claimed: the holder still holds, and completes.
//! let late = UnixTime::from_secs(1_777_899_700);
//! let done = Complete::new(key.clone(), ours, grant, paid, StoredResponse::new(200), day);
//! assert_eq!(step(&mut records, &done, late), Held::Held);
//! let answer = ClaimOutcome::Done(StoredResponse::new(200));
//! assert_eq!(step(&mut records, &claim(theirs), late), answer);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `testing::check_store` of the feature `testing` finds out whether a translation is right.

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
#[non_exhaustive]
pub struct Record {
    /// How far the event got, and by whom.
    pub state: State,
    /// How many attempts were begun.
    pub attempt: u32,
    /// The fence of the last attempt.
    pub fence: u64,
    /// What was claimed or completed last; other content is refused while it is claimed, and once
    /// done. None where an earlier version of this crate claimed before the event was confirmed.
    pub fingerprint: Option<Fingerprint>,
    /// From this moment on the record counts as absent.
    pub kept_until: UnixTime,
}

/// How far an event got, and by whom: what only a claim's holder may change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Someone is at work on it, or was when the lease ended.
    Claimed {
        /// Whose claim it is.
        token: Token,
        /// From this moment on anyone may claim; until someone does, the holder still holds.
        lease_ends: UnixTime,
        /// How long the lease was when it was set; unknown where the first edition wrote the record.
        lease: Option<Duration>,
        /// Kept so that a claim that is sent again gets the answer of the first time.
        corrected: bool,
    },
    /// It was handled.
    Done {
        /// Who has completed it, so that the command can be sent again.
        token: Token,
        /// What duplicates are answered with.
        response: StoredResponse,
    },
    /// The last attempt failed.
    Released {
        /// Who has given it back, so that the command can be sent again.
        token: Token,
    },
}

impl Record {
    /// A record as a store has read it back.
    pub fn new(
        state: State,
        attempt: u32,
        fence: u64,
        fingerprint: Option<Fingerprint>,
        kept_until: UnixTime,
    ) -> Self {
        Self {
            state,
            attempt,
            fence,
            fingerprint,
            kept_until,
        }
    }

    /// Whether it still counts: whether its retention lasts.
    pub fn is_kept(&self, now: UnixTime) -> bool {
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

    /// What [`Store::lookup`](super::Store::lookup) tells of it.
    pub fn view(&self, key: EventKey, now: UnixTime) -> RecordView {
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
#[non_exhaustive]
pub struct Step<O> {
    /// The record from now on; `None` leaves everything as it is.
    pub write: Option<Record>,
    /// What whoever sent the command is told.
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
/// It is implemented by the commands of this crate alone.
pub trait Command: sealed::Sealed {
    /// What the command is answered with.
    type Outcome;

    /// The key of the record that it is about.
    fn key(&self) -> &EventKey;

    /// What the command comes to on this record, if there is one, at this time of the store's clock.
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
