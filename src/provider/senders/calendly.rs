//! Calendly: signed with HMAC-SHA256 (<https://developer.calendly.com/api-docs/overview/webhook-signatures>).
//!
//! ```
//! use tower_webhook::provider::{self, calendly};
//!
//! let sender = provider::calendly(calendly::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "calendly");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("calendly");

/// Calendly, proved by its signature.
///
/// - `Calendly-Webhook-Signature: t=<seconds>,v1=<hex>` over `{time}.{body}`; 5 min of tolerance.
/// - One event is one body, by its digest.
/// - Retries for a day after every answer but 2xx are assumed.
pub fn calendly(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("Calendly-Webhook-Signature")
        .pairs("t", "v1", Encoding::Hex)
        .content(time_and_body("."))
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), RetriedStatuses::AllButSuccess);
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("calendly", "The subscription's signing keys");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "calendly",
    title: "Calendly",
    proof: "HMAC-SHA256 over `{time}.{body}` in `Calendly-Webhook-Signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Others,
    source: "webhooks-spec `config.ts`",
    assumed: "the window, how long it waits, its retries",
    example: |secret, _| Ok(calendly(keys([secret])?)),
}];

vectors! {
    {
        of: "calendly",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("calendly-webhook-signature", "t=1777899600,v1=57391363fa9d42187d176496b49aba2fbf308493752827962619be1ca225727b")],
        body: r#"{"event":"invitee.created","created_at":"2026-05-04T13:00:00.000000Z","payload":{"uri":"https://api.calendly.com/scheduled_events/A/invitees/B"}}"#,
        key: "sha256:96f3fb08fa44152cb1d7e565574280890786be634f7509b3107fc473786b6b45",
    }
}
