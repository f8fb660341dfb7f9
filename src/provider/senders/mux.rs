//! Mux (<https://www.mux.com/docs/core/verify-webhook-signatures>).
//!
//! ```
//! use tower_webhook::provider::{self, mux};
//!
//! let sender = provider::mux(mux::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "mux");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("mux");

/// Mux, proved by its signature.
///
/// - `Mux-Signature: t=<time>,v1=<hex>` over `{time}.{body}`, with the time in seconds; five
///   minutes of tolerance.
/// - One event is one `/id`.
/// - `attempts` in the body changes from one attempt to the next: other content under one `id` is a
///   duplicate.
/// - Retries for a day after every answer but 2xx are assumed.
pub fn mux(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("Mux-Signature")
        .pairs("t", "v1", Encoding::Hex)
        .content(time_and_body("."))
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), RetriedStatuses::AllButSuccess);
    signed(NAME, scheme, keys, by_id("/id"), contract)
}

keys!("mux", "The webhook's signing secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "mux",
    title: "Mux",
    proof: "HMAC-SHA256 over `{time}.{body}` in `Mux-Signature`",
    event: "`/id`",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm @mux/mux-node 15.3.0 `resources/webhooks`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(mux(keys([secret])?)),
}];

vectors! {
    {
        of: "mux",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("mux-signature", "t=1777899600,v1=b71d391c54969e19fbcdfa55e4472ce9ef0d300f43efd473158acc75fba23ce4")],
        body: r#"{"type":"video.asset.ready","id":"3b3c5f1e-7a7c-4a8f-9d9b-0c0a2f1d4e7b","created_at":"2026-05-04T13:00:00Z","attempts":[],"data":{"id":"asset_7"}}"#,
        key: "3b3c5f1e-7a7c-4a8f-9d9b-0c0a2f1d4e7b",
    }
}
