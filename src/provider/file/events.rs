//! What one event is, in the words of a file.

use serde::Deserialize;

use crate::error::ConfigError;
use crate::event::{EventRule, Shape};

/// The body by its digest, unless set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct EventsFile {
    /// The members, or parameters of the query, that tell events apart.
    #[serde(default)]
    key: Vec<String>,
    /// The id that the signature covers tells them apart.
    #[serde(default)]
    signed_id: bool,
    /// The key is the sender's own id.
    #[serde(default)]
    own_id: bool,
    #[serde(default)]
    fingerprint: Vec<String>,
    time: Option<String>,
}

impl EventsFile {
    pub(super) fn rule(&self) -> Result<EventRule, ConfigError> {
        if self.signed_id {
            return Ok(EventRule::signed_id());
        }
        if self.key.is_empty() {
            return Ok(EventRule::body());
        }
        let mut shape = Shape::new("event", self.key.iter().map(String::as_str))?
            .fingerprint(self.fingerprint.iter().map(String::as_str))?;
        if let Some(time) = &self.time {
            shape = shape.time(time)?;
        }
        if self.own_id {
            shape = shape.own_id()?;
        }
        EventRule::members([shape])
    }
}
