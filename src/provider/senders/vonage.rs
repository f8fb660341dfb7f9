//! Vonage, messages (<https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, vonage};
//!
//! let sender = provider::vonage(vonage::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "vonage");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("vonage");

/// Vonage, messages, proved by its token.
///
/// - `Authorization: Bearer <JWT>`, HS256, whose claim `payload_hash` is the SHA-256 of the body in
///   hex; `iat` within five minutes. RS256, which Vonage's own code also accepts, is refused.
/// - Its `api_key` names the account: if the ring has a secret of that name, only that one is used.
/// - One event is one body, by its digest.
/// - It retries for a day after every answer except 2xx.
pub fn vonage(keys: impl Into<KeyRing>) -> Provider {
    let token = Jws::new([JwsAlgorithm::Hs256])
        .key_by_claim("api_key")
        .body_hash("payload_hash", Encoding::Hex)
        .issued_at();
    let scheme = Scheme::jws(Place::header("Authorization"), token)
        .single("Bearer ", Encoding::Base64Url)
        .any_case_prefix()
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), RetriedStatuses::AllButSuccess);
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!(
    "vonage",
    "The account's signature secrets, named by their API keys or not at all"
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "vonage",
    title: "Vonage, messages",
    proof: "a JWT by HS256 with the body's SHA-256 in `Authorization: Bearer`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm @vonage/jwt 1.14.0; Nexmo/nexmo-developer signed-webhooks.md",
    assumed: "the window, how long it waits, its retries",
    example: |secret, _| Ok(vonage(keys([secret])?)),
}];

vectors! {
    {
        of: "vonage",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("authorization", "Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpYXQiOjE3Nzc4OTk2MDAsImlzcyI6IlZvbmFnZSIsImFwaV9rZXkiOiJhMWIyYzNkNCIsImp0aSI6ImM1YmE4ZjI0LTFhMTQtNGMxMC1iZmRmLTNmYmU4Y2U1MTFiNSIsInBheWxvYWRfaGFzaCI6IjliNGQ1MjgxNzRiZjA2NTlhM2IwZDhkNjcxZjM5N2E4NWExMzkzNjUyOWI4NWYwZmFlMWNjZDUzYjllZjFiYzgifQ.YutIKUDGl4tKVQfXwzha33D8b4lYHjF2OnPPYtdQ_Fk")],
        body: r#"{"message_uuid":"aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab","to":"447700900000","from":"447700900001","timestamp":"2026-05-04T13:00:00Z","status":"delivered"}"#,
        key: "sha256:9b4d528174bf0659a3b0d8d671f397a85a13936529b85f0fae1ccd53b9ef1bc8",
    }
}
