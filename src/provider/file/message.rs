//! The rules of message signatures, as a file writes them.

use serde::Deserialize;

use crate::signature::{MessageAlgorithm, MessageSignatures};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct MessageFile {
    algorithms: Vec<MessageAlgorithm>,
    covering: Vec<String>,
    label: Option<String>,
    tag: Option<String>,
    #[serde(default)]
    expires: bool,
    #[serde(default)]
    without_created: bool,
    #[serde(default)]
    names_key: bool,
    #[serde(default)]
    nonce_is_id: bool,
}

impl From<MessageFile> for MessageSignatures {
    fn from(file: MessageFile) -> Self {
        let mut rules = Self::new(file.algorithms).covering(file.covering);
        if let Some(label) = file.label {
            rules = rules.label(label);
        }
        if let Some(tag) = file.tag {
            rules = rules.tag(tag);
        }
        if file.expires {
            rules = rules.expires();
        }
        if file.without_created {
            rules = rules.without_created();
        }
        if file.names_key {
            rules = rules.names_key();
        }
        match file.nonce_is_id {
            true => rules.nonce_is_id(),
            false => rules,
        }
    }
}
