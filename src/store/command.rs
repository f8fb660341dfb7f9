//! The commands that a store takes, and its answers.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::clock::UnixTime;
use crate::event::{EventKey, Fingerprint};

use super::token::Token;

/// Asks for the right to handle an event.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Claim {
    /// The event.
    pub key: EventKey,
    /// The token made for this attempt; see [`Token::random`].
    pub token: Token,
    /// What the event means; from now on, a claim with other content gets an `Other…` outcome.
    pub fingerprint: Fingerprint,
    /// How long the claim holds unless it is renewed.
    pub lease: Duration,
    /// How long the record is kept from now on.
    pub retention: Duration,
}

impl Claim {
    /// A claim of this event under this token.
    pub fn new(
        key: EventKey,
        token: Token,
        fingerprint: Fingerprint,
        lease: Duration,
        retention: Duration,
    ) -> Self {
        Self {
            key,
            token,
            fingerprint,
            lease,
            retention,
        }
    }
}

/// Asks for more time for a claim that is held.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Renew {
    /// The event.
    pub key: EventKey,
    /// The token it was claimed with.
    pub token: Token,
    /// How long the claim holds from now on.
    pub lease: Duration,
    /// How long the record is kept from now on.
    pub retention: Duration,
}

impl Renew {
    /// A renewal of what was claimed under this token.
    pub fn new(key: EventKey, token: Token, lease: Duration, retention: Duration) -> Self {
        Self {
            key,
            token,
            lease,
            retention,
        }
    }
}

/// Says that an event was handled.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Complete {
    /// The event.
    pub key: EventKey,
    /// The token it was claimed with.
    pub token: Token,
    /// The attempt that was granted, written if the store has lost the record.
    pub attempt: u32,
    /// The fence that was granted, likewise.
    pub fence: u64,
    /// The meaning of the event that was handled.
    pub fingerprint: Fingerprint,
    /// The answer that duplicates get.
    pub response: StoredResponse,
    /// How long the record is kept from now on.
    pub retention: Duration,
}

impl Complete {
    /// The completion of what was claimed under this token with this grant.
    pub fn new(
        key: EventKey,
        token: Token,
        grant: Grant,
        fingerprint: Fingerprint,
        response: StoredResponse,
        retention: Duration,
    ) -> Self {
        Self {
            key,
            token,
            attempt: grant.attempt,
            fence: grant.fence,
            fingerprint,
            response,
            retention,
        }
    }
}

/// Says that handling failed, or did not begin, and that another attempt may begin.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Release {
    /// The event.
    pub key: EventKey,
    /// The token it was claimed with.
    pub token: Token,
    /// How long the record is kept from now on.
    pub retention: Duration,
    /// Whether the handler had begun. If it had not, the attempt is given back with the event, so the
    /// next claim has the same number. Its fence is still larger.
    pub begun: bool,
}

impl Release {
    /// Gives back a claim under this token whose handler had begun.
    pub fn new(key: EventKey, token: Token, retention: Duration) -> Self {
        Self {
            key,
            token,
            retention,
            begun: true,
        }
    }

    /// The handler had not begun.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_webhook::store::{Release, Token};
    /// use tower_webhook::{EventKey, Name};
    ///
    /// let key = EventKey::new(Name::new("stripe")?, ["evt_1"])?;
    /// let release = Release::new(key, Token::from_bytes([7; 16]), Duration::from_secs(60)).not_begun();
    /// assert!(!release.begun);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn not_begun(mut self) -> Self {
        self.begun = false;
        self
    }
}

/// What the handler answered, kept for duplicates.
///
/// ```
/// use tower_webhook::store::{ContentType, StoredResponse};
///
/// let accepted = StoredResponse::new(202);
/// let told = StoredResponse::new(200).body("{}").content_type(ContentType::new("application/json"));
/// assert_eq!((accepted.body, told.status), (None, 200));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredResponse {
    /// The status.
    pub status: u16,
    /// The body, if it is to be repeated. A slice of a larger buffer keeps the whole buffer in
    /// memory as long as the record: copy a small one out.
    pub body: Option<Bytes>,
    /// The type of the body, if the handler gave one.
    pub content_type: Option<ContentType>,
}

impl StoredResponse {
    /// An answer with this status and no body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            body: None,
            content_type: None,
        }
    }

    /// The same answer, with a body that is to be repeated.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The same answer, with the type of its body, if known.
    #[must_use]
    pub fn content_type(mut self, content_type: impl Into<Option<ContentType>>) -> Self {
        self.content_type = content_type.into();
        self
    }
}

