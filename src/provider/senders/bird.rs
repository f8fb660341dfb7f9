//! Bird, notifications
//! (<https://docs.bird.com/api/notifications-api/api-reference/webhook-subscriptions/verifying-a-webhook-subscription>).
//!
//! ```
//! use tower_webhook::provider::{self, bird};
//! use tower_webhook::signature::PublicUrl;
//!
//! let url = PublicUrl::parse("https://hooks.example/in/bird")?;
//! let sender = provider::bird(bird::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?, url);
//! assert_eq!(sender.name().as_str(), "bird");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("bird");

/// Bird, notifications, proved by its signature.
///
/// - `messagebird-signature: <base64>` over the time, the URL and the raw SHA-256 of the body,
///   separated by line feeds. A day of tolerance, because it states none and may not sign its
///   retries anew.
/// - One event is one body, by its digest.
/// - Retries for a day after 5xx are assumed: none are documented.
pub fn bird(keys: impl Into<KeyRing>, url: PublicUrl) -> Provider {
    let scheme = Scheme::builder("messagebird-signature")
        .single("", Encoding::Base64)
        .timestamp_header("messagebird-request-timestamp")
        .content([
            Component::Timestamp,
            Component::literal("\n"),
            Component::PublicUrl,
            Component::literal("\n"),
            Component::BodyDigest(Digest::Sha256, None),
        ])
        .public_url(url)
        .tolerance(tolerance(86_400))
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("bird", "The subscription's signing keys");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "bird",
    title: "Bird, notifications",
    proof: "HMAC-SHA256 over time, URL and the body's SHA-256 in `messagebird-signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "docs.bird.com, verifying a webhook",
    assumed: "the window, how long it waits, its retries",
    example: |secret, url| Ok(bird(keys([secret])?, url.clone())),
}];

vectors! {
    {
        of: "bird",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("messagebird-signature", "/+7perb/Yuj9iS+kHH50l6x/qtYir1uMqcitQndYZxQ="), ("messagebird-request-timestamp", "1777899600")],
        body: r#"{"service":"channels","event":"whatsapp.inbound","payload":{"id":"7a1c2d3e","status":"accepted"}}"#,
        key: "sha256:357760d721b8968e37626b8ac14346b84912af2fccab368f3b8696fd6d3349f1",
    }
}
