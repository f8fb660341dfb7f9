//! Netlify, deploy notifications (<https://docs.netlify.com/site-deploys/notifications/#payload-signature>).
//!
//! ```
//! use tower_webhook::provider::{self, netlify};
//!
//! let sender = provider::netlify(netlify::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "netlify");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("netlify");

/// Netlify, deploy notifications, proved by its token.
///
/// - `X-Webhook-Signature: <JWT>`, HS256, whose claim `sha256` is the SHA-256 of the body in hex and
///   whose `iss` is `netlify`. It covers no time, so a captured delivery never grows stale: only its
///   record stops a replay.
/// - One event is one body, by its digest.
/// - Retries for an hour after 5xx are assumed.
pub fn netlify(keys: impl Into<KeyRing>) -> Provider {
    let token = Jws::new([JwsAlgorithm::Hs256])
        .body_hash("sha256", Encoding::Hex)
        .claim("iss", "netlify");
    let scheme = Scheme::jws(Place::header("X-Webhook-Signature"), token).known();
    let contract = SenderContract::new(retries_for(hours(1)), server_errors());
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("netlify", "The notification's secret tokens");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "netlify",
    title: "Netlify, deploy notifications",
    proof: "a JWT by HS256 with the body's SHA-256 in `X-Webhook-Signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Others,
    source: "webhook-co spec netlify.ts",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(netlify(keys([secret])?)),
}];

vectors! {
    {
        of: "netlify",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-webhook-signature", "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJuZXRsaWZ5Iiwic2hhMjU2IjoiYjM5NGE3MTAyMDc1NWRiYjViNmJiZjZkM2ZlMGMwZGViZjczYTIwYTZlZDQwMzExMWM3N2I1MWEyMDRjZGYxMyJ9.rHa-ZA5AAEf_5-A0k7VQV56DtJE2dFkKCYPzMkrxIeY")],
        body: r#"{"id":"5b0e0a1f1f12b7318b2f6a3c","site_id":"3d1c0f5b-8e5b-4f3a-9d5c-6f1b2a3c4d5e","state":"ready","updated_at":"2026-05-04T13:00:00.000Z"}"#,
        key: "sha256:b394a71020755dbb5b6bbf6d3fe0c0debf73a20a6ed403111c77b51a204cdf13",
    }
}
