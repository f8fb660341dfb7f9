//! Segment, webhook destinations: signed with HMAC-SHA1
//! (<https://segment.com/docs/connections/destinations/catalog/actions-webhook/>).
//!
//! ```
//! use tower_webhook::provider::{self, segment};
//!
//! let sender = provider::segment(segment::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "segment");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("segment");

/// Segment, webhook destinations, proved by its signature.
///
/// - `X-Signature: <hex>`, HMAC-SHA1 over the body alone. It covers no time, so a captured delivery
///   never grows stale: only its record stops a replay.
/// - One event is one `/messageId`.
/// - Switch batching off: only the first event of a batch is signed, so an array is refused here.
/// - Retries for 4 h after 5xx are assumed.
pub fn segment(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Signature")
        .single("", Encoding::Hex)
        .algorithm(Algorithm::Hmac(Digest::Sha1))
        .known();
    let contract = SenderContract::new(retries_for(hours(4)), server_errors());
    signed(NAME, scheme, keys, by_id("/messageId"), contract)
}

keys!("segment", "The destination's shared secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "segment",
    title: "Segment, webhook destinations",
    proof: "HMAC-SHA1 over the body in `X-Signature`",
    event: "`/messageId`",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "segmentio/segment-docs actions-webhook",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(segment(keys([secret])?)),
}];

vectors! {
    {
        of: "segment",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-signature", "2afb728c6250f77682c06fc3f9ed5041ed73513a")],
        body: r#"{"messageId":"ajs-next-1777899600-7","type":"track","event":"Order Completed","timestamp":"2026-05-04T13:00:00.000Z","userId":"u7"}"#,
        key: "ajs-next-1777899600-7",
    }
}
