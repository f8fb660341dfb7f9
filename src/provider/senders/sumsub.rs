//! Sumsub: signed with HMAC-SHA256 (<https://docs.sumsub.com/docs/webhook-manager>).
//!
//! ```
//! use tower_webhook::provider::{self, sumsub};
//!
//! let sender = provider::sumsub(sumsub::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "sumsub");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("sumsub");

/// The pauses between attempts.
const WAITS: &[Duration] = &[minutes(5), hours(1), hours(5), hours(18)];

/// Sumsub, proved by its signature.
///
/// - `x-payload-digest: <hex>`, HMAC-SHA256 over the body alone. It covers no time, so a captured
///   delivery never grows stale: only its record stops a replay.
/// - One event is one body, by its digest.
/// - HMAC-SHA256 is used, whatever `x-payload-digest-alg` says, because that header is not signed.
///   Choose `HMAC_SHA256_HEX` at Sumsub.
/// - It retries after 5 min, 1, 5 and 18 h; other events are retried sooner.
pub fn sumsub(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("x-payload-digest")
        .single("", Encoding::Hex)
        .known();
    let contract = SenderContract::new(RetrySchedule::listed(WAITS), server_errors())
        .waits(seconds(10))
        .redelivers_by_hand();
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("sumsub", "The webhook's secret keys");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "sumsub",
    title: "Sumsub",
    proof: "HMAC-SHA256 over the body in `x-payload-digest`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "docs.sumsub.com, webhook manager",
    assumed: "that the digest is SHA-256",
    example: |secret, _| Ok(sumsub(keys([secret])?)),
}];

vectors! {
    {
        of: "sumsub",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-payload-digest", "681aec40b29aca98b2c8d283f9dbe52c583f705ab8fa4b4464aef54584cdd887")],
        body: r#"{"applicantId":"5cb744200a975a67ed1798a4","inspectionId":"5cb744200a975a67ed1798a5","correlationId":"req-fa94263f-0b23-42d7","type":"applicantReviewed","createdAtMs":"2026-05-04 13:00:00.000"}"#,
        key: "sha256:d531dc0fdb15f1abb6ff2e7a179461a81c1959751ad0ce938bffb45bdf99c322",
    }
}
