//! Pusher Beams (<https://pusher.com/docs/beams/concepts/webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, pusher_beams};
//!
//! let sender = provider::pusher_beams(pusher_beams::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "pusher-beams");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("pusher-beams");

/// The pauses between attempts.
const WAITS: &[Duration] = &[seconds(10), seconds(30), minutes(2), minutes(5)];

/// Pusher Beams, proved by its signature.
///
/// - `Webhook-Signature: <hex>`, HMAC-SHA1 over the body alone. It covers no time, so a captured delivery never
///   grows stale: only its record stops a replay.
/// - One event is one `metadata.event_id`, which stays the same when it is sent again.
/// - It waits 3 s, and retries after 10, 30, 120 and 300 s, after every answer except 2xx.
pub fn pusher_beams(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("Webhook-Signature")
        .single("", Encoding::Hex)
        .algorithm(Algorithm::Hmac(Digest::Sha1))
        .known();
    let contract = SenderContract::new(RetrySchedule::listed(WAITS), RetriedStatuses::AllButSuccess)
        .waits(seconds(3));
    signed(NAME, scheme, keys, by_id("/metadata/event_id"), contract)
}

keys!("pusher-beams", "The webhook's secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "pusher_beams",
    title: "Pusher Beams",
    proof: "HMAC-SHA1 over the body in `Webhook-Signature`",
    event: "`/metadata/event_id`",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "pusher/docs docs/beams/concepts/webhooks.md",
    assumed: "nothing",
    example: |secret, _| Ok(pusher_beams(keys([secret])?)),
}];

vectors! {
    {
        of: "pusher_beams",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("webhook-signature", "3f5b6f1be5bd43bd91345fd0597646d6af50e133")],
        body: r#"{"metadata":{"created_at":"2026-05-04T13:00:00.000Z","event_id":"7aa2f6b4-5f1d-4ad5-9d43-f1ad8ac5c1b9","event_type":"v1.UserNotificationOpen","product":"beams"},"payload":{"event_timestamp":"2026-05-04T12:59:59.000Z","publish_id":"pubid-33f3f68e-b0c5-438f-b50f-fae93f6c48df","user_id":"alice"},"custom_data":{}}"#,
        key: "7aa2f6b4-5f1d-4ad5-9d43-f1ad8ac5c1b9",
    }
}
