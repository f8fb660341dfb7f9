use std::borrow::Cow;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::{ConfigError, ConfigErrorKind};

/// A change to the headers that is applied last.
#[derive(Clone)]
pub(super) enum Edit {
    Set(String, Vec<u8>),
    Add(String, Vec<u8>),
    Remove(String),
}

impl Edit {
    /// Whether it changes this header.
    pub(super) fn is_of(&self, header: &HeaderName) -> bool {
        let (Self::Set(name, _) | Self::Add(name, _) | Self::Remove(name)) = self;
        name.eq_ignore_ascii_case(header.as_str())
    }

    pub(super) fn apply(&self, headers: &mut HeaderMap) -> Result<(), ConfigError> {
        match self {
            Self::Set(header, text) => {
                headers.insert(name(header)?, value(header, text)?);
            }
            Self::Add(header, text) => {
                headers.append(name(header)?, value(header, text)?);
            }
            Self::Remove(header) => {
                headers.remove(name(header)?);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Edit {
    /// A value may be a signature, so only the name is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(name, _) => write!(f, "Set({name})"),
            Self::Add(name, _) => write!(f, "Add({name})"),
            Self::Remove(name) => write!(f, "Remove({name})"),
        }
    }
}

fn name(text: &str) -> Result<HeaderName, ConfigError> {
    text.parse()
        .map_err(|_| refused(format!("{text:?} is not a header name")))
}

pub(super) fn value(name: &str, text: &[u8]) -> Result<HeaderValue, ConfigError> {
    HeaderValue::from_bytes(text)
        .map_err(|_| refused(format!("what it says cannot stand in {name}")))
}

pub(super) fn refused(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new(ConfigErrorKind::TestDelivery, message)
}
