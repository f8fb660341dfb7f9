use std::time::Duration;

use crate::clock::UnixTime;
use crate::store::redis::codec::micros;
use crate::store::token::Token;

use super::codec::VersionBytes;

/// A younger hold may belong to a worker that is about to take its entry.
const UNDOUBTED: Duration = Duration::from_secs(5);

pub(super) type OrderHash = [u8; 16];

/// The state of an order key.
#[derive(Debug, Clone)]
pub(super) struct OrderKept {
    pub(super) outcome: OrderOutcome,
    pub(super) applied: Option<VersionBytes>,
    pub(super) holder: Option<String>,
    /// The token of its last hold, and when that began.
    pub(super) token: Option<Token>,
    pub(super) since: u64,
    pub(super) used_until: u64,
    /// The time of this state.
    pub(super) now: UnixTime,
}

impl OrderKept {
    /// Whether its holder should have taken its entry by now; also if the clock was set back since.
    pub(super) fn is_doubted(&self) -> bool {
        let (now, undoubted) = (self.now.as_micros(), micros(UNDOUBTED));
        self.since > now || now.saturating_sub(self.since) > undoubted
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderOutcome {
    Done,
    /// Held from now on.
    Held,
    /// Already held by this entry.
    HeldBefore,
    /// Held by another entry, its rate is used up, or it cannot be read; a read gives only the last.
    NotNow,
}
