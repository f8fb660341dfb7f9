use std::fmt;

use http::HeaderName;

use crate::clock::{Skew, Tolerance};
use crate::encoding::MAC_LEN;
use crate::secret::{KeyId, KeyIds};

/// The reason why a delivery's signature does not prove its origin.
///
/// The text is for the operator and never contains a secret, a signature or a byte of the body.
/// Never send it to the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureError {
    kind: SignatureErrorKind,
    header: Option<HeaderName>,
    stale: Option<Box<Stale>>,
}

/// The details of a delivery that is authentic, but was signed at another time.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Stale {
    pub(crate) skew: Skew,
    pub(crate) keys: KeyIds,
    /// Identifies the signed content: its MAC under the first active key of the ring, whichever key
    /// signed the delivery itself.
    pub(crate) content: [u8; MAC_LEN],
    pub(crate) tolerance: Tolerance,
}

impl fmt::Debug for Stale {
    /// Without the MAC, which is a signature.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stale")
            .field("skew", &self.skew)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

impl SignatureError {
    pub(crate) fn new(kind: SignatureErrorKind) -> Self {
        Self {
            kind,
            header: None,
            stale: None,
        }
    }

    pub(crate) fn in_header(kind: SignatureErrorKind, header: &HeaderName) -> Self {
        Self {
            header: Some(header.clone()),
            ..Self::new(kind)
        }
    }

    #[cold]
    pub(crate) fn stale(stale: Stale) -> Self {
        let kind = match stale.skew {
            Skew::Old(_) => SignatureErrorKind::TooOld,
            Skew::Ahead(_) => SignatureErrorKind::TooNew,
        };
        Self {
            stale: Some(Box::new(stale)),
            ..Self::new(kind)
        }
    }

    /// The details of a stale delivery, for comparison with others.
    pub(crate) fn as_stale(&self) -> Option<&Stale> {
        self.stale.as_deref()
    }

    /// What is wrong with the signature.
    pub fn kind(&self) -> SignatureErrorKind {
        self.kind
    }

    /// Whether the signature is right and only its time is not. Either it is a replay, or one of
    /// the two clocks is wrong. Worth an alarm.
    pub fn is_stale(&self) -> bool {
        self.stale.is_some()
    }

    /// The name of the first key that matched a stale delivery.
    pub fn key_id(&self) -> Option<&KeyId> {
        self.key_ids().map(KeyIds::first)
    }

    /// The names of all keys that matched a stale delivery.
    pub fn key_ids(&self) -> Option<&KeyIds> {
        self.stale.as_ref().map(|stale| &stale.keys)
    }
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(header) = &self.header {
            write!(f, "header {header}: ")?;
        }
        f.write_str(self.kind.text())?;
        match &self.stale {
            Some(stale) => {
                let (secs, why) = match stale.skew {
                    Skew::Old(secs) => (secs, "a replay, or a wrong clock"),
                    Skew::Ahead(secs) => (secs, why_ahead(secs)),
                };
                let keys = stale.keys.to_string();
                write!(f, " by key {keys:?}, {secs} s away: {why}")
            }
            None => Ok(()),
        }
    }
}

impl std::error::Error for SignatureError {}

/// A time in the future is no replay, since a captured delivery was signed in the past. If it is
/// off by thousands of years, the unit is wrong rather than the clock.
fn why_ahead(secs: u64) -> &'static str {
    // A count since 1970 is a thousand times as large in the next smaller unit.
    match secs {
        0..100_000_000_000 => "a wrong clock, the sender's or ours",
        100_000_000_000..100_000_000_000_000 => {
            "it looks like milliseconds, where seconds are signed"
        }
        100_000_000_000_000..100_000_000_000_000_000 => {
            "it looks like microseconds, where seconds are signed"
        }
        100_000_000_000_000_000..5_000_000_000_000_000_000 => {
            "it looks like nanoseconds, where seconds are signed"
        }
        _ => "no clock tells such a time",
    }
}

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureErrorKind {
    /// A header that the scheme needs is absent.
    MissingHeader,
    /// A header that must occur once occurs several times with different values.
    RepeatedHeader,
    /// Headers of two families, such as `webhook-…` and `svix-…`, are present and differ, or
    /// neither family is complete.
    MixedFamilies,
    /// The signature header is longer than 16 KiB.
    HeaderTooLong,
    /// The signature header has more than 64 signatures.
    TooManyCandidates,
    /// The signature header does not follow the scheme's grammar.
    Malformed,
    /// No signature of the scheme's version decodes.
    NoCandidate,
    /// The timestamp is missing, has two values, or is not in the scheme's format: 1 to 19 digits
    /// without a leading zero, or RFC 3339.
    InvalidTimestamp,
    /// The signed id is empty, too long, or contains the separator.
    InvalidId,
    /// Covered content is absent or has another form than the scheme reads: a header, a parameter,
    /// or a member of a JSON body.
    MissingContent,
    /// The covered content could be split into its pieces in another way too, or contains one of
    /// them twice.
    AmbiguousContent,
    /// Every key of the ring has expired, or is of another kind than the scheme uses.
    NoActiveKey,
    /// The delivery names an unknown key: the key source was queried after it arrived.
    UnknownKey,
    /// The delivery names an unknown key, and the key source cannot be queried now.
    KeysUnavailable,
    /// No active key made any of the signatures over this content.
    Mismatch,
    /// The signature is right, but older than the tolerance allows.
    TooOld,
    /// The signature is right, but its time is further ahead than the tolerance allows.
    TooNew,
}

impl SignatureErrorKind {
    fn text(self) -> &'static str {
        match self {
            Self::MissingHeader => "not there",
            Self::RepeatedHeader => "there more than once, with values that differ",
            Self::MixedFamilies => "differs from that of another family, or neither is whole",
            Self::HeaderTooLong => "longer than 16 KiB",
            Self::TooManyCandidates => "holds more than 64 signatures",
            Self::Malformed => "does not follow the scheme's grammar",
            Self::NoCandidate => "holds no well-formed signature",
            Self::InvalidTimestamp => {
                "no single timestamp as the scheme has it: up to 19 digits without a leading zero, or RFC 3339"
            }
            Self::InvalidId => "the signed id is empty, too long or holds the separator",
            Self::MissingContent => "something that the signature covers is not there",
            Self::AmbiguousContent => "what the signature covers could be read in two ways",
            Self::NoActiveKey => "every key of the ring has expired, or is of another kind",
            Self::UnknownKey => "it names a key that its source does not have",
            Self::KeysUnavailable => {
                "the key that it names is not known yet, and its source cannot be asked now"
            }
            Self::Mismatch => "no active key made this signature over this content",
            Self::TooOld => "signed too long ago",
            Self::TooNew => "signed too far ahead",
        }
    }
}
