//! Replicate: signed in the format of the Standard Webhooks specification
//! (<https://replicate.com/docs/topics/webhooks/verify-webhook>).
//!
//! ```
//! use tower_webhook::provider::{self, replicate};
//!
//! let sender = provider::replicate(replicate::keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])?);
//! assert_eq!(sender.name().as_str(), "replicate");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("replicate");

/// Replicate, proved by its signature.
///
/// - `webhook-signature: v1,<base64>` over `{id}.{time}.{body}`; five minutes of tolerance.
/// - One event is one signed id (`webhook-id`).
/// - Retries for an hour are assumed, and only for `completed`. Its own code checks no time; the
///   five minutes are those of the specification.
pub fn replicate(keys: impl Into<KeyRing>) -> Provider {
    let contract = SenderContract::new(retries_for(hours(1)), server_errors());
    framed(NAME, ["webhook", ""], SecretFormat::base64("whsec_"), keys, contract)
}

keys!(
    "replicate",
    "The endpoint's secrets as they are shown",
    SecretFormat::base64("whsec_"),
    &[api_key]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "replicate",
    title: "Replicate",
    proof: "HMAC-SHA256 in the frame of Standard Webhooks, headers `webhook-…`",
    event: "the signed id",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm replicate 1.4.0 `lib/util.js`",
    assumed: "the window, how long it waits, its retries",
    example: |secret, _| Ok(replicate(keys([secret])?)),
}];

vectors! {
    {
        of: "replicate",
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        headers: &[("webhook-id", "msg_2Yx7kQ9mW4zT"), ("webhook-timestamp", "1777899600"), ("webhook-signature", "v1,Xqz8p5MD71rdcb7Z+RjBm7vbSJ7bmxxNm7NSQ58/BmY=")],
        body: r#"{"id":"ufawqhfynnddngldkgtslldrkq","status":"succeeded","created_at":"2026-05-04T13:00:00Z"}"#,
        key: "msg_2Yx7kQ9mW4zT",
    }
}
