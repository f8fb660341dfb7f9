//! The rules of a token, in the words of a file.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::algorithm::EncodingFile;
use crate::signature::{Jws, JwsAlgorithm};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct JwsFile {
    algorithms: Vec<AlgorithmFile>,
    key_by: Option<KeyByFile>,
    #[serde(default)]
    detached: bool,
    body_hash: Option<HashFile>,
    url_hash: Option<String>,
    /// Claims that read so.
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

#[derive(Debug, Clone, Copy, Deserialize)]
enum AlgorithmFile {
    #[serde(rename = "HS256")]
    Hs256,
    #[serde(rename = "HS384")]
    Hs384,
    #[serde(rename = "HS512")]
    Hs512,
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "RS384")]
    Rs384,
    #[serde(rename = "RS512")]
    Rs512,
    #[serde(rename = "PS256")]
    Ps256,
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "ES384")]
    Es384,
    #[serde(rename = "ES512")]
    Es512,
    #[serde(rename = "ES256K")]
    Es256k,
    #[serde(rename = "EdDSA")]
    EdDsa,
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

impl From<AlgorithmFile> for JwsAlgorithm {
    fn from(algorithm: AlgorithmFile) -> Self {
        match algorithm {
            AlgorithmFile::Hs256 => Self::Hs256,
            AlgorithmFile::Hs384 => Self::Hs384,
            AlgorithmFile::Hs512 => Self::Hs512,
            AlgorithmFile::Rs256 => Self::Rs256,
            AlgorithmFile::Rs384 => Self::Rs384,
            AlgorithmFile::Rs512 => Self::Rs512,
            AlgorithmFile::Ps256 => Self::Ps256,
            AlgorithmFile::Es256 => Self::Es256,
            AlgorithmFile::Es384 => Self::Es384,
            AlgorithmFile::Es512 => Self::Es512,
            AlgorithmFile::Es256k => Self::Es256k,
            AlgorithmFile::EdDsa => Self::EdDsa,
        }
    }
}

impl From<JwsFile> for Jws {
    fn from(file: JwsFile) -> Self {
        let mut rules = Self::new(file.algorithms.into_iter().map(Into::into));
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
