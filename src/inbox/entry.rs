use std::collections::VecDeque;
use std::time::Duration;

use super::worker_id::WorkerId;
use crate::clock::UnixTime;
use crate::event::{Fingerprint, Order};
use crate::reason::codes;
use crate::store::{Grant, Token};

/// The record of one accepted event, without its body and its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// How far the event has got.
    pub state: EntryState,
    /// The meaning of its content.
    pub fingerprint: Fingerprint,
    /// How many attempts have begun since it was accepted, revived or redriven.
    pub attempts: u32,
    /// How many of those ended with the death of their worker.
    pub deaths: u32,
    /// The fence of the last attempt; it keeps growing through every revival.
    pub fence: u64,
    /// Whether its content was replaced after an attempt with other content.
    pub corrected: bool,
    /// When it was first accepted.
    pub accepted_at: UnixTime,
    /// When a delivery last revived it from the dead letters.
    pub revived_at: Option<UnixTime>,
    /// Its order key and version, if its rule names them.
    pub order: Option<Box<Order>>,
    /// Its last failures, the newest last.
    pub history: History,
}

/// How far an accepted event has got.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryState {
    /// A worker may take it from `due` on.
    Queued {
        /// The earliest time to take it.
        due: UnixTime,
        /// The token that gave it back, or redrove it, so that the command can be resent.
        by: Option<Token>,
    },
    /// A worker has it, or had it when its lease ended.
    Running {
        /// The token of its worker.
        token: Token,
        /// From this moment on, another worker may take it over; until one does, this one holds it.
        lease_ends: UnixTime,
        /// How long the lease was when it was set.
        lease: Duration,
        /// Whether its handler has begun.
        begun: bool,
    },
    /// It was handled.
    Done {
        /// The token that finished it, so that the command can be resent.
        token: Token,
        /// The time from which the entry counts as absent.
        kept_until: UnixTime,
    },
    /// No more attempts are made until it is revived, redriven or discarded.
    Dead {
        /// The token that buried it, so that the command can be resent; `None` if its workers died.
        token: Option<Token>,
        /// When it died.
        since: UnixTime,
    },
    /// An operator has decided that it never runs.
    Discarded {
        /// The time from which the entry counts as absent.
        kept_until: UnixTime,
    },
    /// It is older than another event of its order key that was completed, and is not run.
    Stale {
        /// The time from which the entry counts as absent.
        kept_until: UnixTime,
    },
    /// It was found untrue, and was not run. Other content may take its place.
    Mismatched {
        /// The token that found it untrue, so that the command can be resent.
        token: Token,
        /// The time from which the entry counts as absent.
        kept_until: UnixTime,
    },
}

impl Entry {
    /// An entry in this state without attempts; an inbox that reads one back sets the other fields.
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

    /// Whether the entry still counts.
    pub fn is_kept(&self, now: UnixTime) -> bool {
        self.kept_until().is_none_or(|end| end > now)
    }

    /// From when on it counts as absent; `None` unless it is done, discarded, stale or mismatched:
    /// it is kept until it is moved on.
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

    /// From when on a worker may take it; `None` if no worker may in its present state.
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

    /// The grant of its attempt.
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

    /// Whether a worker or an operator must still move it on.
    pub fn is_open(&self) -> bool {
        self.kept_until().is_none()
    }

    /// Whether its content is still needed; it is dropped with the last change that needs it.
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

    /// Whether an attempt at it has failed, even before it was revived or redriven.
    pub(crate) fn has_failed(&self) -> bool {
        self.attempts > 0 || self.history.last().is_some()
    }

    /// Whether its worker has died so often that it runs alone.
    pub fn is_lone(&self) -> bool {
        self.deaths >= LONE_FROM
    }

    /// The worker that has it, had it when its lease ended, has handled it, or has buried it.
    /// `None` if it waits or ended otherwise; the log says which worker made a failed attempt. For
    /// an entry taken without a [worker](crate::worker::Worker), the id belongs to no worker.
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

    /// Its status for an observer at this time.
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

/// An entry whose workers died this often may be the cause.
pub(crate) const LONE_FROM: u32 = 2;

/// How far an entry has got, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EntryStatus {
    /// Accepted, without an attempt so far.
    Queued,
    /// The last attempt failed, and another one follows.
    Waiting,
    /// A worker has it.
    Running,
    /// A worker had it, and its lease ended without a report.
    Lapsed,
    /// Handled.
    Done,
    /// In the dead letters: no attempt is made any more.
    Dead,
    /// Never run, as an operator has decided.
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
        /// The status as one stable word.
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

/// The last failures of an entry, the newest last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History(VecDeque<FailedAttempt>);

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedAttempt {
    /// The number of the attempt, counted from 1.
    pub attempt: u32,
    /// When it ended.
    pub at: UnixTime,
    /// Why it failed: up to [`FailedAttempt::MAX_LEN`] bytes of the handler's message.
    pub reason: Box<str>,
}

impl FailedAttempt {
    /// The most bytes of a reason that are stored.
    pub const MAX_LEN: usize = 300;

    /// The reason for an attempt whose worker stopped reporting.
    pub(crate) const DIED: &str = "its worker died, or was cut off, before the attempt ended";

    /// An attempt that failed for this reason; a longer reason is cut.
    pub fn new(attempt: u32, at: UnixTime, reason: &str) -> Self {
        Self {
            attempt,
            at,
            reason: cut(reason, Self::MAX_LEN).into(),
        }
    }
}

/// As much of the text as fits, cut at a character boundary.
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

    /// The newest attempt.
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
    /// Keeps the last ones if there are more than [`History::MAX_LEN`].
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
