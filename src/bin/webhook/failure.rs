//! The reasons for which the program can fail.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use tower_webhook::ConfigError;
use tower_webhook::store::{StoreError, StoreErrorKind};

/// One line that names the place and the remedy, and the cause.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    is_out_of_reach: bool,
}

impl Failure {
    /// The command line makes no sense.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            source: None,
            is_out_of_reach: false,
        }
    }

    /// Something went wrong at this place.
    pub(crate) fn other(place: &str, error: impl fmt::Display) -> Self {
        Self::usage(format!("{place}: {error}"))
    }

    /// Something went wrong at this place, with a cause.
    pub(crate) fn caused(place: &str, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            text: place.to_owned(),
            source: Some(error.into()),
            is_out_of_reach: false,
        }
    }

    /// A store or a receiver does not answer.
    pub(crate) fn out_of_reach(
        text: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            text: text.into(),
            source: Some(source.into()),
            is_out_of_reach: true,
        }
    }

    pub(crate) fn status(&self) -> ExitCode {
        ExitCode::from(if self.is_out_of_reach { 3 } else { 2 })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        let mut next: Option<&(dyn Error + 'static)> = None;
        if let Some(error) = &self.source {
            next = Some(&**error);
        }
        while let Some(error) = next {
            write!(f, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let kind = error.kind();
        Self {
            is_out_of_reach: matches!(kind, StoreErrorKind::Unavailable | StoreErrorKind::TimedOut),
            text: "--store".to_owned(),
            source: Some(error.into()),
        }
    }
}
