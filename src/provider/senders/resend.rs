//! Resend: signed in the format of the Standard Webhooks specification
//! (<https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests>).
//!
//! ```
//! use tower_webhook::provider::{self, resend};
//!
//! let sender = provider::resend(resend::keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])?);
//! assert_eq!(sender.name().as_str(), "resend");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("resend");

/// Resend, proved by its signature.
///
/// - `svix-signature: v1,<base64>` over `{id}.{time}.{body}`; five minutes of tolerance.
/// - One event is one signed id (`svix-id`).
/// - Delivered by Svix; retries for 28 h, after every answer except 2xx, are assumed, as at Svix.
pub fn resend(keys: impl Into<KeyRing>) -> Provider {
    let contract = SenderContract::new(retries_for(hours(28)), RetriedStatuses::AllButSuccess)
        .waits(seconds(10))
        .redelivers_by_hand();
    framed(NAME, ["svix", "webhook"], SecretFormat::base64("whsec_"), keys, contract)
}

keys!(
    "resend",
    "The endpoint's secrets as they are shown",
    SecretFormat::base64("whsec_"),
    &[api_key]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "resend",
    title: "Resend",
    proof: "HMAC-SHA256 in the frame of Standard Webhooks, headers `svix-…`",
    event: "the signed id",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm resend 6.38.0 `webhooks.verify`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(resend(keys([secret])?)),
}];

vectors! {
    {
        of: "resend",
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        headers: &[("svix-id", "msg_2Yx7kQ9mW4zT"), ("svix-timestamp", "1777899600"), ("svix-signature", "v1,7JpsdY/yfW8j7JefEQo9+t/fOWNM5VlFqaE2vMzuSkc=")],
        body: r#"{"type":"email.delivered","created_at":"2026-05-04T13:00:00Z","data":{"email_id":"e_7"}}"#,
        key: "msg_2Yx7kQ9mW4zT",
    }
}
