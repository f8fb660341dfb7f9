use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;

use crate::event::ProviderName;
use crate::path::{PathTokens, ShownToken};
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
#[derive(Clone)]
pub struct Authenticated {
    provider: ProviderName,
    secret_path: Option<ShownToken>,
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

    /// Whether the token that was cut off outside is one of these.
    pub(crate) fn has_shown_one_of(&self, tokens: &PathTokens) -> bool {
        (self.secret_path.as_ref()).is_some_and(|shown| tokens.include(shown))
    }

    pub(crate) fn by_secret_path(&mut self, shown: ShownToken) {
        self.secret_path = Some(shown);
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

impl fmt::Debug for Authenticated {
    /// A body may hold what does not belong in a log: only its length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            provider,
            secret_path,
            client,
            signature,
            body,
        } = self;
        f.debug_struct("Authenticated")
            .field("provider", provider)
            .field("secret_path", secret_path)
            .field("client", client)
            .field("signature", signature)
            .field("body_len", &body.as_ref().map(Bytes::len))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_does_not_print() {
        let mut mark = Authenticated::nothing_yet(ProviderName::new("acme").unwrap());
        mark.by_secret_path(ShownToken::of(b"3f9d1c0b7a5e").unwrap());
        mark.with_body(Bytes::from_static(b"{\"iban\":\"DE89\"}"));
        assert_eq!(
            format!("{mark:?}"),
            "Authenticated { provider: \"acme\", secret_path: Some([REDACTED]), client: None, \
             signature: None, body_len: Some(15) }"
        );
    }
}
