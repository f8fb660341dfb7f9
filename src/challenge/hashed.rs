use std::borrow::Cow;

use super::Challenge;
use super::hash::ChallengeHash;
use crate::secret::KeyRing;
use crate::signature::PublicUrl;

impl Challenge {
    /// Answers with 200 and, as this member of a JSON object, the SHA-256 of three concatenated texts.
    ///
    /// These are the challenge, the first of these tokens that is active now, and the URL that the
    /// sender was given. In lower-case hex.
    ///
    /// ```
    /// use http::Method;
    /// use tower_webhook::challenge::{Challenge, ChallengeText};
    /// use tower_webhook::signature::PublicUrl;
    /// use tower_webhook::{KeyRing, SecretFormat};
    ///
    /// // eBay's challenge.
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
