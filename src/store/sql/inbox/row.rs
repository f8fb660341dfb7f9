//! An entry as the columns of its row.

use std::time::Duration;

use crate::clock::UnixTime;
use crate::event::{Fingerprint, Order, OrderKey, Version};
use crate::inbox::{Entry, EntryState, FailedAttempt, History};
use crate::store::sql::row::{from_micros, micros};
use crate::store::token::Token;

const QUEUED: i64 = 1;
const TAKEN: i64 = 2;
const BEGUN: i64 = 3;
const DONE: i64 = 4;
/// Indexes and queries use this number too.
pub(in crate::store) const DEAD: i64 = 5;
const DISCARDED: i64 = 6;
const STALE: i64 = 7;
const MISMATCHED: i64 = 8;

const DEAD_HOLD_BACK: i64 = 1;
const FORCED: i64 = 2;

/// The columns of an entry, except those that identify it. Times and spans are in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct EntryRow {
    pub(in crate::store) state: i64,
    pub(in crate::store) due: Option<i64>,
    pub(in crate::store) token: Option<Vec<u8>>,
    pub(in crate::store) lease: Option<i64>,
    pub(in crate::store) attempts: i64,
    pub(in crate::store) deaths: i64,
    /// The 64 bits of the fence; a fence that is a time is the same number.
    pub(in crate::store) fence: i64,
    pub(in crate::store) fingerprint: Vec<u8>,
    pub(in crate::store) corrected: bool,
    pub(in crate::store) accepted_at: i64,
    pub(in crate::store) revived_at: Option<i64>,
    pub(in crate::store) since: Option<i64>,
    pub(in crate::store) kept_until: Option<i64>,
    pub(in crate::store) history: Option<String>,
    pub(in crate::store) order_key: Option<String>,
    pub(in crate::store) version: Option<i64>,
    pub(in crate::store) order_flags: Option<i64>,
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
            order_key: None,
            version: None,
            order_flags: None,
        };
        if let Some(order) = &entry.order {
            row.order_key = Some(order.key.as_str().to_owned());
            row.version = order.version.map(Version::number);
            let flag = |set: bool, flag: i64| if set { flag } else { 0 };
            let held_back = flag(order.dead_hold_back, DEAD_HOLD_BACK);
            row.order_flags = Some(held_back | flag(order.forced, FORCED));
        }
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
            EntryState::Stale { .. } => {
                row.state = STALE;
                None
            }
            EntryState::Mismatched { token, .. } => {
                row.state = MISMATCHED;
                Some(*token)
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
    /// The order of the entry; `None` if this version does not write such an order.
    #[expect(
        clippy::option_option,
        reason = "a row may have none, or one that is unreadable"
    )]
    fn order(&self) -> Option<Option<Box<Order>>> {
        let Some(key) = &self.order_key else {
            return Some(None);
        };
        let mut order = Order::new(OrderKey::parse(key)?, self.version.map(Version::new));
        let flags = self.order_flags.unwrap_or(0);
        order.dead_hold_back = flags & DEAD_HOLD_BACK != 0;
        order.forced = flags & FORCED != 0;
        Some(Some(Box::new(order)))
    }

    /// Reads the entry; `None` if this version does not write such an entry.
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
            STALE => EntryState::Stale {
                kept_until: time(self.kept_until)?,
            },
            MISMATCHED => EntryState::Mismatched {
                token: token?,
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
            order: self.order()?,
            history: decoded(self.history.as_deref())?,
        })
    }
}
