//! Polar: signed in the format of the Standard Webhooks specification
//! (<https://polar.sh/docs/integrate/webhooks/delivery>).
//!
//! The key is the text of the secret, its prefix included, not its base64 decoding.
//!
//! ```
//! use tower_webhook::provider::{self, polar};
//!
//! let sender = provider::polar(polar::keys(["polar_whs_0123456789abcdefghij"])?);
//! assert_eq!(sender.name().as_str(), "polar");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("polar");

/// Polar, proved by its signature.
///
/// - `webhook-signature: v1,<base64>` over `{id}.{time}.{body}`; five minutes of tolerance.
/// - One event is one signed id (`webhook-id`).
/// - Retries for 72 h after every answer but 2xx are assumed.
pub fn polar(keys: impl Into<KeyRing>) -> Provider {
    let contract = SenderContract::new(retries_for(hours(72)), RetriedStatuses::AllButSuccess)
        .redelivers_by_hand();
    framed(NAME, ["webhook", ""], SecretFormat::Text, keys, contract)
}

keys!(
    "polar",
    "The endpoint's secrets as they are shown",
    SecretFormat::Text,
    &[api_key]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "polar",
    title: "Polar",
    proof: "HMAC-SHA256 in the frame of Standard Webhooks, headers `webhook-…`",
    event: "the signed id",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm @polar-sh/sdk 0.49.0 `webhooks.ts`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(polar(keys([secret])?)),
}];

vectors! {
    {
        of: "polar",
        secret: "polar_whs_0123456789abcdefghij",
        headers: &[("webhook-id", "msg_2Yx7kQ9mW4zT"), ("webhook-timestamp", "1777899600"), ("webhook-signature", "v1,CcOb1BbsfWSvyIINS7aTsaNUE0iC/DyBKkaOcT22/so=")],
        body: r#"{"type":"order.paid","timestamp":"2026-05-04T13:00:00Z","data":{"id":"ord_7"}}"#,
        key: "msg_2Yx7kQ9mW4zT",
    }
}
