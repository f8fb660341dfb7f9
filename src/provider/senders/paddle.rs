//! Paddle Billing (<https://developer.paddle.com/webhooks/signature-verification>).
//!
//! ```
//! use tower_webhook::provider::{self, paddle};
//!
//! let sender = provider::paddle(paddle::keys(["pdl_ntfset_01hpjxa3yqr1z6h8v7x2k9m4n5_abcdefghijklmnop"])?);
//! assert_eq!(sender.name().as_str(), "paddle");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("paddle");

/// Paddle Billing, proved by its signature.
///
/// - `Paddle-Signature: ts=<time>;h1=<hex>` over `{time}:{body}`, with several `h1` during a secret
///   rotation; Paddle's own code checks only the last one.
/// - Five minutes of tolerance. Paddle advises five seconds, which its own Node code uses. That
///   loses genuine deliveries if a clock is off.
/// - One event is one `event_id`; `notification_id` changes when it is sent again.
/// - Retries for three days after every answer but 2xx are assumed.
pub fn paddle(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("Paddle-Signature")
        .pairs("ts", "h1", Encoding::Hex)
        .separator(';')
        .content(time_and_body(":"))
        .known();
    let contract = SenderContract::new(retries_for(hours(72)), RetriedStatuses::AllButSuccess)
        .waits(seconds(5))
        .redelivers_by_hand();
    signed(NAME, scheme, keys, by_id("/event_id"), contract)
}

keys!("paddle", "The destination's secret keys, `pdl_ntfset_…`");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "paddle",
    title: "Paddle Billing",
    proof: "HMAC-SHA256 over `{time}:{body}` in `Paddle-Signature`",
    event: "`/event_id`",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm @paddle/paddle-node-sdk 3.10.0; paddle-go-sdk",
    assumed: "its retries",
    example: |secret, _| Ok(paddle(keys([secret])?)),
}];

vectors! {
    {
        of: "paddle",
        secret: "pdl_ntfset_01hpjxa3yqr1z6h8v7x2k9m4n5_abcdefghijklmnop",
        headers: &[("paddle-signature", "ts=1777899600;h1=7b53d103c59e5f57fb1a37f4fbfb2ed58fb9292d1d941ee4ccd5f568c2a0da92")],
        body: r#"{"event_id":"evt_01hvgc0c4n2k5c7yq4m2z9y8x6","event_type":"transaction.completed","occurred_at":"2026-05-04T13:00:00.000Z","notification_id":"ntf_01hvgc0c7","data":{"id":"txn_01hvg"}}"#,
        key: "evt_01hvgc0c4n2k5c7yq4m2z9y8x6",
    }
}
