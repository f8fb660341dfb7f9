//! A sender defined by a file: TOML, JSON, or any format that `serde` reads.

mod algorithm;
mod contract;
mod events;
#[cfg(feature = "jwt")]
mod jws;
#[cfg(feature = "asymmetric")]
mod message;
mod said;
mod scheme;

use serde::Deserialize;

use super::Provider;
use crate::error::ConfigError;
use crate::event::Name;
use crate::secret::KeyRing;
use crate::signature::{Scheme, Verifier};

use contract::ContractFile;
use events::EventsFile;
use said::{in_member, read};
use scheme::SchemeFile;

/// A sender of your own, defined by a settings file. Its secrets are kept elsewhere.
///
/// `docs/schemes.md` shows examples and lists every member.
///
/// ```
/// use tower_webhook::provider::ProviderFile;
/// use tower_webhook::{KeyRing, SecretFormat};
///
/// let file: ProviderFile = serde_json::from_str(r#"{
///     "name": "acme",
///     "scheme": {
///         "at": { "header": "x-acme-signature" },
///         "layout": { "pairs": { "time": "t", "signature": "v1" } },
///         "content": ["time", { "text": "." }, "body"]
///     },
///     "events": { "key": ["/id"], "own-id": true },
///     "contract": { "retries": { "fixed": { "interval": 30, "attempts": 5 } }, "waits": 10 }
/// }"#)?;
/// let keys = KeyRing::parse(file.secret_format(), ["acme-9f8e7d6c5b4a"])?;
/// let acme = file.provider(keys)?;
/// assert_eq!(acme.name().as_str(), "acme");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ProviderFile {
    name: Name,
    scheme: Scheme,
    events: EventsFile,
    contract: ContractFile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    name: String,
    scheme: SchemeFile,
    #[serde(default)]
    events: EventsFile,
    #[serde(default)]
    contract: ContractFile,
}

impl<'de> Deserialize<'de> for ProviderFile {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, |written: Written| Self::try_from(written))
    }
}

impl TryFrom<Written> for ProviderFile {
    type Error = ConfigError;

    fn try_from(written: Written) -> Result<Self, ConfigError> {
        // Errors in the rule are reported when the file is read.
        in_member("events", written.events.rule())?;
        in_member("contract", written.contract.contract().check_words())?;
        Ok(Self {
            name: Name::new(written.name)?,
            scheme: in_member("scheme", written.scheme.scheme())?,
            events: written.events,
            contract: written.contract,
        })
    }
}

impl ProviderFile {
    /// The sender with these secrets.
    ///
    /// # Errors
    ///
    /// None at present: errors in a file are reported when it is read.
    pub fn provider(&self, keys: impl Into<KeyRing>) -> Result<Provider, ConfigError> {
        let verifier = Verifier::new(self.scheme.clone(), keys);
        let rule = self.events.rule()?;
        Ok(Provider::signed(
            self.name.clone(),
            verifier,
            rule,
            self.contract.contract(),
        ))
    }

    /// The sender's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The format of its secrets.
    pub fn secret_format(&self) -> &crate::secret::SecretFormat {
        self.scheme.secret_format()
    }
}

#[cfg(test)]
pub(in crate::provider) use tests::shown;

#[cfg(test)]
mod tests;
