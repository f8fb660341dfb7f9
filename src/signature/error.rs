use std::fmt;

use http::HeaderName;

use crate::clock::{Skew, Tolerance};
use crate::encoding::MAC_LEN;
use crate::secret::{KeyId, KeyIds};

/// Why a delivery's signature does not prove its origin.
///
/// The text is for the operator and never holds a secret, a signature or a byte of the body. A
/// sender should be told none of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureError {
    kind: SignatureErrorKind,
    header: Option<HeaderName>,
    stale: Option<Box<Stale>>,
}

/// What is known of a delivery that is authentic, and was signed at another time.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Stale {
    pub(crate) skew: Skew,
    pub(crate) keys: KeyIds,
    /// Tells what was signed from anything else: its MAC under the first active key of the ring,
    /// whichever key the delivery itself was signed with.
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

    /// What a stale delivery was, for who compares it with others.
    pub(crate) fn as_stale(&self) -> Option<&Stale> {
        self.stale.as_deref()
    }

    /// What is wrong with the signature.
    pub fn kind(&self) -> SignatureErrorKind {
        self.kind
    }

    /// Whether the signature is right and only its time is not: a replay, or one of the two
    /// clocks is wrong. Worth an alarm.
    pub fn is_stale(&self) -> bool {
        self.stale.is_some()
    }

    /// The name of the first key that a stale delivery was signed with.
    pub fn key_id(&self) -> Option<&KeyId> {
        self.key_ids().map(KeyIds::first)
    }

    /// The names of all keys that a stale delivery was signed with.
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

/// What lies so far ahead is no replay: what was signed before is not of the future. A clock that is wrong by
/// thousands of years is none either, but another unit.
fn why_ahead(secs: u64) -> &'static str {
    // What counts since 1970 is thousands of times as large in the next unit.
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
    /// A header that the scheme needs is not there.
    MissingHeader,
    /// A header that must stand once is there more often, with values that differ.
    RepeatedHeader,
    /// Headers of two families, such as `webhook-…` and `svix-…`, are both there and differ, or
    /// neither family is whole.
    MixedFamilies,
    /// The signature header is longer than 16 KiB.
    HeaderTooLong,
    /// The signature header holds more than 64 signatures.
    TooManyCandidates,
    /// The signature header does not follow the scheme's grammar.
    Malformed,
    /// No signature of the scheme's version is spelled as one.
    NoCandidate,
    /// The timestamp is missing, there with two values, or not as the scheme has it: 1 to 19 digits without a
    /// leading zero, or RFC 3339.
    InvalidTimestamp,
    /// The signed id is empty, too long, or holds the separator.
    InvalidId,
    /// Something that the signature covers is not there, or is not what the scheme reads: a header,
    /// a parameter, a member of a JSON body.
    MissingContent,
    /// What the signature covers could be cut into its pieces in another way too, or holds one of
    /// them twice.
    AmbiguousContent,
    /// Every key of the ring has expired, or is of another kind than the scheme takes.
    NoActiveKey,
    /// It names a key that there is none of: where keys come from was asked since it arrived.
    UnknownKey,
    /// It names a key that is not known, and where keys come from cannot be asked now.
    KeysUnavailable,
    /// No active key made any of the signatures over this content.
    Mismatch,
    /// The signature is right, but older than the tolerance allows.
    TooOld,
    /// The signature is right, but its time lies further ahead than the tolerance allows.
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
