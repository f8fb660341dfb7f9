//! An entry as the columns of its row.

use std::time::Duration;

use crate::clock::UnixTime;
use crate::event::Fingerprint;
use crate::inbox::{Entry, EntryState, FailedAttempt, History};
use crate::store::sql::row::{from_micros, micros};
use crate::store::token::Token;

const QUEUED: i64 = 1;
const TAKEN: i64 = 2;
const BEGUN: i64 = 3;
const DONE: i64 = 4;
/// Indexes and queries name it too.
pub(in crate::store) const DEAD: i64 = 5;
const DISCARDED: i64 = 6;

/// The columns of an entry beside those that say which it is. Times and spans are in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct EntryRow {
    pub(in crate::store) state: i64,
    pub(in crate::store) due: Option<i64>,
    pub(in crate::store) token: Option<Vec<u8>>,
    pub(in crate::store) lease: Option<i64>,
    pub(in crate::store) attempts: i64,
    pub(in crate::store) deaths: i64,
    /// Its 64 bits; a fence that is a time is the same number.
    pub(in crate::store) fence: i64,
    pub(in crate::store) fingerprint: Vec<u8>,
    pub(in crate::store) corrected: bool,
    pub(in crate::store) accepted_at: i64,
    pub(in crate::store) revived_at: Option<i64>,
    pub(in crate::store) since: Option<i64>,
    pub(in crate::store) kept_until: Option<i64>,
    pub(in crate::store) history: Option<String>,
}

/// Number, end and reason of a failed attempt.
type KeptAttempt<'a> = (u32, u64, std::borrow::Cow<'a, str>);

impl From<&Entry> for EntryRow {
    fn from(entry: &Entry) -> Self {
        let mut row = Self {
            state: QUEUED,
            due: entry.due().map(micros),
            token: None,
            lease: None,
            attempts: i64::from(entry.attempts),
            deaths: i64::from(entry.deaths),
            fence: i64::from_be_bytes(entry.fence.to_be_bytes()),
            fingerprint: entry.fingerprint.as_bytes().to_vec(),
            corrected: entry.corrected,
            accepted_at: micros(entry.accepted_at),
            revived_at: entry.revived_at.map(micros),
            since: None,
            kept_until: entry.kept_until().map(micros),
            history: encoded(&entry.history),
        };
        let token = match &entry.state {
            EntryState::Queued { by, .. } => *by,
            EntryState::Running {
                token,
                lease,
                begun,
                ..
            } => {
                row.state = if *begun { BEGUN } else { TAKEN };
                row.lease = Some(i64::try_from(lease.as_micros()).unwrap_or(i64::MAX));
                Some(*token)
            }
            EntryState::Done { token, .. } => {
                row.state = DONE;
                Some(*token)
            }
            EntryState::Dead { token, since } => {
                row.state = DEAD;
                row.since = Some(micros(*since));
                *token
            }
            EntryState::Discarded { .. } => {
                row.state = DISCARDED;
                None
            }
        };
        row.token = token.map(|token| token.as_bytes().to_vec());
        row
    }
}

fn encoded(history: &History) -> Option<String> {
    history.last()?;
    let kept: Vec<KeptAttempt<'_>> = (history.iter())
        .map(|it| (it.attempt, it.at.as_micros(), (&*it.reason).into()))
        .collect();
    serde_json::to_string(&kept).ok()
}

fn decoded(history: Option<&str>) -> Option<History> {
    let Some(text) = history else {
        return Some(History::default());
    };
    let kept: Vec<KeptAttempt<'_>> = serde_json::from_str(text).ok()?;
    let attempts = kept.into_iter().map(|(attempt, at, reason)| {
        FailedAttempt::new(attempt, UnixTime::from_micros(at), &reason)
    });
    Some(attempts.collect())
}

impl EntryRow {
    /// Reads the entry; `None` where it is not one that this version writes.
    pub(in crate::store) fn entry(&self) -> Option<Entry> {
        let token = match &self.token {
            Some(bytes) => Some(Token::from_bytes(bytes.as_slice().try_into().ok()?)),
            None => None,
        };
        let time = |at: Option<i64>| from_micros(at?);
        let state = match self.state {
            QUEUED => EntryState::Queued {
                due: time(self.due)?,
                by: token,
            },
            TAKEN | BEGUN => EntryState::Running {
                token: token?,
                lease_ends: time(self.due)?,
                lease: Duration::from_micros(u64::try_from(self.lease?).ok()?),
                begun: self.state == BEGUN,
            },
            DONE => EntryState::Done {
                token: token?,
                kept_until: time(self.kept_until)?,
            },
            DEAD => EntryState::Dead {
                token,
                since: time(self.since)?,
            },
            DISCARDED => EntryState::Discarded {
                kept_until: time(self.kept_until)?,
            },
            _ => return None,
        };
        Some(Entry {
            state,
            fingerprint: Fingerprint::from_bytes(self.fingerprint.as_slice().try_into().ok()?),
            attempts: u32::try_from(self.attempts).ok()?,
            deaths: u32::try_from(self.deaths).ok()?,
            fence: u64::from_be_bytes(self.fence.to_be_bytes()),
            corrected: self.corrected,
            accepted_at: from_micros(self.accepted_at)?,
            revived_at: match self.revived_at {
                Some(at) => Some(from_micros(at)?),
                None => None,
            },
            history: decoded(self.history.as_deref())?,
        })
    }
}