impl fmt::Debug for StoredResponse {
    /// A body may hold data that does not belong in a log, so only its length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            body,
            content_type,
        } = self;
        write!(f, "StoredResponse({status}")?;
        if let Some(body) = body {
            write!(f, ", {} bytes", body.len())?;
        }
        if let Some(content_type) = content_type {
            write!(f, " of {}", content_type.as_str())?;
        }
        f.write_str(")")
    }
}

/// The `Content-Type` of a stored body.
///
/// ```
/// use tower_webhook::store::ContentType;
///
/// let json = ContentType::new("application/json; charset=utf-8");
/// assert_eq!(json.unwrap().as_str(), "application/json; charset=utf-8");
/// assert_eq!(ContentType::new("text/plain\r\nset-cookie: a=b"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContentType(Box<str>);

impl ContentType {
    /// The greatest length that is accepted, in bytes.
    pub const MAX_LEN: usize = 255;

    /// Takes the value of the header; `None` if it is empty, longer than [`ContentType::MAX_LEN`],
    /// or holds anything but printable ASCII, spaces and tabs.
    pub fn new(value: &str) -> Option<Self> {
        let fits = !value.is_empty() && value.len() <= Self::MAX_LEN;
        let is_clean = (value.bytes()).all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
        (fits && is_clean).then(|| Self(value.into()))
    }

    /// The value of the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The answer to a [`Claim`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimOutcome {
    /// The event is now the claimer's to handle.
    Claimed(Grant),
    /// Someone else is handling it.
    InProgress,
    /// Someone else is handling other content under this key.
    OtherInProgress,
    /// The event was handled before, with this answer.
    Done(StoredResponse),
    /// Other content was handled before under this key, with this answer.
    OtherDone(StoredResponse),
}

/// A claim that was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Which attempt at this event this is, counted from 1.
    pub attempt: u32,
    /// A number that is larger than that of every earlier grant of the key: a sink that remembers
    /// the largest one it saw can refuse a holder that was overtaken.
    pub fence: u64,
    /// Whether an earlier attempt was made with other content: the sender has corrected the event.
    pub corrected: bool,
}

/// The answer to a command that needs a held claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The sender holds the claim, or did when it first sent the command; the command took effect.
    Held,
    /// The sender does not hold the claim, or no longer does; nothing was changed.
    Fenced,
}

/// A record as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordView {
    /// The event.
    pub key: EventKey,
    /// How far it got.
    pub state: RecordState,
    /// How many attempts were begun.
    pub attempt: u32,
    /// The fence of the last attempt.
    pub fence: u64,
    /// The meaning of the event, if the store reports it. A receiver that has its events confirmed
    /// reads it before it claims; without one, no content counts as different.
    pub fingerprint: Option<Fingerprint>,
    /// When the record is forgotten.
    pub kept_until: UnixTime,
}

impl RecordView {
    /// A view without a fingerprint, for stores outside this crate.
    pub fn new(
        key: EventKey,
        state: RecordState,
        attempt: u32,
        fence: u64,
        kept_until: UnixTime,
    ) -> Self {
        Self {
            key,
            state,
            attempt,
            fence,
            fingerprint: None,
            kept_until,
        }
    }
}

/// How far an event got.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordState {
    /// It is being handled.
    Claimed {
        /// When the lease ends unless it is renewed.
        lease_ends: UnixTime,
    },
    /// It was claimed, and the lease ended without a finish by the holder.
    Lapsed {
        /// When it ended.
        lease_ended: UnixTime,
    },
    /// It was handled, with this answer.
    Done(StoredResponse),
    /// The last attempt failed.
    Released,
}

impl RecordState {
    /// Whether the event was not handled and nobody is at work on it: only the sender's next
    /// delivery can take it up.
    ///
    /// ```
    /// use tower_webhook::store::{Counts, RecordState};
    ///
    /// let mut counts = Counts::default();
    /// counts.add(&RecordState::Released);
    /// assert_eq!((counts.released, counts.done), (1, 0));
    /// assert!(RecordState::Released.is_unfinished());
    /// ```
    pub fn is_unfinished(&self) -> bool {
        match self {
            Self::Lapsed { .. } | Self::Released => true,
            Self::Claimed { .. } | Self::Done(_) => false,
        }
    }
}

/// How many records there are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Being handled.
    pub claimed: u64,
    /// Claimed, and the lease is over.
    pub lapsed: u64,
    /// Handled.
    pub done: u64,
    /// Failed, and not yet taken up again.
    pub released: u64,
}

impl Counts {
    /// Counts one more record in this state.
    pub fn add(&mut self, state: &RecordState) {
        let count = match state {
            RecordState::Claimed { .. } => &mut self.claimed,
            RecordState::Lapsed { .. } => &mut self.lapsed,
            RecordState::Done(_) => &mut self.done,
            RecordState::Released => &mut self.released,
        };
        *count = count.saturating_add(1);
    }
}
