//! Coinbase Developer Platform (<https://docs.cdp.coinbase.com/webhooks/verify-signatures>).
//!
//! ```
//! use tower_webhook::provider::{self, coinbase_cdp};
//!
//! let sender = provider::coinbase_cdp(coinbase_cdp::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "coinbase-cdp");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("coinbase-cdp");

/// Coinbase Developer Platform, proved by its signature.
///
/// - `X-Hook0-Signature: t=<time>,v0=<hex>` over `{time}.{body}`, with the time in seconds; five
///   minutes of tolerance.
/// - One event is one `/id`.
/// - The `v0` of the header counts, as Coinbase advises; `v1`, which also covers headers, is ignored. A delivery
///   without `v0`, as shown on Coinbase's pages on transfers and payment acceptance, is refused.
/// - Retries for three days after every answer but 2xx are assumed.
pub fn coinbase_cdp(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Hook0-Signature")
        .pairs("t", "v0", Encoding::Hex)
        .content(time_and_body("."))
        .known();
    let contract = SenderContract::new(retries_for(hours(72)), RetriedStatuses::AllButSuccess);
    signed(NAME, scheme, keys, by_id("/id"), contract)
}

keys!("coinbase-cdp", "The subscription's secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "coinbase_cdp",
    title: "Coinbase Developer Platform",
    proof: "HMAC-SHA256 over `{time}.{body}` in `X-Hook0-Signature`",
    event: "`/id`",
    challenge: "none",
    confidence: Confidence::Code,
    source: "hook0/hook0 clients/rust `signature.rs` and its conformance file",
    assumed: "its retries",
    example: |secret, _| Ok(coinbase_cdp(keys([secret])?)),
}];

vectors! {
    {
        of: "coinbase_cdp",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-hook0-signature", "t=1777899600,v0=39c3de267035b81e0e92f9edb2a9254cbdb848f6b3016439a2a0b336ff150b3d")],
        body: r#"{"id":"7f1c2d3e","eventType":"onchain.activity.detected","timestamp":"2026-05-04T13:00:00Z","data":{}}"#,
        key: "7f1c2d3e",
    }
}
