//! What is asked of an inbox, and what it answers.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::clock::UnixTime;
use crate::event::{EventKey, Fingerprint, Order};
use crate::store::{Grant, Token};

use super::entry::{Entry, EntryState, EntryStatus};
use super::route::Route;

/// An event that was proved, to be kept until a worker has handled it.
///
/// It is made by the layers of this crate alone, so that nothing unproved is ever queued.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Accept {
    /// The event.
    pub key: EventKey,
    /// Whose it is.
    pub route: Route,
    /// What it means.
    pub fingerprint: Fingerprint,
    /// Whether its key is the sender's own id, signed together with the content: other content under
    /// it is a duplicate then, and no conflict.
    pub has_own_id: bool,
    /// What it is about and how new it is, where its rule says so.
    pub order: Option<Box<Order>>,
    /// What it says, and what is known of its delivery.
    pub content: Content,
    /// How long after a delivery has revived it no other one does.
    pub revive_every: Duration,
    /// Whether the inbox holds this content already, unconfirmed: it is accepted where the inbox is full too.
    pub was_held: bool,
}

/// What an inbox keeps of an event beside its [`Entry`]: until it is done, and not longer.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Content {
    /// What was known of the delivery when it was proved. What it means is this crate's to know.
    pub envelope: Bytes,
    /// The proved body.
    pub body: Bytes,
}

impl Content {
    /// What was read back from where an inbox keeps it.
    pub fn new(envelope: Bytes, body: Bytes) -> Self {
        Self { envelope, body }
    }

    /// How many bytes that is.
    pub fn size(&self) -> usize {
        self.envelope.len().saturating_add(self.body.len())
    }
}

impl fmt::Debug for Content {
    /// A body may hold what does not belong in a log: only its length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { envelope, body } = self;
        write!(f, "Content({} and {} bytes)", envelope.len(), body.len())
    }
}

/// The answer to an [`Accept`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Accepted {
    /// It is kept, and was not known before.
    Queued,
    /// The last attempt at it failed: this content is run next.
    Corrected,
    /// It was dead, and is queued again with this content.
    Revived,
    /// It is kept already, or was handled.
    Duplicate {
        /// Whether its content is another one.
        differs: bool,
    },
    /// Under this key there is other content, of which this is no duplicate.
    Conflict,
    /// It is dead, and was revived not long ago: not now.
    Dead,
    /// A receiver is handling it inline: not now.
    HeldInline,
}

/// Asks for entries to work on.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Take {
    /// Whose entries.
    pub routes: Vec<Route>,
    /// Made for this command; see [`Token::random`].
    pub token: Token,
    /// How many at most.
    pub limit: usize,
    /// How many bytes of content at most; the first one may be larger.
    pub max_bytes: usize,
    /// For how long they are held unless that is renewed.
    pub lease: Duration,
    /// How many attempts an entry has: one whose worker died in the last of them is dead.
    pub max_attempts: u32,
    /// Whether those are wanted whose workers died again and again, or all others.
    pub lone: bool,
    /// How long what is stale is known: it is skipped.
    pub retention: Duration,
    /// Whether the first attempt at an entry begins as it is taken, as [`Take::begins`] says: its handler runs at once.
    pub begin: bool,
}

const DEFAULT_RETENTION: Duration = Duration::from_secs(7 * 86_400);

impl Take {
    /// Asks for up to so many entries of these routes.
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
    /// Never another one: where the answer to a take is lost, that counts as an attempt whose worker died, and by that
    /// alone no entry is dead, or runs alone. What is to be confirmed first does not begin either.
    pub fn begins(&self, route: &Route, entry: &Entry) -> bool {
        let is_first = entry.attempts == 0 && entry.deaths == 0;
        let waits = matches!(entry.state, EntryState::Queued { .. });
        waits && is_first && self.begins_any_of(route)
    }

