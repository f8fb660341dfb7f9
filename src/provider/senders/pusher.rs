//! Pusher Channels: signed with HMAC-SHA256
//! (<https://pusher.com/docs/channels/server_api/webhooks/>).
//!
//! ```
//! use tower_webhook::provider::{self, pusher};
//!
//! let sender = provider::pusher(pusher::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "pusher");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("pusher");

/// Pusher Channels, proved by its signature.
///
/// - `X-Pusher-Signature: <hex>` over the body alone, under the secret of the key that
///   `X-Pusher-Key` names: put the secrets of all of the app's keys into the ring.
/// - One event is one body, by its digest; it holds its time.
/// - It waits 4 s, and retries for 5 min, after every answer except 2xx.
pub fn pusher(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Pusher-Signature")
        .single("", Encoding::Hex)
        .known();
    let contract = SenderContract::new(
        RetrySchedule::Unstated {
            interval: seconds(1),
            horizon: minutes(5),
        },
        RetriedStatuses::AllButSuccess,
    )
    .waits(seconds(4));
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("pusher", "The secrets of the app's keys");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "pusher",
    title: "Pusher Channels",
    proof: "HMAC-SHA256 over the body in `X-Pusher-Signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm pusher 5.3.4 `lib/webhook.js`; docs.bird.com/pusher Channels Webhook Timeouts and Retries",
    assumed: "the pauses between its tries",
    example: |secret, _| Ok(pusher(keys([secret])?)),
}];

vectors! {
    {
        of: "pusher",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-pusher-key", "3f9d1c"), ("x-pusher-signature", "ed55af324e0c8b0e882b7ffde8ce28e159d7507efff1b2b6b6a7c8fb8ca34f3d")],
        body: r#"{"time_ms":1777899600123,"events":[{"name":"channel_occupied","channel":"test_channel"}]}"#,
        key: "sha256:ded5d820bafcd602785c41d971f5854959fdd6274d0880eda8a408438140a69c",
    }
}
