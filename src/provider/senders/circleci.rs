//! CircleCI: signed with HMAC-SHA256 (<https://circleci.com/docs/outbound-webhooks/>).
//!
//! ```
//! use tower_webhook::provider::{self, circleci};
//!
//! let sender = provider::circleci(circleci::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "circleci");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("circleci");

/// CircleCI, proved by its signature.
///
/// - `circleci-signature: v1=<hex>`, HMAC-SHA256 over the body alone; comma-separated entries of
///   other versions are ignored. It covers no time, so a captured delivery never grows stale: only
///   its record stops a replay.
/// - One event is one `/id`.
/// - Retries for a day are assumed: CircleCI states that it retries, but not how often.
pub fn circleci(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("circleci-signature")
        .list("v1=", Encoding::Hex)
        .separator(',')
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), RetriedStatuses::AllButSuccess)
        .waits(seconds(10));
    signed(NAME, scheme, keys, by_id("/id"), contract)
}

keys!("circleci", "The webhook's secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "circleci",
    title: "CircleCI",
    proof: "HMAC-SHA256 over the body in `circleci-signature`",
    event: "`/id`",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "circleci/circleci-docs outbound-webhooks.adoc, whose examples hold",
    assumed: "its retries",
    example: |secret, _| Ok(circleci(keys([secret])?)),
}];

vectors! {
    {
        of: "circleci",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("circleci-signature", "v1=eda9a1bdb89ea82a4872701dc6f7f0bf9af19e0ec707b8e7019a35f064974be6")],
        body: r#"{"id":"3888f21b-eaa7-38e3-8f3d-75a63bba8895","type":"workflow-completed","happened_at":"2026-05-04T13:00:00Z"}"#,
        key: "3888f21b-eaa7-38e3-8f3d-75a63bba8895",
    }
    {
        of: "circleci",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("circleci-signature", "v1=eda9a1bdb89ea82a4872701dc6f7f0bf9af19e0ec707b8e7019a35f064974be6,v2=0000000000000000000000000000000000000000000000000000000000000000")],
        body: r#"{"id":"3888f21b-eaa7-38e3-8f3d-75a63bba8895","type":"workflow-completed","happened_at":"2026-05-04T13:00:00Z"}"#,
        key: "3888f21b-eaa7-38e3-8f3d-75a63bba8895",
    }
}
