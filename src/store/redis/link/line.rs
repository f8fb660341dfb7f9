//! The current connection and its state.

use std::future::{Ready, ready};
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, Shared};
use tokio::time::Instant;

use crate::store::error::StoreErrorKind;

use super::super::connection::Conn;
use super::super::error::Fault;

/// The waits before another attempt if the server cannot be reached.
pub(super) const SHORTEST_WAIT: Duration = Duration::from_millis(50);
pub(super) const LONGEST_WAIT: Duration = Duration::from_millis(200);
/// How long after a permanent refusal no connection is tried.
const REFUSAL_STANDS: Duration = Duration::from_secs(1);
/// How many calls without an answer make a connection suspect, and how often at most another one is
/// then tried.
const SUSPECT_AFTER: u32 = 3;
const SUSPECT_EVERY: Duration = Duration::from_secs(1);

pub(super) type Connecting = Shared<BoxFuture<'static, Result<Conn, Fault>>>;
pub(super) type Connection = Either<Ready<Result<Conn, Fault>>, Connecting>;

#[derive(Default)]
pub(super) struct Line {
    /// Distinguishes this connection from those before it.
    pub(super) number: u64,
    connecting: Option<Connecting>,
    since: Option<Instant>,
    /// Calls without an answer since the last answered one.
    unanswered: u32,
    sought: Option<Instant>,
    /// Why the last call was sent again, until one is answered.
    pub(super) fault: Option<Fault>,
}

impl Line {
    /// The connection, or one that is being made; `None` if another one must be made.
    pub(super) fn connection(&self) -> Option<Connection> {
        let connecting = self.connecting.as_ref()?;
        let stands = match connecting.peek() {
            // The usual case: an existing connection needs no wait.
            Some(Ok(conn)) => return Some(Either::Left(ready(Ok(conn.clone())))),
            None => true,
            Some(Err(fault)) => {
                let long = if fault.kind() == StoreErrorKind::Refused {
                    REFUSAL_STANDS
                } else {
                    SHORTEST_WAIT
                };
                self.since.is_some_and(|since| since.elapsed() < long)
            }
        };
        stands.then(|| Either::Right(connecting.clone()))
    }

    pub(super) fn replace(&mut self, connecting: Connecting) {
        self.number = self.number.wrapping_add(1);
        self.connecting = Some(connecting);
        self.since = Some(Instant::now());
        self.unanswered = 0;
    }

    /// A failure to connect is remembered for a time counted from its end.
    pub(super) fn failed(&mut self) {
        self.since = Some(Instant::now());
    }

    pub(super) fn answered(&mut self, number: u64) {
        if self.number == number {
            self.unanswered = 0;
            self.fault = None;
        }
    }

    /// Drops a connection that failed. A recently made one that `answers` stays: otherwise all
    /// rejected callers would make another each, only to be rejected again.
    pub(super) fn give_up_on(&mut self, number: u64, answers: bool) {
        let young = (self.since).is_some_and(|since| since.elapsed() < LONGEST_WAIT);
        if self.number == number && self.is_made() && !(answers && young) {
            self.connecting = None;
        }
    }

    /// Counts a call that was not answered, and says whether to try another connection now.
    pub(super) fn is_suspect(&mut self, number: u64) -> bool {
        if self.number != number {
            return false;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        let early = |since: Option<Instant>| since.is_some_and(|at| at.elapsed() < SUSPECT_EVERY);
        let is_suspect = self.is_made()
            && self.unanswered >= SUSPECT_AFTER
            && !early(self.since)
            && !early(self.sought);
        if is_suspect {
            self.sought = Some(Instant::now());
        }
        is_suspect
    }

    fn is_made(&self) -> bool {
        let made = self.connecting.as_ref();
        made.is_some_and(|made| matches!(made.peek(), Some(Ok(_))))
    }
}
