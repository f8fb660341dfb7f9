//! The scope of a key within its provider.

use std::sync::Arc;

use crate::error::{ConfigError, ConfigErrorKind};
use crate::name::Name;

/// A tenant, a consumer, and a place among the unconfirmed contents of a key, each optional.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Scope {
    pub(crate) tenant: Option<Name>,
    pub(crate) consumer: Option<Name>,
    /// One digit.
    pub(crate) unconfirmed: Option<u8>,
}

impl Scope {
    /// Shares the scope between keys; `None` if it is empty.
    pub(crate) fn shared(self) -> Option<Arc<Self>> {
        (self != Self::default()).then(|| Arc::new(self))
    }

    /// `provider`, `@tenant`, `/consumer` and `?place`: no name contains one of these marks.
    pub(crate) fn encoded(&self, provider: &Name) -> String {
        let mut text = provider.to_string();
        for (mark, name) in [('@', &self.tenant), ('/', &self.consumer)] {
            if let Some(name) = name {
                text.push(mark);
                text.push_str(name.as_str());
            }
        }
        if let Some(place) = self.unconfirmed {
            text.push('?');
            text.push_str(&place.to_string());
        }
        text
    }

    /// Reads back what [`Scope::encoded`] wrote.
    pub(crate) fn decode(text: &str) -> Result<(Name, Self), ConfigError> {
        let name = |name: &str| Name::new(name.to_owned());
        let (text, unconfirmed) = match text.split_once('?') {
            Some((text, place)) => (text, Some(digit(place)?)),
            None => (text, None),
        };
        let (rest, consumer) = match text.split_once('/') {
            Some((rest, consumer)) => (rest, Some(name(consumer)?)),
            None => (text, None),
        };
        let (provider, tenant) = match rest.split_once('@') {
            Some((provider, tenant)) => (provider, Some(name(tenant)?)),
            None => (rest, None),
        };
        let scope = Self {
            tenant,
            consumer,
            unconfirmed,
        };
        Ok((name(provider)?, scope))
    }
}

fn digit(text: &str) -> Result<u8, ConfigError> {
    match text.as_bytes() {
        [digit @ b'0'..=b'9'] => Ok(digit - b'0'),
        _ => Err(ConfigError::new(
            ConfigErrorKind::EventRule,
            "an unconfirmed content has one digit behind its '?'",
        )),
    }
}
