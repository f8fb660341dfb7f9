//! GoCardless: signed with HMAC-SHA256
//! (<https://developer.gocardless.com/api-reference/#webhooks-overview>).
//!
//! Other senders use the same header name with other content: never choose a sender by it.
//!
//! ```
//! use tower_webhook::provider::{self, gocardless};
//!
//! let sender = provider::gocardless(gocardless::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "gocardless");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("gocardless");

/// GoCardless, proved by its signature.
///
/// - `Webhook-Signature: <hex>`, HMAC-SHA256 over the body alone. It covers no time, so a captured
///   delivery never grows stale: only its record stops a replay.
/// - Each of `events`, of which there are up to 250, is one event, by its `id`.
/// - Retries for 72 h after 5xx are assumed.
pub fn gocardless(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("Webhook-Signature")
        .single("", Encoding::Hex)
        .known();
    let contract =
        SenderContract::new(retries_for(hours(72)), server_errors()).redelivers_by_hand();
    signed(NAME, scheme, keys, each("/events", by_id("/id")), contract)
}

keys!("gocardless", "The endpoint's secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "gocardless",
    title: "GoCardless",
    proof: "HMAC-SHA256 over the body in `Webhook-Signature`",
    event: "each of `events`, by `id`",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm gocardless-nodejs 10.1.2 `webhooks.js`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(gocardless(keys([secret])?)),
}];

vectors! {
    {
        of: "gocardless",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("webhook-signature", "c44bdf857e9f95d8cc79f1ad331a375a9d6b7c164263a276cbaa1d53f41d5f8f")],
        body: r#"{"events":[{"id":"EV123","created_at":"2026-05-04T13:00:00Z","resource_type":"payments","action":"confirmed","links":{"payment":"PM123"}}],"meta":{"webhook_id":"WB123"}}"#,
        key: "EV123",
    }
}
