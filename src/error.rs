//! The error of all setup before the first delivery.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// A setting that cannot be used.
///
/// Every constructor and builder of this crate returns this error, so that `?` works across them.
/// Its text names the provider if one is known, the setting and the remedy, and never holds a
/// secret. Its `Debug` form is the same text, followed by its causes on separate lines, so that a
/// `main` that returns it prints a readable message.
///
/// ```
/// use tower_webhook::{ConfigErrorKind, SigningSecret};
/// use tower_webhook::provider::stripe;
///
/// let error = SigningSecret::from_text("short").unwrap_err();
/// assert_eq!(error.kind(), ConfigErrorKind::Secret);
/// assert_eq!(error.to_string(), "signing secret: 5 bytes are too few, at least 12 are needed");
///
/// let error = stripe::keys(["short"]).unwrap_err();
/// assert_eq!(error.provider(), Some("stripe"));
/// assert!(error.to_string().starts_with("stripe: signing secret: number 1: 5 bytes are too few"));
/// ```
///
/// Other crates, such as one with a store or a preset, can make their own:
///
/// ```
/// use tower_webhook::{ConfigError, ConfigErrorKind};
///
/// fn main_of_a_receiver() -> Result<(), ConfigError> {
///     let refused = std::io::Error::from(std::io::ErrorKind::NotFound);
///     Err(ConfigError::new(ConfigErrorKind::Other, "cannot be opened: create it, or name another")
///         .of_provider("acme")
///         .in_setting("records.path")
///         .caused_by(refused))
/// }
/// let error = main_of_a_receiver().unwrap_err();
/// assert_eq!(
///     format!("Error: {error:?}"), // as `main` prints it
///     "Error: acme: records.path: cannot be opened: create it, or name another\n\
///      \x20 caused by: entity not found",
/// );
/// ```
#[derive(Clone)]
pub struct ConfigError(Box<Fault>);

#[derive(Debug, Clone)]
struct Fault {
    kind: ConfigErrorKind,
    provider: Option<Cow<'static, str>>,
    setting: Option<Cow<'static, str>>,
    message: Cow<'static, str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl ConfigError {
    /// An error of this kind. The message says what is wrong with the setting and how to fix it,
    /// and must not hold a secret.
    pub fn new(kind: ConfigErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Fault {
            kind,
            provider: None,
            setting: None,
            message: message.into(),
            source: None,
        }))
    }

    /// The same error, in a setting of this provider.
    #[must_use]
    pub fn of_provider(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.0.provider = Some(name.into());
        self
    }

    /// The same error, for the setting of this name: an environment variable, or a place in a file.
    #[must_use]
    pub fn in_setting(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.0.setting = Some(name.into());
        self
    }

    /// The same error with its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// The text without the setting's name, for use in another error's text.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// The kind of setting that was refused.
    pub fn kind(&self) -> ConfigErrorKind {
        self.0.kind
    }

    /// The provider whose setting was refused, if it is known.
    pub fn provider(&self) -> Option<&str> {
        self.0.provider.as_deref()
    }

    /// The name of the setting, if it has one.
    pub fn setting(&self) -> Option<&str> {
        self.0.setting.as_deref()
    }
}

impl PartialEq for ConfigError {
    /// Compares kind and text; causes are not compared.
    fn eq(&self, other: &Self) -> bool {
        let said = |error: &Self| (error.kind(), error.to_string());
        said(self) == said(other)
    }
}

impl Eq for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault {
            kind,
            provider,
            setting,
            message,
            source: _,
        } = &*self.0;
        if let Some(provider) = provider {
            write!(f, "{provider}: ")?;
        }
        match (kind, setting) {
            (ConfigErrorKind::Other, Some(setting)) => f.write_str(setting)?,
            (kind, Some(setting)) => write!(f, "{} {setting}", kind.place())?,
            (kind, None) => f.write_str(kind.place())?,
        }
        write!(f, ": {message}")
    }
}

impl fmt::Debug for ConfigError {
    /// For people, as `main` prints it; `{:#?}` shows the fields.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return fmt::Debug::fmt(&self.0, f);
        }
        in_lines(self, f)
    }
}

/// Prints an error for people, as `main` does: its text, followed by its causes on separate lines.
pub(crate) fn in_lines(error: &dyn Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{error}")?;
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(f, "\n  caused by: {error}")?;
        cause = error.source();
    }
    Ok(())
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source: &(dyn Error + 'static) = self.0.source.as_deref()?;
        Some(source)
    }
}

/// The kind of setting that a [`ConfigError`] refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// A signing secret or key ring.
    Secret,
    /// A secret path token, or its place in the path.
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
    /// A cap on bodies, waiting duplicates or records.
    Limit,
    /// A proof that the provider needs is missing, or fits no gate.
    Proof,
    /// The events that a worker serves.
    #[cfg(feature = "inbox")]
    Worker,
    /// Any other setting, such as one of another crate.
    Other,
    /// A delivery made for a test.
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
            #[cfg(feature = "inbox")]
            Self::Worker => "worker",
            Self::Other => "setting",
            #[cfg(feature = "testing")]
            Self::TestDelivery => "test delivery",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_provider_and_the_setting_and_prints_as_a_line() {
        let error = ConfigError::new(ConfigErrorKind::Secret, "not set");
        assert_eq!(error.to_string(), "signing secret: not set");
        assert_eq!((error.provider(), error.setting()), (None, None));
        let error = error.in_setting("STRIPE_SECRETS").of_provider("stripe");
        assert_eq!(
            format!("{error:?}"),
            "stripe: signing secret STRIPE_SECRETS: not set"
        );
        assert_eq!(error.setting(), Some("STRIPE_SECRETS"));
        let caused = error.clone().caused_by(fmt::Error);
        assert_eq!(error, caused);
        assert_eq!(
            format!("{caused:?}"),
            format!("{error}\n  caused by: {}", fmt::Error)
        );
        assert!(format!("{caused:#?}").contains("setting: Some(\n"));
    }
}
