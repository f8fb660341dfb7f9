use std::borrow::Cow;

use data_encoding::HEXLOWER;

use crate::clock::UnixTime;
use crate::digest::Digest;
use crate::secret::{KeyRing, SigningKey};
use crate::signature::PublicUrl;

/// The hash of a challenge, a token and a URL, which proves knowledge of the token.
#[derive(Debug, Clone)]
pub(super) struct ChallengeHash {
    member: Cow<'static, str>,
    tokens: KeyRing,
    url: PublicUrl,
}

impl ChallengeHash {
    pub(super) fn new(member: Cow<'static, str>, tokens: KeyRing, url: PublicUrl) -> Self {
        Self {
            member,
            tokens,
            url,
        }
    }

    /// The member of the answer with the hash.
    pub(super) fn member(&self) -> &str {
        &self.member
    }

    /// The hash in hex; `None` if there is no token.
    pub(super) fn of(&self, text: &str, now: UnixTime) -> Option<String> {
        let tokens = self.tokens.snapshot();
        let mut active = tokens.iter().filter(|key| key.is_active(now));
        let token = active.find_map(SigningKey::secret)?;
        let url = self.url.as_str().as_bytes();
        let hash = Digest::Sha256.hash([text.as_bytes(), token.bytes(), url]);
        Some(HEXLOWER.encode(&hash))
    }
}
