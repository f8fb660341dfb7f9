//! The commands of an inbox, and their answers.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::clock::UnixTime;
use crate::event::{EventKey, Fingerprint, Order};
use crate::store::{Grant, Token};

use super::entry::{Entry, EntryState, EntryStatus};
use super::route::Route;

/// A proved event, to be kept until a worker has handled it.
///
/// Only the layers of this crate make it, so that nothing unproved is ever queued.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Accept {
    /// The event.
    pub key: EventKey,
    /// The route that it belongs to.
    pub route: Route,
    /// The meaning of its content.
    pub fingerprint: Fingerprint,
    /// Whether its key is the sender's own id, signed together with the content: then other content
    /// under it is a duplicate, not a conflict.
    pub has_own_id: bool,
    /// Its order key and version, if its rule names them.
    pub order: Option<Box<Order>>,
    /// Its content, and the facts about its delivery.
    pub content: Content,
    /// How long after a delivery has revived it no other delivery revives it.
    pub revive_every: Duration,
    /// Whether the inbox holds this content, unconfirmed: then it is accepted even if it is full.
    pub was_held: bool,
}

/// The part of an event that an inbox stores only until it is done, in addition to its [`Entry`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Content {
    /// The facts about the delivery when it was proved, in a format internal to this crate.
    pub envelope: Bytes,
    /// The proved body.
    pub body: Bytes,
}

impl Content {
    /// Content as an inbox has read it back.
    pub fn new(envelope: Bytes, body: Bytes) -> Self {
        Self { envelope, body }
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.envelope.len().saturating_add(self.body.len())
    }
}

impl fmt::Debug for Content {
    /// A body may hold data that does not belong in a log: only its length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { envelope, body } = self;
        write!(f, "Content({} and {} bytes)", envelope.len(), body.len())
    }
}

/// The answer to an [`Accept`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Accepted {
    /// It is stored, and was not known before.
    Queued,
    /// The last attempt failed: this content runs next.
    Corrected,
    /// It was dead, and is queued again with this content.
    Revived,
    /// It is stored already, or was handled.
    Duplicate {
        /// Whether its content differs.
        differs: bool,
    },
    /// This key has other content, of which this is not a duplicate.
    Conflict,
    /// It is dead, and was revived not long ago: not now.
    Dead,
    /// A receiver is handling it inline: not now.
    HeldInline,
}

/// Requests entries to work on.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Take {
    /// The routes to take from.
    pub routes: Vec<Route>,
    /// Made for this command; see [`Token::random`].
    pub token: Token,
    /// How many entries at most.
    pub limit: usize,
    /// How many bytes of content at most; the first one may be larger.
    pub max_bytes: usize,
    /// How long they are held unless renewed.
    pub lease: Duration,
    /// The number of attempts for an entry: it is dead if its worker died in the last one.
    pub max_attempts: u32,
    /// Whether to take entries whose workers died repeatedly, or all others.
    pub lone: bool,
    /// How long a stale entry is known after it is skipped.
    pub retention: Duration,
    /// Whether the first attempt begins with the take, as [`Take::begins`] says.
    pub begin: bool,
}

const DEFAULT_RETENTION: Duration = Duration::from_secs(7 * 86_400);

impl Take {
    /// Requests up to `limit` entries of these routes.
    pub fn new(routes: Vec<Route>, token: Token, limit: usize, lease: Duration) -> Self {
        Self {
            routes,
            token,
            limit,
            max_bytes: usize::MAX,
            lease,
            max_attempts: u32::MAX,
            lone: false,
            retention: DEFAULT_RETENTION,
            begin: false,
        }
    }

    /// Whether taking this entry of a route begins its first attempt.
    ///
    /// Never a later attempt: if the answer to a take is lost, that counts as an attempt whose worker died, and that
    /// alone must not make an entry dead or run it alone. An entry to be confirmed first does not begin either.
    pub fn begins(&self, route: &Route, entry: &Entry) -> bool {
        let is_first = entry.attempts == 0 && entry.deaths == 0;
        let waits = matches!(entry.state, EntryState::Queued { .. });
        waits && is_first && self.begins_any_of(route)
    }

    /// Whether an entry of this route may begin so.
    pub(crate) fn begins_any_of(&self, route: &Route) -> bool {
        self.begin && !self.lone && self.max_attempts > 1 && !route.is_unconfirmed()
    }

    /// The route to begin with: a different one each time, since each token is new.
    pub(crate) fn first_route(&self) -> usize {
        let [first, second, ..] = *self.token.as_bytes();
        usize::from(u16::from_be_bytes([first, second]))
    }
}

