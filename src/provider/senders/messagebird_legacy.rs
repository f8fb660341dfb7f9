//! MessageBird, before its JWT (<https://developers.messagebird.com/api/>).
//!
//! ```
//! use tower_webhook::provider::{self, messagebird_legacy};
//!
//! let sender = provider::messagebird_legacy(messagebird_legacy::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "messagebird");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("messagebird");

/// MessageBird, before its JWT, proved by its signature.
///
/// - `MessageBird-Signature: <base64>` over the time, the query and the raw SHA-256 of the body,
///   separated by line feeds; 100 s of tolerance. MessageBird's code sorts the query: register a
///   URL whose parameters are sorted.
/// - One event is one body, by its digest.
/// - Deprecated by MessageBird. Retries for a day after 5xx are assumed.
pub fn messagebird_legacy(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("MessageBird-Signature")
        .single("", Encoding::Base64)
        .timestamp_header("MessageBird-Request-Timestamp")
        .content([
            Component::Timestamp,
            Component::literal("\n"),
            Component::Query,
            Component::literal("\n"),
            Component::BodyDigest(Digest::Sha256, None),
        ])
        .tolerance(tolerance(100))
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("messagebird", "The signing keys");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "messagebird_legacy",
    title: "MessageBird, before its JWT",
    proof: "HMAC-SHA256 over time, sorted query and the body's SHA-256 in `MessageBird-Signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm messagebird 4.0.1 `lib/signature.js`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(messagebird_legacy(keys([secret])?)),
}];

vectors! {
    {
        of: "messagebird_legacy",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        uri: "/in?a=1",
        headers: &[("messagebird-signature", "aqKoDH66xVNg0Q0eGYL+p1QQ4lsmJ/TCMuxNucOOpX0="), ("messagebird-request-timestamp", "1777899600")],
        body: r#"{"id":"e8077d803532c0b5937c639b60216938","status":"delivered"}"#,
        key: "sha256:e2e8960dfd0a0d78f24217320a4172da79a22970452fc88c7e96de0521c219a6",
    }
}
