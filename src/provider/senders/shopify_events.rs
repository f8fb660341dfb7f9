//! Shopify, Events: signed with HMAC-SHA256 (<https://shopify.dev/docs/apps/build/events>).
//!
//! ```
//! use tower_webhook::provider::{self, shopify_events};
//!
//! let sender = provider::shopify_events(shopify_events::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "shopify-events");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("shopify-events");

/// Shopify, Events, proved by its signature.
///
/// - `shopify-hmac-sha256: <base64>`, HMAC-SHA256 over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - One event is one body, by its digest.
/// - It may be sent together with the header of [`shopify()`](crate::provider::shopify()), over the
///   same bytes with the same secret.
/// - Eight retries in 4 h, after every answer except 2xx, are assumed, as for its webhooks.
pub fn shopify_events(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("shopify-hmac-sha256")
        .single("", Encoding::Base64)
        .shown_id_header("shopify-event-id")
        .known();
    let contract = SenderContract::new(
        RetrySchedule::Unstated {
            interval: seconds(30),
            horizon: hours(4),
        },
        RetriedStatuses::AllButSuccess,
    )
    .waits(seconds(5));
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("shopify-events", "The app's client secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "shopify_events",
    title: "Shopify, Events",
    proof: "HMAC-SHA256 over the body in `shopify-hmac-sha256`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm @shopify/shopify-api 15.0.0 `lib/webhooks` (developer preview)",
    assumed: "that it delivers as its webhooks do",
    example: |secret, _| Ok(shopify_events(keys([secret])?)),
}];

vectors! {
    {
        of: "shopify_events",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("shopify-hmac-sha256", "YDZJtnuGqRcqiw3omfMHZm4wUUiMJhw4cnyFkUYVqvQ=")],
        body: r#"{"action":"create","topic":"Product","resource_id":"gid://shopify/Product/7","triggered_at":"2026-05-04T13:00:00Z"}"#,
        key: "sha256:839f72a95fffe49bcaae1212736cb4e9f19cc9458dffa17cb16a6b3b964b91c9",
    }
}