/// An entry that a worker may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Taken {
    /// The event.
    pub key: EventKey,
    /// The route that it belongs to.
    pub route: Route,
    /// How far it had got.
    pub entry: Entry,
    /// Its content.
    pub content: Content,
}

impl Taken {
    /// An entry as an inbox has read it back.
    pub fn new(key: EventKey, route: Route, entry: Entry, content: Content) -> Self {
        Self {
            key,
            route,
            entry,
            content,
        }
    }
}

/// Announces that a handler is about to begin a taken entry, unless it has [begun](Take::begins) with the take.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Begin {
    /// The event.
    pub key: EventKey,
    /// The token that it was taken with.
    pub taken: Token,
    /// The token of the attempt, made for it so that the command can be resent.
    pub token: Token,
    /// How long it is held from now on.
    pub lease: Duration,
}

impl Begin {
    /// The start of an attempt under this token.
    pub fn new(key: EventKey, taken: Token, token: Token, lease: Duration) -> Self {
        Self {
            key,
            taken,
            token,
            lease,
        }
    }
}

/// The answer to a [`Begin`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Begun {
    /// The attempt counts.
    Granted(Grant),
    /// Another worker has the entry, or it has ended.
    Fenced,
}

/// Requests more time for an entry that is held.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Extend {
    /// The event.
    pub key: EventKey,
    /// The token it is held with.
    pub token: Token,
    /// How long it is held from now on.
    pub lease: Duration,
}

impl Extend {
    /// More time for the entry held with this token.
    pub fn new(key: EventKey, token: Token, lease: Duration) -> Self {
        Self { key, token, lease }
    }
}

/// Reports the end of an attempt at an entry that is held.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Finish {
    /// The event.
    pub key: EventKey,
    /// The token it is held with.
    pub token: Token,
    /// The outcome.
    pub verdict: Verdict,
    /// How long it is known from now on, if it is done or mismatched.
    pub retention: Duration,
}

impl Finish {
    /// The end of the attempt held with this token.
    pub fn new(key: EventKey, token: Token, verdict: Verdict, retention: Duration) -> Self {
        Self {
            key,
            token,
            verdict,
            retention,
        }
    }
}

/// The outcome of an entry that a worker had.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It was handled.
    Done,
    /// The attempt failed, and another one may begin.
    Retry {
        /// The delay before it.
        after: Duration,
        /// Why it failed.
        reason: String,
    },
    /// It is given back without an attempt: none is counted.
    GiveBack {
        /// How long it is left alone.
        after: Duration,
    },
    /// No further attempt can help.
    Bury {
        /// Why.
        reason: String,
    },
    /// It is not true, and is not run.
    Mismatched,
}

/// Queues a dead entry again for an operator: with fresh attempts, keeping its history. An entry
/// that is older than the completed version of its order key is queued only by force.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Redrive {
    /// The event.
    pub key: EventKey,
    /// The delay before it may be taken, which spreads a large number.
    pub after: Duration,
    /// Whether it runs even if a newer event of its order key was completed.
    pub force: bool,
    /// Only if it died at this time, if set: it may have been revived, and have died again.
    pub if_dead_since: Option<UnixTime>,
    /// Made for this command, so that it can be resent; `None` if the system gives no random numbers.
    pub token: Option<Token>,
}

impl Redrive {
    /// Queues this event again, at once.
    pub fn new(key: EventKey) -> Self {
        Self {
            key,
            after: Duration::ZERO,
            force: false,
            if_dead_since: None,
            token: Token::random().ok(),
        }
    }

    /// The same, even if a newer event of its order key was completed.
    ///
    /// Its handler may undo the work of the newer one: [`Delivery::order`](crate::Delivery::order)
    /// reports that it is forced.
    #[must_use]
    pub fn force(mut self) -> Self {
        self.force = true;
        self
    }

    /// The same, after a delay.
    #[must_use]
    pub fn after(mut self, after: Duration) -> Self {
        self.after = after;
        self
    }
}

/// Ends a dead, queued or waiting entry for an operator: it is never run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Discard {
    /// The event.
    pub key: EventKey,
    /// How long its deliveries are duplicates.
    pub retention: Duration,
    /// Only if it died at this time, if set.
    pub if_dead_since: Option<UnixTime>,
}

impl Discard {
    /// Ends this event.
    pub fn new(key: EventKey, retention: Duration) -> Self {
        Self {
            key,
            retention,
            if_dead_since: None,
        }
    }
}

/// The answer to an operator's command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Moved {
    /// Done as requested.
    Done,
    /// Nothing was changed: an entry with this status does not allow it.
    NotFrom(EntryStatus),
    /// Nothing was changed: a newer event of its order key was completed, and it runs only by
    /// [force](Redrive::force).
    Stale,
    /// There is no such entry.
    Absent,
}
