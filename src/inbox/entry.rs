use std::collections::VecDeque;
use std::time::Duration;

use super::worker_id::WorkerId;
use crate::clock::UnixTime;
use crate::event::{Fingerprint, Order};
use crate::reason::codes;
use crate::store::{Grant, Token};

/// What is kept of one event that was accepted, beside its body and its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// How far the event got.
    pub state: EntryState,
    /// What its content means.
    pub fingerprint: Fingerprint,
    /// How many attempts were begun since it was accepted, revived or redriven.
    pub attempts: u32,
    /// How many of those ended with the death of their worker.
    pub deaths: u32,
    /// The fence of the last attempt; it grows on through every revival.
    pub fence: u64,
    /// Whether its content was replaced after an attempt with other content.
    pub corrected: bool,
    /// When it was first accepted.
    pub accepted_at: UnixTime,
    /// When a delivery last revived it from the dead letters.
    pub revived_at: Option<UnixTime>,
    /// What it is about and how new it is, where its rule says so.
    pub order: Option<Box<Order>>,
    /// How its last attempts failed, the newest last.
    pub history: History,
}

/// How far an event that was accepted got.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryState {
    /// A worker may take it from `due` on.
    Queued {
        /// From when on.
        due: UnixTime,
        /// Who has given it back, or redriven it, so that the command can be sent again.
        by: Option<Token>,
    },
    /// A worker has it, or had it when its lease ended.
    Running {
        /// Whose it is.
        token: Token,
        /// From this moment on another worker may take it over; until one does, this one holds.
        lease_ends: UnixTime,
        /// How long the lease was when it was set.
        lease: Duration,
        /// Whether its handler has begun.
        begun: bool,
    },
    /// It was handled.
    Done {
        /// Who has finished it, so that the command can be sent again.
        token: Token,
        /// From this moment on the entry counts as absent.
        kept_until: UnixTime,
    },
    /// No attempt is made any more until it is revived, redriven or discarded.
    Dead {
        /// Who has buried it, so that the command can be sent again; none where its workers died.
        token: Option<Token>,
        /// Since when.
        since: UnixTime,
    },
    /// An operator wants it never run.
    Discarded {
        /// From this moment on the entry counts as absent.
        kept_until: UnixTime,
    },
    /// It is older than another event of its order key that was completed, and was not run.
    Stale {
        /// From this moment on the entry counts as absent.
        kept_until: UnixTime,
    },
    /// It was found untrue, and was not run. Other content may have its place.
    Mismatched {
        /// Who has found that, so that the command can be sent again.
        token: Token,
        /// From this moment on the entry counts as absent.
        kept_until: UnixTime,
    },
}

impl Entry {
    /// An entry in this state, with no attempts so far: what an inbox has read back is set in it.
    pub fn new(state: EntryState, fingerprint: Fingerprint, accepted_at: UnixTime) -> Self {
        Self {
            state,
            fingerprint,
            attempts: 0,
            deaths: 0,
            fence: 0,
            corrected: false,
            accepted_at,
            revived_at: None,
            order: None,
            history: History::default(),
        }
    }

    /// Whether it still counts.
    pub fn is_kept(&self, now: UnixTime) -> bool {
        self.kept_until().is_none_or(|end| end > now)
    }

    /// From when on it counts as absent; `None` where it is not done, discarded, stale or mismatched: it is kept
    /// then until somebody has moved it on.
    pub fn kept_until(&self) -> Option<UnixTime> {
        match self.state {
            EntryState::Done { kept_until, .. }
            | EntryState::Discarded { kept_until }
            | EntryState::Stale { kept_until }
            | EntryState::Mismatched { kept_until, .. } => Some(kept_until),
            EntryState::Queued { .. } | EntryState::Running { .. } | EntryState::Dead { .. } => {
                None
            }
        }
    }

    /// From when on a worker may take it; `None` where none ever may as it stands.
    pub fn due(&self) -> Option<UnixTime> {
        match self.state {
            EntryState::Queued { due, .. } => Some(due),
            EntryState::Running { lease_ends, .. } => Some(lease_ends),
            EntryState::Done { .. }
            | EntryState::Dead { .. }
            | EntryState::Discarded { .. }
            | EntryState::Stale { .. }
            | EntryState::Mismatched { .. } => None,
        }
    }

    /// What its attempt was granted.
    pub(crate) fn grant(&self) -> Grant {
        Grant {
            attempt: self.attempts,
            fence: self.fence,
            corrected: self.corrected,
        }
    }

    /// Whether it is kept, and is done, discarded or stale.
    pub(crate) fn has_ended(&self, now: UnixTime) -> bool {
        let has_ended = matches!(
            self.state,
            EntryState::Done { .. } | EntryState::Discarded { .. } | EntryState::Stale { .. }
        );
        has_ended && self.is_kept(now)
    }

    /// Whether somebody is to move it on: a worker, or an operator.
    pub fn is_open(&self) -> bool {
        self.kept_until().is_none()
    }

    /// Whether its content is needed still; it is dropped with the last change that makes it needless.
    pub fn needs_content(&self) -> bool {
        match self.state {
            EntryState::Queued { .. }
            | EntryState::Running { .. }
            | EntryState::Dead { .. }
            | EntryState::Stale { .. } => true,
            EntryState::Done { .. }
            | EntryState::Discarded { .. }
            | EntryState::Mismatched { .. } => false,
        }
    }

    /// Whether an attempt at it failed, be it before it was revived or redriven.
    pub(crate) fn has_failed(&self) -> bool {
        self.attempts > 0 || self.history.last().is_some()
    }

