//! Buildkite (<https://buildkite.com/docs/apis/webhooks/pipelines>).
//!
//! ```
//! use tower_webhook::provider::{self, buildkite};
//!
//! let sender = provider::buildkite(buildkite::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "buildkite");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("buildkite");

/// Buildkite, proved by its signature.
///
/// - `X-Buildkite-Signature: timestamp=<time>,signature=<hex>` over `{time}.{body}`, with the time
///   in seconds; a day of tolerance, because it states none and may not sign its retries anew.
/// - One event is one body, by its digest.
/// - Retries for a day after 5xx are assumed: none are documented.
pub fn buildkite(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Buildkite-Signature")
        .pairs("timestamp", "signature", Encoding::Hex)
        .content(time_and_body("."))
        .tolerance(tolerance(86400))
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("buildkite", "The webhook's tokens");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "buildkite",
    title: "Buildkite",
    proof: "HMAC-SHA256 over `{time}.{body}` in `X-Buildkite-Signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "buildkite/docs pages/apis/webhooks",
    assumed: "the window, how long it waits, its retries",
    example: |secret, _| Ok(buildkite(keys([secret])?)),
}];

vectors! {
    {
        of: "buildkite",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-buildkite-signature", "timestamp=1777899600,signature=d34732317ca0c84016bce5d6d5422ed697f514a8857dd9dd520b1d4d823ca544")],
        body: r#"{"event":"build.finished","build":{"id":"f62a1b4d-10f9-4790-bc1c-e2c3a0c80983","finished_at":"2026-05-04T13:00:00.000Z"},"sender":{"id":"1"}}"#,
        key: "sha256:d647ac8c6084bcef53dd806e1e74b67d2698d029756fbc49fe386829893d0d4d",
    }
}
