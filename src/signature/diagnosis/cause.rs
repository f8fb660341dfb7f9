use std::borrow::Cow;
use std::fmt;

use crate::secret::KeyId;
use crate::signature::error::SignatureError;

/// What is wrong with a delivery that was refused.
///
/// More may follow: match with a last arm for those that are not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// One of the two secrets has white space or a line end around it, the other one has not.
    SecretWhiteSpace,
    /// One of the two secrets stands in quotes.
    SecretQuotes,
    /// A prefix, such as `whsec_`, was kept by one side and taken off by the other.
    SecretPrefix,
    /// One side takes the text as the key, the other one what it spells in base64 or hex.
    SecretDecoding,
    /// The key is one of the ring's that has expired.
    KeyExpired,
    /// The key is of a ring that was [named as another one](super::Diagnose::other_keys): of another
    /// environment or account.
    OtherKeys,
    /// The body's line ends were changed.
    BodyLineEnds,
    /// White space or a line end was added to the body or taken off it, at its beginning or its end.
    BodyWhiteSpace,
    /// A byte order mark was put before the body or taken off it.
    BodyBom,
    /// The body's JSON was written anew: with other blanks, order of members, or escapes.
    BodyReserialised,
    /// The body was encoded anew: another character set, or base64 around it.
    BodyEncoding,
    /// Another number of bytes came than was announced.
    BodyLength,
    /// The sender has the URL with another scheme than it is configured with here.
    UrlScheme,
    /// The sender has the URL with a port, or without the one that it is configured with here.
    UrlPort,
    /// The URL or its path has a slash at its end on one side only.
    UrlSlash,
    /// The sender has another URL: with the request's own host, path or query.
    UrlOther,
    /// The time is in milliseconds where seconds belong, or the other way round.
    TimeUnit,
    /// Another time was signed than is told.
    TimeChanged,
    /// All is right but the time: the size is in the finding.
    Skew,
    /// It is signed as another sender does.
    OtherScheme,
    /// The signature is right, and is spelled otherwise than this sender does.
    SignatureSpelling,
    /// All but a few bits of the signature are right: it was damaged.
    SignatureDamaged,
    /// A header that the scheme needs is missing, doubled or malformed.
    Header,
    /// Nothing that was tried explains it: the secret is another one, or more than one thing was
    /// changed.
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

    /// What to do about it.
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

/// One thing that is wrong. It holds no secret, and nothing of the body.
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

    /// What kind of thing it is.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// What it is, in words for the operator.
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Why a delivery is refused, as far as that can be found out.
///
/// It prints in one line, and holds no secret, no signature and nothing of the body.
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

    /// What the verifier says.
    pub fn refused(&self) -> Option<&SignatureError> {
        self.refused.as_ref()
    }

    /// What is wrong, the main thing first; nothing where it is authentic. It would be accepted once
    /// all of them are mended, unless the cause is [`Cause::Unknown`], [`Cause::Header`] or
    /// [`Cause::BodyLength`].
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The main cause.
    pub fn cause(&self) -> Option<Cause> {
        self.findings.first().map(Finding::cause)
    }

    /// The name of the key that made the signature, where one was found.
    pub fn key_id(&self) -> Option<&KeyId> {
        self.key.as_ref()
    }

    /// How many changes were tried.
    pub fn tried(&self) -> u32 {
        self.tried
    }

    /// Whether everything was tried: false where the [bound](super::Diagnose::hash_at_most) came first.
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
