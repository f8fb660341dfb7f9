//! Clerk: signed in the format of the Standard Webhooks specification
//! (<https://clerk.com/docs/webhooks/overview>).
//!
//! ```
//! use tower_webhook::provider::{self, clerk};
//!
//! let sender = provider::clerk(clerk::keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])?);
//! assert_eq!(sender.name().as_str(), "clerk");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("clerk");

/// Clerk, proved by its signature.
///
/// - `svix-signature: v1,<base64>` over `{id}.{time}.{body}`; five minutes of tolerance.
/// - One event is one signed id (`svix-id`).
/// - Delivered by Svix; retries for 28 h, after every answer except 2xx, are assumed, as at Svix.
pub fn clerk(keys: impl Into<KeyRing>) -> Provider {
    let contract = SenderContract::new(retries_for(hours(28)), RetriedStatuses::AllButSuccess)
        .waits(seconds(10))
        .redelivers_by_hand();
    framed(NAME, ["svix", "webhook"], SecretFormat::base64("whsec_"), keys, contract)
}

keys!(
    "clerk",
    "The endpoint's secrets as they are shown",
    SecretFormat::base64("whsec_"),
    &[api_key]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "clerk",
    title: "Clerk",
    proof: "HMAC-SHA256 in the frame of Standard Webhooks, headers `svix-…`",
    event: "the signed id",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm @clerk/backend 3.25.0 `webhooks`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(clerk(keys([secret])?)),
}];

vectors! {
    {
        of: "clerk",
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        headers: &[("svix-id", "msg_2Yx7kQ9mW4zT"), ("svix-timestamp", "1777899600"), ("svix-signature", "v1,yK2tktsnAqoCNEw4ArXmxNYzxnIhWyriZvb8Ngr+x/Q=")],
        body: r#"{"type":"user.created","object":"event","data":{"id":"user_7"}}"#,
        key: "msg_2Yx7kQ9mW4zT",
    }
}
