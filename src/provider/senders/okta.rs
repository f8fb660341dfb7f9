//! Okta, event hooks (<https://developer.okta.com/docs/concepts/event-hooks/>).
//!
//! ```
//! use tower_webhook::provider::{self, okta};
//!
//! let sender = provider::okta(okta::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "okta");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("okta");

/// Okta, event hooks, proved by a shared token.
///
/// - It proves the sender of a delivery, but not its content: confirm important facts with the
///   sender's API.
/// - Each of `data.events` is one event, by its `uuid`.
/// - `Authorization` contains the text that you chose for the hook, unchanged. A text that begins
///   with `Bearer` or `Basic` looks like a header's value to [`keys`]: pass its bytes to
///   [`SigningSecret::from_bytes`](crate::SigningSecret::from_bytes).
/// - One retry, after no answer or 5xx; 4xx is final. It waits 3 s.
pub fn okta(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::token(Place::header("authorization")).known();
    let contract = SenderContract::new(
        RetrySchedule::Fixed {
            interval: seconds(30),
            attempts: 2,
        },
        server_errors(),
    )
    .waits(seconds(3));
    signed(
        NAME,
        scheme,
        keys,
        each("/data/events", by_members(["/uuid"])),
        contract,
    )
    .challenge(
        Challenge::in_header(
            Method::GET,
            "x-okta-verification-challenge",
            ChallengeText::Token,
        )
        .answer(ChallengeAnswer::json("verification")),
    )
}

keys!("okta", "The authentication secrets of the hook");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "okta",
    title: "Okta, event hooks",
    proof: "a text of yours in `Authorization`",
    event: "each of `data.events`, by `uuid`",
    challenge: "GET with `x-okta-verification-challenge`: JSON with its echo",
    confidence: Confidence::Documents,
    source: "okta/okta-developer-docs concepts/event-hooks",
    assumed: "nothing",
    example: |secret, _| Ok(okta(keys([secret])?)),
}];

vectors! {
    {
        of: "okta",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("authorization", "5hG7kQ2mW9xZ4tB8vN3c")],
        body: r#"{"eventType":"com.okta.event_hook","eventTypeVersion":"1.0","eventId":"b5a188b9-5ece-4636-b041-482ffda96311","eventTime":"2026-05-04T13:00:00.000Z","data":{"events":[{"uuid":"7","eventType":"user.lifecycle.create"}]}}"#,
        key: "7",
    }
}
