//! X, webhooks and account activity: signed with HMAC-SHA256
//! (<https://docs.x.com/x-api/webhooks/introduction>).
//!
//! ```
//! use tower_webhook::provider::{self, x};
//!
//! let sender = provider::x(x::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "x");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("x");

/// X, webhooks and account activity, proved by its signature.
///
/// - `x-twitter-webhooks-signature: sha256=<base64>`, HMAC-SHA256 over the body alone. It covers no
///   time, so a captured delivery never grows stale: only its record stops a replay.
/// - One event is one body, by its digest.
/// - As far as is known, it does not retry by itself; a replay job can send events of the last five
///   days again.
/// - `crc_token` is answered with its HMAC under the secret that also signs events. Therefore only
///   texts of `A-Z a-z 0-9 - . _ ~ + / =` are answered, and an event must be JSON that begins with
///   a bracket: no text is both.
pub fn x(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("x-twitter-webhooks-signature")
        .single("sha256=", Encoding::Base64)
        .json_body()
        .known();
    let contract = SenderContract::new(retries_for(hours(120)), server_errors())
        .waits(seconds(10))
        .redelivers_by_hand();
    signed(NAME, scheme, keys, EventRule::body(), contract).challenge(
        Challenge::in_query(Method::GET, "crc_token", ChallengeText::Token).answer(
            ChallengeAnswer::Hmac {
                text: None,
                member: "response_token".into(),
                prefix: "sha256=".into(),
                encoding: Encoding::Base64,
            },
        ),
    )
}

keys!("x", "The app's consumer secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "x",
    title: "X, webhooks and account activity",
    proof: "HMAC-SHA256 over the body in `x-twitter-webhooks-signature`",
    event: "the body, by its digest",
    challenge: "GET with `crc_token`: JSON with its HMAC",
    confidence: Confidence::Documents,
    source: "xdevplatform/docs x-api/webhooks",
    assumed: "its retries",
    example: |secret, _| Ok(x(keys([secret])?)),
}];

vectors! {
    {
        of: "x",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-twitter-webhooks-signature", "sha256=dUTZYIyRLZnXJKjLZxnUmQnQW928JgZP2geF3zzdP1k=")],
        body: r#"{"for_user_id":"2244994945","tweet_create_events":[{"id_str":"1498","created_at":"Mon May 04 13:00:00 +0000 2026","text":"hi"}]}"#,
        key: "sha256:1e4810e446e2e0473656abcccb0a91f0fcb030315a80ea2c8894cda598791ed1",
    }
}
