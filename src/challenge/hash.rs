use std::borrow::Cow;

use data_encoding::HEXLOWER;

use super::Challenge;
use crate::clock::UnixTime;
use crate::digest::Digest;
use crate::secret::{KeyRing, SigningKey};
use crate::signature::PublicUrl;

/// The hash of a challenge, a token and a URL, which proves that the token is known here.
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

    /// The member of the answer that holds it.
    pub(super) fn member(&self) -> &str {
        &self.member
    }

    /// The hash, in hex; `None` where there is no token.
    pub(super) fn of(&self, text: &str, now: UnixTime) -> Option<String> {
        let tokens = self.tokens.snapshot();
        let mut active = tokens.iter().filter(|key| key.is_active(now));
        let token = active.find_map(SigningKey::secret)?;
        let url = self.url.as_str().as_bytes();
        let hash = Digest::Sha256.hash([text.as_bytes(), token.bytes(), url]);
        Some(HEXLOWER.encode(&hash))
    }
}

impl Challenge {
    /// It is answered with 200 and, as this member of a JSON object, the SHA-256 of three texts one behind the
    /// other: of the challenge, of the first of these tokens that counts now, and of the URL that the sender was
    /// given. In lower-case hex.
    ///
    /// ```
    /// use http::Method;
    /// use tower_webhook::challenge::{Challenge, ChallengeText};
    /// use tower_webhook::signature::PublicUrl;
    /// use tower_webhook::{KeyRing, SecretFormat};
    ///
    /// // As eBay asks.
    /// let tokens = KeyRing::parse(&SecretFormat::Text, ["a-token-of-32-letters-and-not-less"])?;
    /// let url = PublicUrl::parse("https://shop.example/hooks/ebay")?;
    /// let ebay = Challenge::in_query(Method::GET, "challenge_code", ChallengeText::Token)
    ///     .answer_with_hash("challengeResponse", tokens, url);
    /// # drop(ebay);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[must_use]
    pub fn answer_with_hash(
        mut self,
        member: impl Into<Cow<'static, str>>,
        tokens: impl Into<KeyRing>,
        url: PublicUrl,
    ) -> Self {
        let hash = ChallengeHash::new(member.into(), tokens.into(), url);
        self.hash = Some(Box::new(hash));
        self
    }
}
