//! The rules of message signatures, in the words of a file.

use serde::Deserialize;

use crate::signature::{MessageAlgorithm, MessageSignatures};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct MessageFile {
    algorithms: Vec<AlgorithmFile>,
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

/// By the names of the registry.
#[derive(Debug, Clone, Copy, Deserialize)]
enum AlgorithmFile {
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    #[serde(rename = "ed25519")]
    Ed25519,
    #[serde(rename = "ecdsa-p256-sha256")]
    EcdsaP256Sha256,
    #[serde(rename = "ecdsa-p384-sha384")]
    EcdsaP384Sha384,
    #[serde(rename = "rsa-v1_5-sha256")]
    RsaV15Sha256,
    #[serde(rename = "rsa-pss-sha512")]
    RsaPssSha512,
}

impl From<AlgorithmFile> for MessageAlgorithm {
    fn from(algorithm: AlgorithmFile) -> Self {
        match algorithm {
            AlgorithmFile::HmacSha256 => Self::HmacSha256,
            AlgorithmFile::Ed25519 => Self::Ed25519,
            AlgorithmFile::EcdsaP256Sha256 => Self::EcdsaP256Sha256,
            AlgorithmFile::EcdsaP384Sha384 => Self::EcdsaP384Sha384,
            AlgorithmFile::RsaV15Sha256 => Self::RsaV15Sha256,
            AlgorithmFile::RsaPssSha512 => Self::RsaPssSha512,
        }
    }
}

impl From<MessageFile> for MessageSignatures {
    fn from(file: MessageFile) -> Self {
        let algorithms = file.algorithms.into_iter().map(Into::into);
        let mut rules = Self::new(algorithms).covering(file.covering);
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
