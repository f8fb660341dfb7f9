//! A command on its way to the database, and its result.

use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::store::command::{Claim, ClaimOutcome, Complete, Held, Release, Renew};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::record::{Command, Look, Record, Step};

use super::place::Place;

/// A command on one record.
#[derive(Debug, Clone)]
pub(in crate::store) enum Order {
    Claim(Claim),
    Complete(Complete),
    Release(Release),
    Renew(Renew),
    /// Reads how long the claim holds, for a task that waits for its end.
    Look(EventKey),
    Forget(EventKey),
    ForgetDone(EventKey),
}

/// A command and the place of its record.
#[derive(Debug, Clone)]
pub(in crate::store) struct Placed {
    pub(in crate::store) place: Place,
    pub(in crate::store) order: Order,
}

/// The result of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum Answer {
    Claim(ClaimOutcome),
    Held(Held),
    /// When the lease of a live claim ends.
    LeaseEnds(Option<UnixTime>),
    /// Whether there was a record.
    Forgotten(bool),
}

/// The change to the row.
pub(super) enum Verdict {
    Leave,
    Write(Record),
    Remove,
}

impl Placed {
    pub(in crate::store) fn new(namespace: &Name, order: Order) -> Self {
        let place = Place::of(namespace, order.key());
        Self { place, order }
    }
}

impl Order {
    fn key(&self) -> &EventKey {
        match self {
            Self::Claim(Claim { key, .. })
            | Self::Complete(Complete { key, .. })
            | Self::Release(Release { key, .. })
            | Self::Renew(Renew { key, .. })
            | Self::Look(key)
            | Self::Forget(key)
            | Self::ForgetDone(key) => key,
        }
    }

    /// Applies the rules.
    pub(super) fn apply(&self, record: Option<&Record>, now: UnixTime) -> (Verdict, Answer) {
        match self {
            Self::Claim(claim) => told(claim.apply(record, now), Answer::Claim),
            Self::Complete(complete) => told(complete.apply(record, now), Answer::Held),
            Self::Release(release) => told(release.apply(record, now), Answer::Held),
            Self::Renew(renew) => told(renew.apply(record, now), Answer::Held),
            Self::Look(key) => told(Look(key).apply(record, now), Answer::LeaseEnds),
            Self::Forget(_) => {
                let existed = record.is_some_and(|record| record.is_kept(now));
                (Verdict::Remove, Answer::Forgotten(existed))
            }
            Self::ForgetDone(_) => match record.is_some_and(|record| record.is_done(now)) {
                true => (Verdict::Remove, Answer::Forgotten(true)),
                false => (Verdict::Leave, Answer::Forgotten(false)),
            },
        }
    }
}

fn told<O>(step: Step<O>, answer: impl FnOnce(O) -> Answer) -> (Verdict, Answer) {
    let verdict = step.write.map_or(Verdict::Leave, Verdict::Write);
    (verdict, answer(step.outcome))
}

impl Answer {
    pub(in crate::store) fn claim(self) -> Result<ClaimOutcome, StoreError> {
        match self {
            Self::Claim(outcome) => Ok(outcome),
            _ => Err(mixed_up()),
        }
    }

    pub(in crate::store) fn held(self) -> Result<Held, StoreError> {
        match self {
            Self::Held(held) => Ok(held),
            _ => Err(mixed_up()),
        }
    }

    pub(in crate::store) fn lease_ends(self) -> Result<Option<UnixTime>, StoreError> {
        match self {
            Self::LeaseEnds(end) => Ok(end),
            _ => Err(mixed_up()),
        }
    }

    pub(in crate::store) fn forgotten(self) -> Result<bool, StoreError> {
        match self {
            Self::Forgotten(existed) => Ok(existed),
            _ => Err(mixed_up()),
        }
    }
}

/// An error, because each command has an answer of its own kind and gets no other one.
fn mixed_up() -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt).with_source("the answer to another command")
}