    /// Whether that may be so of an entry of this route.
    pub(crate) fn begins_any_of(&self, route: &Route) -> bool {
        self.begin && !self.lone && self.max_attempts > 1 && !route.is_unconfirmed()
    }

    /// With which route it begins: another one each time, since its token is made for it.
    pub(crate) fn first_route(&self) -> usize {
        let [first, second, ..] = *self.token.as_bytes();
        usize::from(u16::from_be_bytes([first, second]))
    }
}

/// An entry that a worker may begin on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Taken {
    /// The event.
    pub key: EventKey,
    /// Whose it is.
    pub route: Route,
    /// How far it got before.
    pub entry: Entry,
    /// What it says.
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

/// Says that a handler is about to begin on an entry that was taken, and has not [begun](Take::begins) by that.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Begin {
    /// The event.
    pub key: EventKey,
    /// The token it was taken with.
    pub taken: Token,
    /// The token of the attempt; made for it, so that the command can be sent again.
    pub token: Token,
    /// How long it is held from now on.
    pub lease: Duration,
}

impl Begin {
    /// The beginning of an attempt under this token.
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
    /// Another worker has the entry, or it is over.
    Fenced,
}

/// Asks for more time for an entry that is held.
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
    /// More time for what is held with this token.
    pub fn new(key: EventKey, token: Token, lease: Duration) -> Self {
        Self { key, token, lease }
    }
}

/// Says what became of an entry that is held.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Finish {
    /// The event.
    pub key: EventKey,
    /// The token it is held with.
    pub token: Token,
    /// What became of it.
    pub verdict: Verdict,
    /// How long it is known from now on, where it is done or mismatched.
    pub retention: Duration,
}

impl Finish {
    /// The end of what is held with this token.
    pub fn new(key: EventKey, token: Token, verdict: Verdict, retention: Duration) -> Self {
        Self {
            key,
            token,
            verdict,
            retention,
        }
    }
}

/// What became of an entry that a worker has had.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It was handled.
    Done,
    /// The attempt failed, and another one may begin.
    Retry {
        /// After how long.
        after: Duration,
        /// How it failed.
        reason: String,
    },
    /// It is given back, and no attempt was made: none is counted.
    GiveBack {
        /// How long it is left alone.
        after: Duration,
    },
    /// No attempt can help.
    Bury {
        /// Why.
        reason: String,
    },
    /// It is not true: it is not run.
    Mismatched,
}

/// Queues a dead entry again, as an operator asks for it: with fresh attempts, its history kept. One that is
/// older than what was completed of its order key is queued only by force.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Redrive {
    /// The event.
    pub key: EventKey,
    /// After how long it may be taken: many at once are spread.
    pub after: Duration,
    /// Whether it is to run although a newer event of its order key was completed.
    pub force: bool,
    /// Only if it died at this time, where one is named: it may have been revived, and have died again.
    pub if_dead_since: Option<UnixTime>,
    /// Made for this command, so that it can be sent again; none where the system gives no random numbers.
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

    /// The same although a newer event of its order key was completed.
    ///
    /// Its handler may undo what the newer one did: [`Delivery::order`](crate::Delivery::order) says that it is
    /// forced.
    #[must_use]
    pub fn force(mut self) -> Self {
        self.force = true;
        self
    }

    /// The same, after some time.
    #[must_use]
    pub fn after(mut self, after: Duration) -> Self {
        self.after = after;
        self
    }
}

/// Ends a dead, queued or waiting entry, as an operator asks for it: it is never run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Discard {
    /// The event.
    pub key: EventKey,
    /// For how long its deliveries are duplicates.
    pub retention: Duration,
    /// Only if it died at this time, where one is named.
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

/// The answer to an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Moved {
    /// As asked for.
    Done,
    /// Nothing was changed: that cannot be done to an entry with this status.
    NotFrom(EntryStatus),
    /// Nothing was changed: a newer event of its order key was completed, and it runs only by
    /// [force](Redrive::force).
    Stale,
    /// There is no such entry.
    Absent,
}
