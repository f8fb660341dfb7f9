//! Heroku, app webhooks: signed with HMAC-SHA256 (<https://devcenter.heroku.com/articles/app-webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, heroku};
//!
//! let sender = provider::heroku(heroku::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "heroku");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("heroku");

/// Heroku, app webhooks, proved by its signature.
///
/// - `Heroku-Webhook-Hmac-SHA256: <base64>`, HMAC-SHA256 over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - One event is one body, by its digest.
/// - Retries for a day after 5xx are assumed.
pub fn heroku(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("Heroku-Webhook-Hmac-SHA256")
        .single("", Encoding::Base64)
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("heroku", "The webhooks' secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "heroku",
    title: "Heroku, app webhooks",
    proof: "HMAC-SHA256 over the body in `Heroku-Webhook-Hmac-SHA256`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Others,
    source: "webhooks-spec `config.ts`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(heroku(keys([secret])?)),
}];

vectors! {
    {
        of: "heroku",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("heroku-webhook-hmac-sha256", "7xOW9uv645bPAgysjks1hcdSaFt1I7RdkYiHAjMUlGI=")],
        body: r#"{"action":"create","resource":"release","id":"01234567-89ab-cdef-0123-456789abcdef","published_at":"2026-05-04T13:00:00Z","webhook_metadata":{"event":{"id":"e7","include":"api:release"}}}"#,
        key: "sha256:e8aa2a715779b6668596442650c3ceebb565024f66098a8751bb6de50b7d8b29",
    }
}
