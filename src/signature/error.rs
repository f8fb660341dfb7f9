use std::fmt;

use http::HeaderName;

use crate::clock::Skew;
use crate::secret::KeyId;

/// Why a delivery's signature does not prove its origin.
///
/// The text is for the operator and never holds a secret, a signature or a byte of the body. A
/// sender should be told none of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureError {
    kind: SignatureErrorKind,
    header: Option<HeaderName>,
    stale: Option<(u64, KeyId)>,
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

    pub(crate) fn stale(skew: Skew, key: KeyId) -> Self {
        let (kind, secs) = match skew {
            Skew::Old(secs) => (SignatureErrorKind::TooOld, secs),
            Skew::Ahead(secs) => (SignatureErrorKind::TooNew, secs),
        };
        Self {
            stale: Some((secs, key)),
            ..Self::new(kind)
        }
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

    /// The name of the key that a stale delivery was signed with.
    pub fn key_id(&self) -> Option<&KeyId> {
        self.stale.as_ref().map(|(_, key)| key)
    }
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(header) = &self.header {
            write!(f, "header {header}: ")?;
        }
        f.write_str(self.kind.text())?;
        match &self.stale {
            Some((secs, key)) => write!(
                f,
                " by key {:?}, {secs} s away: a replay, or a wrong clock",
                key.as_str()
            ),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SignatureError {}

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureErrorKind {
    /// A header that the scheme needs is not there.
    MissingHeader,
    /// A header that must stand once is there more often.
    RepeatedHeader,
    /// Headers of two families, such as `webhook-…` and `svix-…`, are both there.
    MixedFamilies,
    /// The signature header is longer than 16 KiB.
    HeaderTooLong,
    /// The signature header holds more than 64 signatures.
    TooManyCandidates,
    /// The signature header does not follow the scheme's grammar.
    Malformed,
    /// No signature of the scheme's version is spelled as one.
    NoCandidate,
    /// The timestamp is missing, repeated, or not 1 to 19 digits without a leading zero.
    InvalidTimestamp,
    /// The signed id is empty, too long, or holds the separator.
    InvalidId,
    /// Every key of the ring has expired.
    NoActiveKey,
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
            Self::RepeatedHeader => "there more than once",
            Self::MixedFamilies => "belongs to another family than the one before it",
            Self::HeaderTooLong => "longer than 16 KiB",
            Self::TooManyCandidates => "holds more than 64 signatures",
            Self::Malformed => "does not follow the scheme's grammar",
            Self::NoCandidate => "holds no well-formed signature",
            Self::InvalidTimestamp => {
                "no single timestamp of 1 to 19 digits without a leading zero"
            }
            Self::InvalidId => "the signed id is empty, too long or holds the separator",
            Self::NoActiveKey => "every key of the ring has expired",
            Self::Mismatch => "no active key made this signature over this content",
            Self::TooOld => "signed too long ago",
            Self::TooNew => "signed too far ahead",
        }
    }
}
