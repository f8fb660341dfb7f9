//! Builds the layout of signatures from the builder's settings.

use std::borrow::Cow;

#[cfg(feature = "asymmetric")]
use super::super::general::Envelope;
use super::super::general::{Layout, Prefix, Settings};
use super::super::header::Grammar;
use super::super::scheme::{SchemeBuilder, refused};
use crate::error::ConfigError;

impl SchemeBuilder {
    pub(super) fn layout(&self) -> Result<Layout, ConfigError> {
        let Settings {
            separator,
            blank_behind_separator,
            positional,
            any_case_prefix,
            optional_prefix,
            ..
        } = &self.settings;
        #[cfg(feature = "asymmetric")]
        if let Some(members) = &self.settings.envelope {
            return Envelope::new(members)
                .map(Layout::Envelope)
                .map_err(refused);
        }
        let prefix = |text: &Cow<'static, str>, any_case| Prefix {
            text: text.clone(),
            any_case,
            is_optional: *optional_prefix,
        };
        Ok(match &self.grammar {
            _ if *positional => Layout::Positional {
                separator: separator.unwrap_or(b','),
            },
            Grammar::Single { prefix: text } => Layout::Single(prefix(text, *any_case_prefix)),
            Grammar::Pairs {
                timestamp,
                signature,
            } => {
                if timestamp == signature || signature.is_empty() {
                    return Err(refused("timestamp and signature need two different names"));
                }
                Layout::Pairs {
                    separator: separator.unwrap_or(b','),
                    blank_behind: *blank_behind_separator,
                    timestamp: (!timestamp.is_empty()).then(|| timestamp.clone()),
                    signature: signature.clone(),
                }
            }
            Grammar::List { prefix: text } => Layout::List {
                separator: separator.unwrap_or(b' '),
                prefix: prefix(text, false),
            },
        })
    }
}
