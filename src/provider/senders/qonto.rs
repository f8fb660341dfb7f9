//! Qonto (<https://docs.qonto.com/get-started/webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, qonto};
//!
//! let sender = provider::qonto(qonto::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "qonto");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("qonto");

/// Qonto, proved by its signature.
///
/// - `X-Qonto-Signature: t=<time>,v1=<hex>` over `{time}.{body}`, with the time in seconds; a day
///   of tolerance, because it states none and may not sign its retries anew.
/// - One event is one `/id`.
/// - It waits 1 s. Retries for a day after every answer but 2xx are assumed.
pub fn qonto(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Qonto-Signature")
        .pairs("t", "v1", Encoding::Hex)
        .content(time_and_body("."))
        .tolerance(tolerance(86400))
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), RetriedStatuses::AllButSuccess)
        .waits(seconds(1));
    signed(NAME, scheme, keys, by_id("/id"), contract)
}

keys!("qonto", "The subscription's secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "qonto",
    title: "Qonto",
    proof: "HMAC-SHA256 over `{time}.{body}` in `X-Qonto-Signature`",
    event: "`/id`",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "docs.qonto.com, webhooks",
    assumed: "the window, its retries",
    example: |secret, _| Ok(qonto(keys([secret])?)),
}];

vectors! {
    {
        of: "qonto",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-qonto-signature", "t=1777899600,v1=adb7e28777a825e6c18a03f175bc55f1bcd7e3fa8bdfa6d9fe183e440cac438c")],
        body: r#"{"id":"019b2c3d-4e5f-7a6b-8c9d-0e1f2a3b4c5d","type":"v1/transactions","data":{"transaction_id":"tx_7"}}"#,
        key: "019b2c3d-4e5f-7a6b-8c9d-0e1f2a3b4c5d",
    }
}
