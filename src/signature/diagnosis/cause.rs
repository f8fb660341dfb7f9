use std::borrow::Cow;
use std::fmt;

use crate::secret::KeyId;
use crate::signature::error::SignatureError;

/// The reason why a delivery was refused.
///
/// More causes may be added: match with a last arm for unknown ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// One of the two secrets has white space or a line end around it; the other one does not.
    SecretWhiteSpace,
    /// One of the two secrets is in quotes.
    SecretQuotes,
    /// One side kept a prefix, such as `whsec_`, and the other removed it.
    SecretPrefix,
    /// One side uses the text as the key; the other decodes it as base64 or hex.
    SecretDecoding,
    /// The key is in the ring, but has expired.
    KeyExpired,
    /// The key is in a ring that was [added under another name](super::Diagnose::other_keys), such
    /// as that of another environment or account.
    OtherKeys,
    /// The body's line ends were changed.
    BodyLineEnds,
    /// White space or a line end was added or removed at the beginning or the end of the body.
    BodyWhiteSpace,
    /// A byte order mark was added to the body or removed.
    BodyBom,
    /// The body's JSON was serialized again: with other white space, member order or escapes.
    BodyReserialised,
    /// The body was encoded again: another character set, or base64 around it.
    BodyEncoding,
    /// The number of bytes differs from the announced length.
    BodyLength,
    /// The sender's URL has another scheme than the one configured here.
    UrlScheme,
    /// The sender's URL has a port that is not configured here, or lacks the one that is.
    UrlPort,
    /// The URL or its path has a trailing slash on one side only.
    UrlSlash,
    /// The sender has another URL: with the request's own host, path or query.
    UrlOther,
    /// The time is in milliseconds where seconds are expected, or the reverse.
    TimeUnit,
    /// Another time was signed than the delivery states.
    TimeChanged,
    /// Only the time is wrong: the size of the difference is in the finding.
    Skew,
    /// It is signed in the way of another sender.
    OtherScheme,
    /// The signature is right, but not in this sender's encoding.
    SignatureSpelling,
    /// Only a few bits of the signature are wrong: it was damaged.
    SignatureDamaged,
    /// A header that the scheme needs is missing, doubled or malformed.
    Header,
    /// No change that was tried explains it: the secret differs, or several things were changed.
    Unknown,
}

impl Cause {
    /// A stable code, for logs and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SecretWhiteSpace => "secret_white_space",
            Self::SecretQuotes => "secret_quotes",
            Self::SecretPrefix => "secret_prefix",
            Self::SecretDecoding => "secret_decoding",
            Self::KeyExpired => "key_expired",
            Self::OtherKeys => "other_keys",
            Self::BodyLineEnds => "body_line_ends",
            Self::BodyWhiteSpace => "body_white_space",
            Self::BodyBom => "body_bom",
            Self::BodyReserialised => "body_reserialised",
            Self::BodyEncoding => "body_encoding",
            Self::BodyLength => "body_length",
            Self::UrlScheme => "url_scheme",
            Self::UrlPort => "url_port",
            Self::UrlSlash => "url_slash",
            Self::UrlOther => "url_other",
            Self::TimeUnit => "time_unit",
            Self::TimeChanged => "time_changed",
            Self::Skew => "skew",
            Self::OtherScheme => "other_scheme",
            Self::SignatureSpelling => "signature_spelling",
            Self::SignatureDamaged => "signature_damaged",
            Self::Header => "header",
            Self::Unknown => "unknown",
        }
    }

    /// What the operator should do.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::SecretWhiteSpace | Self::SecretQuotes | Self::SecretPrefix => {
                "copy the secret anew, exactly as the sender shows it"
            }
            Self::SecretDecoding => {
                "read the secret in the format of this sender: the `keys` of its preset do"
            }
            Self::KeyExpired => "give the key a later end, or have the sender use the new secret",
            Self::OtherKeys => "give each environment the URL and the secret of its own",
            Self::BodyLineEnds
            | Self::BodyWhiteSpace
            | Self::BodyBom
            | Self::BodyReserialised
            | Self::BodyEncoding
            | Self::BodyLength => {
                "let nothing read or rewrite the body before it is verified: a proxy, a gateway, a \
                 parser of JSON"
            }
            Self::UrlScheme | Self::UrlPort | Self::UrlSlash | Self::UrlOther => {
                "configure the public URL byte for byte as the sender has it"
            }
            Self::TimeUnit => "say in the scheme in which unit this sender writes its times",
            Self::TimeChanged => "have the sender sign the time that it sends",
            Self::Skew => {
                "compare both clocks; if they are right it is a replay, or a sender that signs once \
                 for all its attempts"
            }
            Self::OtherScheme => "give this sender its own preset, and a route of its own",
            Self::SignatureSpelling => "say in the scheme how this sender spells its signatures",
            Self::SignatureDamaged => "look for what changes headers on the way",
            Self::Header => {
                "look at what the sender has sent; a proxy may have dropped or doubled the header"
            }
            Self::Unknown => {
                "compare the secret with the sender's, and the body with the one in its log"
            }
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// One fault. It contains no secret, and nothing of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub(super) cause: Cause,
    pub(super) what: Cow<'static, str>,
}

impl Finding {
    pub(super) fn new(cause: Cause, what: impl Into<Cow<'static, str>>) -> Self {
        Self {
            cause,
            what: what.into(),
        }
    }

    /// The cause.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// A description for the operator.
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// The reasons why a delivery is refused, as far as they can be found.
///
/// It prints in one line, and contains no secret, no signature and nothing of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    pub(super) refused: Option<SignatureError>,
    pub(super) findings: Vec<Finding>,
    pub(super) key: Option<KeyId>,
    pub(super) tried: u32,
    pub(super) is_complete: bool,
}

impl Diagnosis {
    /// Whether nothing is wrong: the delivery is authentic and in time.
    pub fn is_authentic(&self) -> bool {
        self.refused.is_none()
    }

    /// The verifier's error.
    pub fn refused(&self) -> Option<&SignatureError> {
        self.refused.as_ref()
    }

    /// The faults, the main one first; empty if the delivery is authentic. It would be accepted
    /// once all of them are fixed, unless the cause is [`Cause::Unknown`], [`Cause::Header`] or
    /// [`Cause::BodyLength`].
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The main cause.
    pub fn cause(&self) -> Option<Cause> {
        self.findings.first().map(Finding::cause)
    }

    /// The name of the key that made the signature, if one was found.
    pub fn key_id(&self) -> Option<&KeyId> {
        self.key.as_ref()
    }

    /// The number of changes that were tried.
    pub fn tried(&self) -> u32 {
        self.tried
    }

    /// Whether everything was tried: false if the [bound](super::Diagnose::hash_at_most) was
    /// reached first.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.findings.first() else {
            return f.write_str("authentic and in time");
        };
        for (place, finding) in self.findings.iter().enumerate() {
            let between = if place > 0 { "; and " } else { "" };
            write!(f, "{between}{finding}")?;
        }
        if let Some(key) = &self.key {
            write!(f, " (key {:?})", key.as_str())?;
        }
        write!(f, ": {}", first.cause.remedy())?;
        if !self.is_complete {
            f.write_str(" (not everything was tried)")?;
        }
        Ok(())
    }
}
