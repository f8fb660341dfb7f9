//! Onfido: signed with HMAC-SHA256 (<https://documentation.onfido.com/api/latest/#webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, onfido};
//!
//! let sender = provider::onfido(onfido::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "onfido");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("onfido");

/// Onfido, proved by its signature.
///
/// - `X-SHA2-Signature: <hex>`, HMAC-SHA256 over the body alone. It covers no time, so a captured
///   delivery never grows stale: only its record stops a replay.
/// - One event is one body, by its digest.
/// - It has no id: that of the object may occur with each of its actions.
/// - Retries for a day after every answer but 2xx are assumed.
pub fn onfido(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-SHA2-Signature")
        .single("", Encoding::Hex)
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), RetriedStatuses::AllButSuccess)
        .redelivers_by_hand();
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("onfido", "The webhook's tokens");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "onfido",
    title: "Onfido",
    proof: "HMAC-SHA256 over the body in `X-SHA2-Signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm @onfido/api 6.2.0 `webhook-event-verifier.js`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(onfido(keys([secret])?)),
}];

vectors! {
    {
        of: "onfido",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-sha2-signature", "6e72c68d466ee16b02f249f3d029602a641bcaafdab78244be73d4b143985e41")],
        body: r#"{"payload":{"resource_type":"check","action":"check.completed","object":{"id":"8546921-123123-123123","status":"complete","completed_at_iso8601":"2026-05-04T13:00:00Z"}}}"#,
        key: "sha256:bae79ca149cef61f6cbe542decc49a328837d687ac802ef8aa66f47b0f96e9bb",
    }
}
