//! Coinbase Commerce: signed with HMAC-SHA256
//! (<https://docs.cdp.coinbase.com/commerce-onchain/docs/webhooks-security>).
//!
//! ```
//! use tower_webhook::provider::{self, coinbase_commerce};
//!
//! let sender = provider::coinbase_commerce(coinbase_commerce::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "coinbase-commerce");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("coinbase-commerce");

/// Coinbase Commerce, proved by its signature.
///
/// - `X-CC-Webhook-Signature: <hex>`, HMAC-SHA256 over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - One event is one `/event/id`.
/// - The outer `id` is that of the delivery, and changes.
/// - Retries for three days after every answer but 200 are assumed.
pub fn coinbase_commerce(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-CC-Webhook-Signature")
        .single("", Encoding::Hex)
        .known();
    let contract = SenderContract::new(retries_for(hours(72)), RetriedStatuses::AllButSuccess)
        .counts_as_success(SuccessAnswer::exactly(200));
    signed(NAME, scheme, keys, by_id("/event/id"), contract)
}

keys!("coinbase-commerce", "The shared secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "coinbase_commerce",
    title: "Coinbase Commerce",
    proof: "HMAC-SHA256 over the body in `X-CC-Webhook-Signature`",
    event: "`/event/id`",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm coinbase-commerce-node 1.0.4",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(coinbase_commerce(keys([secret])?)),
}];

vectors! {
    {
        of: "coinbase_commerce",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-cc-webhook-signature", "828ff1cd4dea30bbc705b647a9beaa7739a8742eedfc718dd0b9d1847bfade2f")],
        body: r#"{"id":"1","scheduled_for":"2026-05-04T13:00:00Z","attempt_number":1,"event":{"id":"24934862-d980-46cb-9402-43c81b0cdba6","type":"charge:confirmed","created_at":"2026-05-04T13:00:00Z"}}"#,
        key: "24934862-d980-46cb-9402-43c81b0cdba6",
    }
}
