//! LINE: signed with HMAC-SHA256
//! (<https://developers.line.biz/en/docs/messaging-api/receiving-messages/>).
//!
//! ```
//! use tower_webhook::provider::{self, line};
//!
//! let sender = provider::line(line::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "line");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("line");

/// LINE, proved by its signature.
///
/// - `x-line-signature: <base64>`, HMAC-SHA256 over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - Each of `events` is one event, by its `webhookEventId`. If redelivery is on, LINE marks it in
///   the event.
/// - It is assumed to wait 1 s; retries for a day after 5xx are assumed.
pub fn line(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("x-line-signature")
        .single("", Encoding::Base64)
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors()).waits(seconds(1));
    signed(
        NAME,
        scheme,
        keys,
        each("/events", by_id("/webhookEventId")),
        contract,
    )
}

keys!("line", "The channel's secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "line",
    title: "LINE",
    proof: "HMAC-SHA256 over the body in `x-line-signature`",
    event: "each of `events`, by `webhookEventId`",
    challenge: "a POST without events, signed: answered by the handler like any other",
    confidence: Confidence::Code,
    source: "npm @line/bot-sdk 11.0.0 `validate-signature`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(line(keys([secret])?)),
}];

vectors! {
    {
        of: "line",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-line-signature", "w3+WUenNhDYgOhWRHpNT5MNpeLVGLOlCmKtNGa3tya0=")],
        body: r#"{"destination":"U7","events":[{"type":"message","webhookEventId":"01FZ74A0TDDPYRVKNK77XKC3ZR","timestamp":1777899600000,"deliveryContext":{"isRedelivery":false}}]}"#,
        key: "01FZ74A0TDDPYRVKNK77XKC3ZR",
    }
}
