//! Ably, batched or enveloped: signed with HMAC-SHA256
//! (<https://ably.com/docs/platform/integrations/webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, ably};
//!
//! let sender = provider::ably(ably::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "ably");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("ably");

/// Ably, batched or enveloped, proved by its signature.
///
/// - `X-Ably-Signature: <base64>`, HMAC-SHA256 over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - One event is one body, by its digest.
/// - The secret is the part of the API key after the colon. Requests that are neither batched nor
///   enveloped are not signed.
/// - Retries for an hour after 5xx are assumed.
pub fn ably(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Ably-Signature")
        .single("", Encoding::Base64)
        .known();
    let contract = SenderContract::new(retries_for(hours(1)), server_errors());
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("ably", "The secrets of the API key");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "ably",
    title: "Ably, batched or enveloped",
    proof: "HMAC-SHA256 over the body in `X-Ably-Signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Others,
    source: "ably/docs platform/integrations/webhooks; webhooks-spec",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(ably(keys([secret])?)),
}];

vectors! {
    {
        of: "ably",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-ably-signature", "QgnkQMrbxDDKpYWx7//3D26j0acfklRic3ETqi3X/3M=")],
        body: r#"{"items":[{"webhookId":"ABcDEf","source":"channel.message","timestamp":1777899600000,"data":{"channelId":"foo"}}]}"#,
        key: "sha256:5a7073cfcc2a76689cc8c0df38312736bd4f63857c18271496f1c78a5f0b6d7e",
    }
}
