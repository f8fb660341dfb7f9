//! The one error of everything that is set up before the first delivery.

use std::borrow::Cow;

/// A setting that cannot be used.
///
/// Every constructor and builder of this crate returns this error, so that `?` works across them.
/// Its text names the setting and the remedy and never holds a secret.
///
/// ```
/// use tower_webhook::{ConfigErrorKind, SigningSecret};
///
/// let error = SigningSecret::from_text("short").unwrap_err();
/// assert_eq!(error.kind(), ConfigErrorKind::Secret);
/// assert_eq!(error.to_string(), "signing secret: 5 bytes are too few, at least 12 are needed");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ConfigError {
    kind: ConfigErrorKind,
    place: &'static str,
    message: Cow<'static, str>,
}

impl ConfigError {
    pub(crate) fn new(kind: ConfigErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            place: kind.place(),
            message: message.into(),
        }
    }

    /// The text without the place, to stand in another error's.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What kind of setting was refused.
    pub fn kind(&self) -> ConfigErrorKind {
        self.kind
    }
}

/// The kind of setting that a [`ConfigError`] refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// A signing secret or key ring.
    Secret,
    /// A secret path token, or where it stands.
    PathToken,
    /// An allowlist of source addresses.
    Allowlist,
    /// The trusted proxies or their header.
    Proxy,
    /// A signature scheme.
    Scheme,
    /// A tolerance for signed timestamps.
    Tolerance,
    /// The rule that finds an event's key.
    EventRule,
    /// A provider's name or a tenant's.
    Name,
    /// How a sender delivers.
    Contract,
    /// The lease of a claim or its renewal ceiling.
    Lease,
    /// How long a record is kept.
    Retention,
    /// A cap on bodies, waiting copies or records.
    Limit,
    /// A proof that the provider needs was not given, or fits no gate.
    Proof,
    /// A delivery that is made for a test.
    #[cfg(feature = "testing")]
    TestDelivery,
}

impl ConfigErrorKind {
    fn place(self) -> &'static str {
        match self {
            Self::Secret => "signing secret",
            Self::PathToken => "path token",
            Self::Allowlist => "allowlist",
            Self::Proxy => "trusted proxy",
            Self::Scheme => "signature scheme",
            Self::Tolerance => "tolerance",
            Self::EventRule => "event rule",
            Self::Name => "name",
            Self::Contract => "sender contract",
            Self::Lease => "lease",
            Self::Retention => "retention",
            Self::Limit => "limit",
            Self::Proof => "proof",
            #[cfg(feature = "testing")]
            Self::TestDelivery => "test delivery",
        }
    }
}
