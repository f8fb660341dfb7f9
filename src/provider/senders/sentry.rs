//! Sentry, integrations: signed with HMAC-SHA256 (<https://docs.sentry.io/organization/integrations/integration-platform/webhooks/>).
//!
//! ```
//! use tower_webhook::provider::{self, sentry};
//!
//! let sender = provider::sentry(sentry::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "sentry");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("sentry");

/// Sentry, integrations, proved by its signature.
///
/// - `Sentry-Hook-Signature: <hex>`, HMAC-SHA256 over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - One event is one body, by its digest: neither `Request-ID` nor `Sentry-Hook-Resource` is
///   signed. Two changes with equal bodies are one event.
/// - It waits 1 s. Retries for an hour after 5xx are assumed.
pub fn sentry(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("Sentry-Hook-Signature")
        .single("", Encoding::Hex)
        .known();
    let contract = SenderContract::new(retries_for(hours(1)), server_errors()).waits(seconds(1));
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("sentry", "The integration's client secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "sentry",
    title: "Sentry, integrations",
    proof: "HMAC-SHA256 over the body in `Sentry-Hook-Signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Others,
    source: "webhooks-spec `config.ts`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(sentry(keys([secret])?)),
}];

vectors! {
    {
        of: "sentry",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("sentry-hook-signature", "aa7785fb62b7ac42b8c0ea269698b49e314842937f9867241cc8810754d53ead")],
        body: r#"{"action":"created","installation":{"uuid":"7a485448-a9e2-4c85-8a3c-4f44175783c9"},"data":{"issue":{"id":"7"}}}"#,
        key: "sha256:ee6815d90edb795bf347427ac0ecbebff990f2c1b2b57c0b7806f6e572106dcf",
    }
}
