//! Anthropic (beta): signed in the format of the Standard Webhooks specification
//! (<https://docs.anthropic.com/en/api/webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, anthropic};
//!
//! let sender = provider::anthropic(anthropic::keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])?);
//! assert_eq!(sender.name().as_str(), "anthropic");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("anthropic");

/// Anthropic (beta), proved by its signature.
///
/// - `webhook-signature: v1,<base64>` over `{id}.{time}.{body}`; five minutes of tolerance.
/// - One event is one signed id (`webhook-id`).
/// - Retries for 72 h after 5xx are assumed: none are documented.
pub fn anthropic(keys: impl Into<KeyRing>) -> Provider {
    let contract = SenderContract::new(retries_for(hours(72)), server_errors());
    framed(NAME, ["webhook", ""], SecretFormat::base64("whsec_"), keys, contract)
}

keys!(
    "anthropic",
    "The endpoint's secrets as they are shown",
    SecretFormat::base64("whsec_"),
    &[api_key]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "anthropic",
    title: "Anthropic (beta)",
    proof: "HMAC-SHA256 in the frame of Standard Webhooks, headers `webhook-…`",
    event: "the signed id",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm @anthropic-ai/sdk 1.14.0 `resources/beta/webhooks`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(anthropic(keys([secret])?)),
}];

vectors! {
    {
        of: "anthropic",
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        headers: &[("webhook-id", "msg_2Yx7kQ9mW4zT"), ("webhook-timestamp", "1777899600"), ("webhook-signature", "v1,yRMYRR/2OHV/guShBhlE6gN4ZvPG8XajjBhG+3cwymM=")],
        body: r#"{"type":"event","id":"evt_7","created_at":"2026-05-04T13:00:00Z","data":{"type":"session.idle"}}"#,
        key: "msg_2Yx7kQ9mW4zT",
    }
}
