//! Mailgun
//! (<https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, mailgun};
//!
//! let sender = provider::mailgun(mailgun::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "mailgun");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("mailgun");

/// The pauses between attempts.
const WAITS: &[Duration] = &[
    minutes(5),
    minutes(10),
    minutes(15),
    hours(1),
    hours(2),
    hours(4),
];

/// Mailgun, proved by its signature.
///
/// - `signature.signature: <hex>` over `signature.timestamp` and `signature.token`, which has 50
///   characters.
/// - **The event is not covered**: anyone who holds one delivery can combine any event with its
///   signature. The webhook builds only if a question confirms events or
///   [`Provider::without_confirmation`] is called.
/// - One event is the signed content: a known token does not run again.
/// - The tolerance is eight hours, as long as Mailgun retries, because it states none and may not
///   sign anew. Retries after 5, 10 and 15 min, 1, 2 and 4 h, after every answer except 200 and
///   406, are assumed.
pub fn mailgun(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::at(Place::member("/signature/signature"))
        .single("", Encoding::Hex)
        .timestamp_at(Place::member("/signature/timestamp"), TimeFormat::Seconds)
        .content([
            Component::Timestamp,
            Component::member("/signature/token").of_length(50),
        ])
        .content_is_id()
        .tolerance(tolerance(28_800))
        .known();
    let contract = SenderContract::new(RetrySchedule::listed(WAITS), server_errors())
        .counts_as_success(SuccessAnswer::exactly(200));
    signed(NAME, scheme, keys, EventRule::signed_id(), contract)
}

keys!("mailgun", "The account's webhook signing keys");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "mailgun",
    title: "Mailgun",
    proof: "HMAC-SHA256 over time and a token in the body; the event is not covered",
    event: "what is signed",
    challenge: "none",
    confidence: Confidence::Code,
    source: "mailgun/mailgun-go `webhooks.go`",
    assumed: "the window, its retries",
    example: |secret, _| Ok(mailgun(keys([secret])?)),
}];

vectors! {
    {
        of: "mailgun",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        body: r#"{"signature":{"timestamp":"1777899600","token":"a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0","signature":"1255fe160de9e791057e141cc8727c7f884189eacf021ab3643e90f6abf85fd2"},"event-data":{"id":"CPgfbmQMTCKtHW6uIWtuVe","event":"delivered","timestamp":1777899600.123}}"#,
        key: "1777899600a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0",
    }
}
