//! The rules of a token, as a file writes them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::algorithm::EncodingFile;
use crate::signature::{Jws, JwsAlgorithm};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct JwsFile {
    algorithms: Vec<JwsAlgorithm>,
    key_by: Option<KeyByFile>,
    #[serde(default)]
    detached: bool,
    body_hash: Option<HashFile>,
    url_hash: Option<String>,
    /// Claims that must have these values.
    #[serde(default)]
    claims: BTreeMap<String, String>,
    #[serde(default)]
    demands: Vec<String>,
    id: Option<String>,
    #[serde(default)]
    issued_at: bool,
    #[serde(default)]
    expires: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KeyByFile {
    Kid,
    Claim(String),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct HashFile {
    claim: String,
    #[serde(default)]
    encoding: EncodingFile,
}

impl From<JwsFile> for Jws {
    fn from(file: JwsFile) -> Self {
        let mut rules = Self::new(file.algorithms);
        rules = match file.key_by {
            Some(KeyByFile::Kid) => rules.key_by_kid(),
            Some(KeyByFile::Claim(claim)) => rules.key_by_claim(claim),
            None => rules,
        };
        if file.detached {
            rules = rules.detached();
        }
        if let Some(HashFile { claim, encoding }) = file.body_hash {
            rules = rules.body_hash(claim, encoding.into());
        }
        if let Some(claim) = file.url_hash {
            rules = rules.url_hash(claim);
        }
        for (claim, text) in file.claims {
            rules = rules.claim(claim, text);
        }
        rules = (file.demands.into_iter()).fold(rules, Jws::demands);
        if let Some(claim) = file.id {
            rules = rules.id(claim);
        }
        if file.issued_at {
            rules = rules.issued_at();
        }
        match file.expires {
            true => rules.expires(),
            false => rules,
        }
    }
}
