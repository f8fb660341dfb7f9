//! Notion: signed with HMAC-SHA256 (<https://developers.notion.com/reference/webhooks>).
//!
//! When the subscription is made, Notion posts its `verification_token` once. It is the secret:
//! [`by_handshake`] accepts it while there is no key yet, and a receiver with a key refuses it.
//!
//! ```
//! use tower_webhook::provider::{self, notion};
//!
//! let sender = provider::notion(notion::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "notion");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("notion");

/// Notion, proved by its signature.
///
/// - `X-Notion-Signature: sha256=<hex>`, HMAC-SHA256 over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - One event is one `/id`.
/// - Retries for a day after every answer except 2xx are assumed. `attempt_number` may change
///   between them.
pub fn notion(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Notion-Signature")
        .single("sha256=", Encoding::Hex)
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), RetriedStatuses::AllButSuccess);
    signed(NAME, scheme, keys, by_id("/id"), contract)
}

/// Notion, whose handshake brings the secret.
///
/// Notion posts a `verification_token`; a signature of this request, if any, is made with that
/// token itself. Show the token to the person who makes the subscription: it must be pasted there.
///
/// It is accepted only while [`Handshake::open_until`] allows it and there is no key yet. With the
/// secret that it brought and stored, use [`notion`] at the next start.
///
/// ```
/// use tower_webhook::KeyRing;
/// use tower_webhook::challenge::Handshake;
/// use tower_webhook::provider::notion;
///
/// let handshake = Handshake::new(KeyRing::empty(), |secret: &str| std::fs::write("notion.secret", secret));
/// let sender = notion::by_handshake(handshake.clone());
/// # drop(sender);
/// ```
pub fn by_handshake(handshake: Handshake) -> Provider {
    let keys = handshake.keys().clone();
    notion(keys).challenge(Challenge::secret_in_body("/verification_token", handshake))
}

keys!("notion", "The verification tokens, with their `secret_`");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "notion",
    title: "Notion",
    proof: "HMAC-SHA256 over the body in `X-Notion-Signature`",
    event: "`/id`",
    challenge: "a POST of `verification_token`, once: 200, by `notion::by_handshake`, and paste it into Notion",
    confidence: Confidence::Code,
    source: "npm @notionhq/client 5.26.0 `webhooks.js`",
    assumed: "its retries",
    example: |secret, _| Ok(notion(keys([secret])?)),
}];

vectors! {
    {
        of: "notion",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-notion-signature", "sha256=b48f6a806e72c939316f60aa57ea8894df83df223c9971de3f4b88fb961faf32")],
        body: r#"{"id":"367cba44-b6f3-4c92-81e7-6a2e9659efd4","timestamp":"2026-05-04T13:00:00.000Z","type":"page.created","attempt_number":1}"#,
        key: "367cba44-b6f3-4c92-81e7-6a2e9659efd4",
    }
}
