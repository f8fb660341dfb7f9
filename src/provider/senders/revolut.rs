//! Revolut, Merchant and Business
//! (<https://developer.revolut.com/docs/guides/accept-payments/tutorials/work-with-webhooks/verify-the-payload-signature>).
//!
//! ```
//! use tower_webhook::provider::{self, revolut};
//!
//! let sender = provider::revolut(revolut::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "revolut");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("revolut");

/// Revolut, Merchant and Business, proved by its signature.
///
/// - `Revolut-Signature: v1=<hex>`, or two separated by a comma during a secret rotation, over
///   `v1.{time}.{body}` with the milliseconds of `Revolut-Request-Timestamp`; five minutes of
///   tolerance.
/// - One event is one body, by its digest: no id is documented.
/// - Retries for a day after 5xx are assumed.
pub fn revolut(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("Revolut-Signature")
        .list("v1=", Encoding::Hex)
        .separator(',')
        .timestamp_at(
            Place::header("Revolut-Request-Timestamp"),
            TimeFormat::Milliseconds,
        )
        .content([
            Component::literal("v1."),
            Component::Timestamp,
            Component::literal("."),
            Component::Body,
        ])
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("revolut", "The signing secrets, `wsk_…`");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "revolut",
    title: "Revolut, Merchant and Business",
    proof: "HMAC-SHA256 over `v1.{time}.{body}` in `Revolut-Signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "developer.revolut.com, verify the payload signature",
    assumed: "its retries",
    example: |secret, _| Ok(revolut(keys([secret])?)),
}];

vectors! {
    {
        of: "revolut",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("revolut-signature", "v1=add20023ba7fd48f05e1c3534c0c601b29ac2d7f1f08a5a755e7f715344b94ec"), ("revolut-request-timestamp", "1777899600000")],
        body: r#"{"event":"ORDER_COMPLETED","order_id":"9fc01989-3f61-4484-a5d9-ffe768531be9","merchant_order_ext_ref":"Test #3928"}"#,
        key: "sha256:de2be94b84f22c1cbed1bf1cac11284df3d06c9f582da1fb7ad3163ca6b9cb0e",
    }
}
