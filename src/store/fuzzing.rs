//! Gives the fuzz targets access to private items; only `cargo fuzz` builds it.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::UnixTime;
use crate::event::{EventKey, Fingerprint};

use super::command::{
    Claim, ClaimOutcome, Complete, Held, RecordView, Release, Renew, StoredResponse,
};
use super::memory::MemoryStore;
use super::record::{Command, Record, State};
use super::token::Token;

#[cfg(feature = "redis")]
pub use super::redis::fuzzing as redis;

/// Everything that is kept of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// How far it got.
    pub stage: Stage,
    /// The token that it was claimed, completed or released with.
    pub token: Token,
    /// How many attempts were begun.
    pub attempt: u32,
    /// The fence of the last attempt.
    pub fence: u64,
    /// The fingerprint that was claimed or completed last.
    pub fingerprint: Option<Fingerprint>,
    /// From this moment on the record counts as absent.
    pub kept_until: UnixTime,
}

/// How far an event got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// The state of that name.
    Claimed {
        /// When the lease ends.
        lease_ends: UnixTime,
        /// How long the lease was when it was set, if known.
        lease: Option<Duration>,
        /// Whether an earlier attempt had other content.
        corrected: bool,
    },
    /// The state of that name.
    Done(StoredResponse),
    /// The state of that name.
    Released,
}

impl From<Record> for Kept {
    fn from(record: Record) -> Self {
        let (stage, token) = match record.state {
            State::Claimed {
                token,
                lease_ends,
                lease,
                corrected,
            } => {
                let stage = Stage::Claimed {
                    lease_ends,
                    lease,
                    corrected,
                };
                (stage, token)
            }
            State::Done { token, response } => (Stage::Done(response), token),
            State::Released { token } => (Stage::Released, token),
        };
        Self {
            stage,
            token,
            attempt: record.attempt,
            fence: record.fence,
            fingerprint: record.fingerprint,
            kept_until: record.kept_until,
        }
    }
}

/// The record of a memory store, as it is.
pub fn kept(store: &MemoryStore, key: &EventKey) -> Option<Kept> {
    store.record(key).map(Kept::from)
}

/// The rules on a plain map.
#[derive(Debug, Default)]
pub struct Rules(HashMap<EventKey, Record>);

impl Rules {
    fn run<C: Command>(&mut self, command: &C, now: UnixTime) -> C::Outcome {
        let step = command.apply(self.0.get(command.key()), now);
        if let Some(record) = step.write {
            self.0.insert(command.key().clone(), record);
        }
        step.outcome
    }

    /// The command of that name.
    pub fn claim(&mut self, command: &Claim, now: UnixTime) -> ClaimOutcome {
        self.run(command, now)
    }

    /// The command of that name.
    pub fn complete(&mut self, command: &Complete, now: UnixTime) -> Held {
        self.run(command, now)
    }

    /// The command of that name.
    pub fn release(&mut self, command: &Release, now: UnixTime) -> Held {
        self.run(command, now)
    }

    /// The command of that name.
    pub fn renew(&mut self, command: &Renew, now: UnixTime) -> Held {
        self.run(command, now)
    }

    /// Removes a record and says whether it was still kept.
    pub fn forget(&mut self, key: &EventKey, now: UnixTime) -> bool {
        let record = self.0.remove(key);
        record.is_some_and(|record| record.is_kept(now))
    }

    /// The record, while it is kept.
    pub fn kept(&self, key: &EventKey, now: UnixTime) -> Option<Kept> {
        let record = self.0.get(key).filter(|record| record.is_kept(now));
        record.cloned().map(Kept::from)
    }

    /// How the record looks from outside.
    pub fn view(&self, key: &EventKey, now: UnixTime) -> Option<RecordView> {
        let record = self.0.get(key).filter(|record| record.is_kept(now));
        record.map(|record| record.view(key.clone(), now))
    }
}
