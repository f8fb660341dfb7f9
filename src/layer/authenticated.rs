use std::net::IpAddr;

use bytes::Bytes;

use crate::event::ProviderName;
use crate::path::PathTokens;
use crate::signature::Verified;

/// One way in which a delivery's origin is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Proof {
    /// A secret token in the path.
    SecretPath,
    /// The client's address is on the allowlist.
    SourceAddress,
    /// A signature over the body.
    Signature,
}

/// The mark of a delivery whose origin was proved.
///
/// Only the gates of this crate make it, and put it in the request's extensions; what comes after
/// them demands it, so that nothing unproved is ever claimed, queued or handed to an extractor.
#[derive(Debug, Clone)]
pub struct Authenticated {
    provider: ProviderName,
    secret_path: Option<PathTokens>,
    client: Option<IpAddr>,
    signature: Option<Verified>,
    body: Option<Bytes>,
}

impl Authenticated {
    pub(crate) fn nothing_yet(provider: ProviderName) -> Self {
        Self {
            provider,
            secret_path: None,
            client: None,
            signature: None,
            body: None,
        }
    }

    /// Whose delivery it is.
    pub fn provider(&self) -> &ProviderName {
        &self.provider
    }

    /// Whether this proof was passed.
    pub fn proves(&self, proof: Proof) -> bool {
        match proof {
            Proof::SecretPath => self.secret_path.is_some(),
            Proof::SourceAddress => self.client.is_some(),
            Proof::Signature => self.signature.is_some(),
        }
    }

    /// The client's address, where the allowlist was asked about it.
    pub fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// What the signature proved.
    pub fn signature(&self) -> Option<&Verified> {
        self.signature.as_ref()
    }

    /// The proved body: the bytes that were signed, or that came from the proved address or path.
    pub fn body(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }

    /// Whether a gate with these very tokens was passed.
    pub(crate) fn has_shown_one_of(&self, tokens: &PathTokens) -> bool {
        self.secret_path
            .as_ref()
            .is_some_and(|shown| shown.is_same_handle(tokens))
    }

    pub(crate) fn by_secret_path(&mut self, tokens: PathTokens) {
        self.secret_path = Some(tokens);
    }

    pub(crate) fn by_source(&mut self, client: IpAddr) {
        self.client = Some(client);
    }

    pub(crate) fn by_signature(&mut self, verified: Verified) {
        self.signature = Some(verified);
    }

    pub(crate) fn with_body(&mut self, body: Bytes) {
        self.body = Some(body);
    }
}
