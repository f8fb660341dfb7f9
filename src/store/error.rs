//! Errors of a store.

use std::error::Error;
use std::fmt;

/// A command that the store did not carry out, or may not have carried out.
///
/// Every command may be sent again: it then finds what it did the first time.
///
/// A store of your own makes these errors from a kind and the underlying error:
///
/// ```
/// use std::error::Error;
/// use tower_webhook::store::{StoreError, StoreErrorKind};
///
/// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
/// let error = StoreError::new(StoreErrorKind::Unavailable).with_source(refused);
/// assert_eq!(error.to_string(), "the store cannot be reached");
/// assert_eq!(error.source().unwrap().to_string(), "connection refused");
/// ```
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// An error of this kind, without a source.
    pub const fn new(kind: StoreErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.text())
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source: &(dyn Error + 'static) = self.source.as_deref()?;
        Some(source)
    }
}

/// What an error of a store that cannot be set up can do: its own name, that of its kinds, and what stands before
/// its text.
#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
macro_rules! connect_error {
    ($error:ident, $kind:ident, $store:literal) => {
        impl $error {
            pub(super) fn new(kind: $kind, message: impl Into<String>) -> Self {
                Self {
                    kind,
                    message: message.into(),
                    source: None,
                }
            }

            pub(super) fn with_source(
                mut self,
                source: impl Error + Send + Sync + 'static,
            ) -> Self {
                self.source = Some(Box::new(source));
                self
            }

            /// What kind of failure it was.
            pub fn kind(&self) -> $kind {
                self.kind
            }
        }

        impl fmt::Debug for $error {
            /// For a person, as `main` prints it; `{:#?}` shows the fields.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if !f.alternate() {
                    return crate::error::in_lines(self, f);
                }
                f.debug_struct(stringify!($error))
                    .field("kind", &self.kind)
                    .field("message", &self.message)
                    .field("source", &self.source)
                    .finish()
            }
        }

        impl fmt::Display for $error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($store, ": {}"), self.message)
            }
        }

        impl Error for $error {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                let source: &(dyn Error + 'static) = self.source.as_deref()?;
                Some(source)
            }
        }
    };
}
#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
pub(super) use connect_error;

/// The kind of failure of a [`StoreError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// There is no connection.
    Unavailable,
    /// No answer arrived in time. The command may have been carried out.
    TimedOut,
    /// There is no room for a new record. Existing records keep working.
    Full,
    /// The store can be reached but refuses the command: no permission, read-only, a wrong set-up.
    Refused,
    /// The record that the store holds under the key cannot be read.
    Corrupt,
    /// The operating system gave no random bytes for a token.
    Randomness,
}

impl StoreErrorKind {
    fn text(self) -> &'static str {
        match self {
            Self::Unavailable => "the store cannot be reached",
            Self::TimedOut => "the store did not answer in time",
            Self::Full => "the store has no room for a new record",
            Self::Refused => "the store refuses the command",
            Self::Corrupt => "the store holds a record that cannot be read",
            Self::Randomness => "the operating system gave no random bytes",
        }
    }
}