    /// Whether its worker died so often that it is run with no other beside it.
    pub fn is_lone(&self) -> bool {
        self.deaths >= LONE_FROM
    }

    /// Which worker has it, or has had it when its lease ended, has handled it, or has buried it. `None` where it waits
    /// or was ended otherwise: who made an attempt that failed stands in the log. Of what was taken without a
    /// [worker](crate::worker::Worker) it is nobody's number.
    ///
    /// ```
    /// use tower_webhook::inbox::{Inbox, SharedInbox};
    /// use tower_webhook::{EventKey, store::StoreError};
    ///
    /// async fn who_has(inbox: &SharedInbox, event: &EventKey) -> Result<(), StoreError> {
    ///     if let Some(worker) = inbox.lookup(event).await?.and_then(|view| view.entry.worker()) {
    ///         println!("worker {worker}");
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn worker(&self) -> Option<WorkerId> {
        match &self.state {
            EntryState::Running { token, .. } | EntryState::Done { token, .. } => {
                Some(WorkerId::of(token))
            }
            EntryState::Dead { token, .. } => token.as_ref().map(WorkerId::of),
            EntryState::Queued { .. }
            | EntryState::Discarded { .. }
            | EntryState::Stale { .. }
            | EntryState::Mismatched { .. } => None,
        }
    }

    /// How it looks from outside.
    pub fn status(&self, now: UnixTime) -> EntryStatus {
        match self.state {
            EntryState::Queued { .. } if self.attempts == 0 => EntryStatus::Queued,
            EntryState::Queued { .. } => EntryStatus::Waiting,
            EntryState::Running { lease_ends, .. } if lease_ends > now => EntryStatus::Running,
            EntryState::Running { .. } => EntryStatus::Lapsed,
            EntryState::Done { .. } => EntryStatus::Done,
            EntryState::Dead { .. } => EntryStatus::Dead,
            EntryState::Discarded { .. } => EntryStatus::Discarded,
            EntryState::Stale { .. } => EntryStatus::Stale,
            EntryState::Mismatched { .. } => EntryStatus::Mismatched,
        }
    }
}

/// An entry whose worker died so often may be what they died of.
pub(crate) const LONE_FROM: u32 = 2;

/// How far an entry got, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EntryStatus {
    /// Accepted, and no attempt was made yet.
    Queued,
    /// The last attempt failed, and the next one is to come.
    Waiting,
    /// A worker has it.
    Running,
    /// A worker had it, and its lease ended with no word.
    Lapsed,
    /// Handled.
    Done,
    /// In the dead letters: no attempt is made any more.
    Dead,
    /// Never to be run, as an operator wants it.
    Discarded,
    /// Not run: a newer event of its order key was completed before.
    Stale,
    /// Not run: its confirmation spoke against it, or other content of its event was confirmed.
    Mismatched,
}

impl EntryStatus {
    codes! {
        /// Every status.
        pub const ALL;
        /// The status in one stable word.
        pub fn code {
            Queued => "queued",
            Waiting => "waiting",
            Running => "running",
            Lapsed => "lapsed",
            Done => "done",
            Dead => "dead",
            Discarded => "discarded",
            Stale => "stale",
            Mismatched => "mismatched",
        }
    }
}

/// How the last attempts of an entry failed, the newest last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History(VecDeque<FailedAttempt>);

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedAttempt {
    /// Which attempt it was, counted from 1.
    pub attempt: u32,
    /// When it ended.
    pub at: UnixTime,
    /// How it failed: up to [`FailedAttempt::MAX_LEN`] bytes of what the handler said.
    pub reason: Box<str>,
}

impl FailedAttempt {
    /// The most that is kept of a reason, in bytes.
    pub const MAX_LEN: usize = 300;

    /// What is said of an attempt whose worker fell silent.
    pub(crate) const DIED: &str = "its worker died, or was cut off, before the attempt ended";

    /// An attempt that ended so; a longer reason is cut.
    pub fn new(attempt: u32, at: UnixTime, reason: &str) -> Self {
        Self {
            attempt,
            at,
            reason: cut(reason, Self::MAX_LEN).into(),
        }
    }
}

/// As much of the text as fits, without half a character at its end.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

impl History {
    /// How many attempts are kept.
    pub const MAX_LEN: usize = 8;

    /// The attempts, the newest last.
    pub fn iter(&self) -> impl Iterator<Item = &FailedAttempt> {
        self.0.iter()
    }

    /// The newest one.
    pub fn last(&self) -> Option<&FailedAttempt> {
        self.0.back()
    }

    pub(super) fn push(&mut self, failed: FailedAttempt) {
        while self.0.len() >= Self::MAX_LEN {
            self.0.pop_front();
        }
        self.0.push_back(failed);
    }
}

impl FromIterator<FailedAttempt> for History {
    /// Of more than [`History::MAX_LEN`] the last ones.
    fn from_iter<I: IntoIterator<Item = FailedAttempt>>(attempts: I) -> Self {
        let mut history = Self::default();
        attempts.into_iter().for_each(|failed| history.push(failed));
        history
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_keeps_the_newest_and_cuts_no_character_in_two() {
        let failed = |attempt| FailedAttempt::new(attempt, UnixTime::EPOCH, "é");
        let history: History = (1..=20).map(failed).collect();
        let kept: Vec<_> = history.iter().map(|it| it.attempt).collect();
        assert_eq!(kept, [13, 14, 15, 16, 17, 18, 19, 20]);
        let long = "é".repeat(200);
        let reason = FailedAttempt::new(1, UnixTime::EPOCH, &format!("x{long}")).reason;
        assert_eq!(reason.len(), 299);
        assert!(reason.ends_with('é'));
    }
}
