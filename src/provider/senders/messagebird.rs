//! MessageBird (<https://developers.messagebird.com/api/#verifying-http-requests>).
//!
//! ```
//! use tower_webhook::provider::{self, messagebird};
//!
//! use tower_webhook::signature::PublicUrl;
//!
//! let url = PublicUrl::parse("https://example.com/hooks/messagebird")?;
//! let sender = provider::messagebird(messagebird::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?, url);
//! assert_eq!(sender.name().as_str(), "messagebird");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("messagebird");

/// MessageBird, proved by its token.
///
/// - `MessageBird-Signature-JWT: <JWT>`, HS256, HS384 or HS512, whose claims `url_hash` and
///   `payload_hash` are the SHA-256 of the URL and of the body in hex; `iss`, `jti` and `exp` are
///   demanded, with 5 s of tolerance.
/// - The URL is the one that MessageBird was given, with its query.
/// - One event is one signed `jti`.
/// - Retries for a day after 5xx are assumed.
pub fn messagebird(keys: impl Into<KeyRing>, url: PublicUrl) -> Provider {
    let token = Jws::new([JwsAlgorithm::Hs256, JwsAlgorithm::Hs384, JwsAlgorithm::Hs512])
        .body_hash("payload_hash", Encoding::Hex)
        .url_hash("url_hash")
        .claim("iss", "MessageBird")
        .id("jti")
        .expires();
    let scheme = Scheme::jws(Place::header("MessageBird-Signature-JWT"), token)
        .public_url(url)
        .tolerance(tolerance(5))
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, EventRule::signed_id(), contract)
}

keys!("messagebird", "The account's signing keys");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "messagebird",
    title: "MessageBird",
    proof: "a JWT by HMAC with the SHA-256 of URL and body in `MessageBird-Signature-JWT`",
    event: "the signed id",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm messagebird 4.0.1 `lib/webhook-signature-jwt.js`",
    assumed: "how long it waits, its retries",
    example: |secret, url| Ok(messagebird(keys([secret])?, url.clone())),
}];

vectors! {
    {
        of: "messagebird",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("messagebird-signature-jwt", "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJNZXNzYWdlQmlyZCIsIm5iZiI6MTc3Nzg5OTU5OSwiZXhwIjoxNzc3ODk5NjAyLCJqdGkiOiJlOTJlYWMyMi05ZDUxLTRkNTgtOGZmMi0xYTFiM2E2ZDRhNWUiLCJ1cmxfaGFzaCI6IjBiM2VkZGM5MWM4NzlhMzE0MjE5Yzk0NzhkM2MxN2Q3ZTZmYjczOTEyZjg1YzZiOWU0ZDc4ODc5YWQ3NjM2YzQiLCJwYXlsb2FkX2hhc2giOiI5YjJkNDNhZmZiZjQ5YTM2NzAyOGRmMmUxNDE0Zjg0YzBlMDk5YWM5OGMzZDU0YThhODAxNTdmZDc3NzFhZjI1In0.jONkdbJX7OWpKAWv1IWgRlk3oS_9qdqUUZ3i2eqtJtc")],
        body: r#"{"message":"hello"}"#,
        key: "e92eac22-9d51-4d58-8ff2-1a1b3a6d4a5e",
    }
}
