//! Svix and its customers: signed in the format of the Standard Webhooks specification
//! (<https://docs.svix.com/receiving/verifying-payloads/how-manual>).
//!
//! Newer versions send `webhook-…` in addition to `svix-…`: if both are present, they must be
//! equal.
//!
//! ```
//! use tower_webhook::provider::{self, svix};
//!
//! let sender = provider::svix(svix::keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])?);
//! assert_eq!(sender.name().as_str(), "svix");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("svix");

/// The pauses between attempts.
const WAITS: &[Duration] = &[
    seconds(5),
    minutes(5),
    minutes(30),
    hours(2),
    hours(5),
    hours(10),
    hours(10),
];

/// Svix and its customers, proved by its signature.
///
/// - `svix-signature: v1,<base64>` over `{id}.{time}.{body}`; five minutes of tolerance.
/// - One event is one signed id (`svix-id`).
/// - It retries after 5 s, 5 and 30 min, 2, 5, 10 and 10 h, after every answer except 2xx; any
///   message can be sent again by hand.
pub fn svix(keys: impl Into<KeyRing>) -> Provider {
    let contract =
        SenderContract::new(RetrySchedule::listed(WAITS), RetriedStatuses::AllButSuccess)
            .waits(seconds(10))
            .redelivers_by_hand();
    framed(NAME, ["svix", "webhook"], SecretFormat::base64("whsec_"), keys, contract)
}

keys!(
    "svix",
    "The endpoint's secrets as they are shown",
    SecretFormat::base64("whsec_"),
    &[api_key]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "svix",
    title: "Svix, and whoever sends through it",
    proof: "HMAC-SHA256 in the frame of Standard Webhooks, headers `svix-…`",
    event: "the signed id",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm svix 1.99.1; svix-webhooks worker.rs",
    assumed: "how long it waits",
    example: |secret, _| Ok(svix(keys([secret])?)),
}];

vectors! {
    {
        of: "svix",
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        headers: &[("svix-id", "msg_2Yx7kQ9mW4zT"), ("svix-timestamp", "1777899600"), ("svix-signature", "v1,srrC2RzGYgfQbPOJwXfglgY/3aCFKkLVLqnPIZSz1No=")],
        body: r#"{"type":"invoice.paid","data":{"id":"inv_7"}}"#,
        key: "msg_2Yx7kQ9mW4zT",
    }
}
