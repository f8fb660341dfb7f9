//! Liveblocks: signed in the format of the Standard Webhooks specification
//! (<https://liveblocks.io/docs/platform/webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, liveblocks};
//!
//! let sender = provider::liveblocks(liveblocks::keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])?);
//! assert_eq!(sender.name().as_str(), "liveblocks");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("liveblocks");

/// Liveblocks, proved by its signature.
///
/// - `webhook-signature: v1,<base64>` over `{id}.{time}.{body}`; five minutes of tolerance.
/// - One event is one signed id (`webhook-id`).
/// - Delivered by Svix; retries for 28 h, after every answer except 2xx, are assumed, as at Svix.
pub fn liveblocks(keys: impl Into<KeyRing>) -> Provider {
    let contract = SenderContract::new(retries_for(hours(28)), RetriedStatuses::AllButSuccess)
        .waits(seconds(10));
    framed(NAME, ["webhook", ""], SecretFormat::base64("whsec_"), keys, contract)
}

keys!(
    "liveblocks",
    "The endpoint's secrets as they are shown",
    SecretFormat::base64("whsec_"),
    &[api_key]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "liveblocks",
    title: "Liveblocks",
    proof: "HMAC-SHA256 in the frame of Standard Webhooks, headers `webhook-…`",
    event: "the signed id",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm @liveblocks/node 3.24.2",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(liveblocks(keys([secret])?)),
}];

vectors! {
    {
        of: "liveblocks",
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        headers: &[("webhook-id", "msg_2Yx7kQ9mW4zT"), ("webhook-timestamp", "1777899600"), ("webhook-signature", "v1,CHzONXtMTW2GGN8DzvgG1aqKVO07Dd78yUYy2FdwVRc=")],
        body: r#"{"type":"commentCreated","data":{"roomId":"room_7"}}"#,
        key: "msg_2Yx7kQ9mW4zT",
    }
}
