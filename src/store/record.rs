//! The rules of the record: state, command and time in, next state and outcome out.
//!
//! Nothing else decides. `MemoryStore` calls these functions; the scripts and statements of other
//! stores are translations of them and are tested against them. The functions are pure: they use no
//! store, clock or randomness beyond their arguments.
//!
//! A store of your own calls [`Command::apply`] if it can lock a record for that time, or
//! translates the rules to the language of its database:
//!
//! 1. Read the record of the command's key, and `now` from the store's own clock.
//! 2. `apply` returns what to write, if anything, and the outcome. If there is nothing to write,
//!    the record stays as it is.
//! 3. Reading and writing happen as one step, or not at all.
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
//! // The lease is over but nobody else has claimed: the holder still holds, and completes.
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

use super::command::{RecordState, RecordView, StoredResponse};
use super::token::Token;

mod rules;

pub(crate) use rules::Look;
pub use rules::{Command, Step};

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
    /// The fingerprint that was claimed or completed last. Other content is refused while the event
    /// is claimed, and once it is done. `None` if an earlier version of this crate claimed before
    /// the event was confirmed.
    pub fingerprint: Option<Fingerprint>,
    /// From this moment on, the record counts as absent.
    pub kept_until: UnixTime,
}

/// How far an event got, and by whom: only the holder of a claim may change it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Someone is at work on it, or was when the lease ended.
    Claimed {
        /// Whose claim it is.
        token: Token,
        /// From this moment on, anyone may claim; until someone does, the holder still holds.
        lease_ends: UnixTime,
        /// How long the lease was when it was set; unknown if the first edition wrote the record.
        lease: Option<Duration>,
        /// Kept so that a claim that is sent again gets its first answer.
        corrected: bool,
    },
    /// It was handled.
    Done {
        /// The token that completed it, so that the command can be sent again.
        token: Token,
        /// The answer that duplicates get.
        response: StoredResponse,
    },
    /// The last attempt failed.
    Released {
        /// The token that released it, so that the command can be sent again.
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

    /// Whether the record still counts, because its retention is not over.
    ///
    /// ```
    /// use tower_webhook::UnixTime;
    /// use tower_webhook::store::Token;
    /// use tower_webhook::store::record::{Record, State};
    ///
    /// let now = UnixTime::from_secs(1_777_899_600);
    /// let released = State::Released { token: Token::from_bytes([7; 16]) };
    /// let record = |kept_until| Record::new(released.clone(), 1, 1, None, kept_until);
    /// assert!(!record(now).is_kept(now));
    /// ```
    pub fn is_kept(&self, now: UnixTime) -> bool {
        self.kept_until > now
    }

    /// Whether the record still counts and its event is done.
    pub(crate) fn is_done(&self, now: UnixTime) -> bool {
        self.is_kept(now) && matches!(self.state, State::Done { .. })
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

    /// The record as [`Store::lookup`](super::Store::lookup) reports it.
    pub fn view(&self, key: EventKey, now: UnixTime) -> RecordView {
        let state = self.public_state(now);
        let mut view = RecordView::new(key, state, self.attempt, self.fence, self.kept_until);
        view.fingerprint = self.fingerprint;
        view
    }

    /// The corrected claim if its lease is impossible: a lease that ends further ahead than it is
    /// long was set before the clock was set back. The lease then starts again from now with its
    /// full length, so that a dead holder does not block others for as long as the clock went back.
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

    /// Whether the content that was claimed or completed last differs from this.
    fn differs_from(&self, fingerprint: Fingerprint) -> bool {
        self.fingerprint.is_some_and(|bound| bound != fingerprint)
    }
}

#[cfg(test)]
mod tests;
