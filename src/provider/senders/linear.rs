//! Linear (<https://linear.app/developers/webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, linear};
//!
//! let sender = provider::linear(linear::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "linear");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("linear");

/// Linear, proved by its signature.
///
/// - `Linear-Signature: <hex>` over the body, which contains its time as `webhookTimestamp` in
///   milliseconds; one minute of tolerance, as in Linear's own code. The header `linear-timestamp`
///   is not signed and not read.
/// - One event is one `type`, `action`, `data.id` and `createdAt`: `Linear-Delivery` is not signed,
///   and `webhookTimestamp` changes if an attempt is signed anew.
/// - Retries for 7 h after every answer but 200 are assumed.
pub fn linear(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("Linear-Signature")
        .single("", Encoding::Hex)
        .timestamp_at(Place::member("/webhookTimestamp"), TimeFormat::Milliseconds)
        .tolerance(tolerance(60))
        .shown_id_header("Linear-Delivery")
        .known();
    let contract = SenderContract::new(retries_for(hours(7)), server_errors())
        .counts_as_success(SuccessAnswer::exactly(200));
    signed(
        NAME,
        scheme,
        keys,
        by_members(["/type", "/action", "/data/id", "/createdAt"]),
        contract,
    )
}

keys!("linear", "The webhook's signing secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "linear",
    title: "Linear",
    proof: "HMAC-SHA256 over the body in `Linear-Signature`; the time in the body",
    event: "`type`, `action`, `data.id`, `createdAt`",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm @linear/sdk 98.0.0 `webhooks`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(linear(keys([secret])?)),
}];

vectors! {
    {
        of: "linear",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("linear-signature", "bc87e2e7f09003a933e844469fc88e2073b7f0aec713850d9120b61d0530fe58")],
        body: r#"{"action":"create","type":"Issue","createdAt":"2026-05-04T13:00:00.000Z","data":{"id":"2174add1"},"webhookTimestamp":1777899600000,"webhookId":"wh_7"}"#,
        key: "Issue:create:2174add1:2026-05-04T13:00:00.000Z",
    }
}
