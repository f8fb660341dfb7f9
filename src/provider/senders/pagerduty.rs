//! PagerDuty, V3: signed with HMAC-SHA256
//! (<https://developer.pagerduty.com/docs/webhooks-overview>).
//!
//! ```
//! use tower_webhook::provider::{self, pagerduty};
//!
//! let sender = provider::pagerduty(pagerduty::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "pagerduty");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("pagerduty");

/// PagerDuty, V3, proved by its signature.
///
/// - `X-PagerDuty-Signature: v1=<hex>`, or two separated by a comma during a secret rotation:
///   HMAC-SHA256 over the body alone. It covers no time, so a captured delivery never grows stale:
///   only its record stops a replay.
/// - One event is one `/event/id`.
/// - It retries for up to 48 h, after no answer, 429 and 5xx; every other 4xx is final.
pub fn pagerduty(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-PagerDuty-Signature")
        .list("v1=", Encoding::Hex)
        .separator(',')
        .known();
    let contract = SenderContract::new(
        retries_for(hours(48)),
        RetriedStatuses::server_errors_and(&[429]),
    )
    .waits(seconds(5));
    signed(NAME, scheme, keys, by_id("/event/id"), contract)
}

keys!("pagerduty", "The subscription's secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "pagerduty",
    title: "PagerDuty, V3",
    proof: "HMAC-SHA256 over the body in `X-PagerDuty-Signature`",
    event: "`/event/id`",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "PagerDuty/developer-docs docs/webhooks/02, 04",
    assumed: "nothing",
    example: |secret, _| Ok(pagerduty(keys([secret])?)),
}];

vectors! {
    {
        of: "pagerduty",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-pagerduty-signature", "v1=a41143b28e4f8c7d9112dd2bd211779b0e1b3ff4589c8b6edc793a51536c9aeb")],
        body: r#"{"event":{"id":"5ac64822-4adc-4fda-ade0-410becf0de4f","event_type":"incident.triggered","occurred_at":"2026-05-04T13:00:00Z"}}"#,
        key: "5ac64822-4adc-4fda-ade0-410becf0de4f",
    }
    {
        of: "pagerduty",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-pagerduty-signature", "v1=0000000000000000000000000000000000000000000000000000000000000000,v1=e240ae4e62113278954c1f3533e53b22f07e70e72cc7ae7cc672772d03c01385")],
        body: r#"{"event":{"id":"01DEN4HPBQAAAG05V5QQYBRZMF","event_type":"incident.acknowledged","resource_type":"incident","occurred_at":"2026-05-04T13:00:00.000Z"}}"#,
        key: "01DEN4HPBQAAAG05V5QQYBRZMF",
    }
}
