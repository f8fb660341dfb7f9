//! Twitch, EventSub (<https://dev.twitch.tv/docs/eventsub/handling-webhook-events/>).
//!
//! ```
//! use tower_webhook::provider::{self, twitch};
//!
//! let sender = provider::twitch(twitch::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "twitch");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("twitch");

/// Twitch, EventSub, proved by its signature.
///
/// - `Twitch-Eventsub-Message-Signature: sha256=<hex>` over id, time and body without separators.
///   This has one reading: the body begins with a bracket, which id and time do not contain, and
///   the RFC 3339 time has only one possible beginning. Ten minutes of tolerance. The id may have
///   any form, as Twitch states.
/// - One event is one signed id (`Twitch-Eventsub-Message-Id`).
/// - Retries for a day after 5xx are assumed.
pub fn twitch(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("Twitch-Eventsub-Message-Signature")
        .single("sha256=", Encoding::Hex)
        .id_header("Twitch-Eventsub-Message-Id")
        .timestamp_at(
            Place::header("Twitch-Eventsub-Message-Timestamp"),
            TimeFormat::Rfc3339,
        )
        .content([Component::Id, Component::Timestamp, Component::Body])
        .tolerance(tolerance(600))
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, EventRule::signed_id(), contract).challenge(
        Challenge::in_body("/challenge", ChallengeText::Token).when_member(
            "/subscription/status",
            "webhook_callback_verification_pending",
        ),
    )
}

keys!("twitch", "The subscription's secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "twitch",
    title: "Twitch, EventSub",
    proof: "HMAC-SHA256 over `{id}{time}{body}` in `Twitch-Eventsub-Message-Signature`",
    event: "the signed id",
    challenge: "POST `webhook_callback_verification`, signed: `challenge` as text",
    confidence: Confidence::Others,
    source: "npm @twurple/eventsub-http 8.1.4; PyPI twitchAPI 4.5.0; dev.twitch.tv",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(twitch(keys([secret])?)),
}];

vectors! {
    {
        of: "twitch",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("twitch-eventsub-message-id", "e76c6bd4-55c9-4987-8304-da1588d8988b"), ("twitch-eventsub-message-timestamp", "2026-05-04T13:00:00.123456789Z"), ("twitch-eventsub-message-signature", "sha256=61ae1f28868ddef885060e385786f25fcdd51bf2b465986fb9e7ed8d7d59f773")],
        body: r#"{"subscription":{"id":"f1c2a387-161a-49f9-a165-0f21d7a4e1c4","type":"channel.follow","version":"2"},"event":{"user_id":"1234","followed_at":"2026-05-04T13:00:00.123456789Z"}}"#,
        key: "e76c6bd4-55c9-4987-8304-da1588d8988b",
    }
    {
        of: "twitch",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("twitch-eventsub-message-id", "7Q"), ("twitch-eventsub-message-timestamp", "2026-05-04T13:00:00.123456789Z"), ("twitch-eventsub-message-signature", "sha256=e495ac75d8a6b2aa08545747657df3d3968f7ce7c4f022d801e3e192d9cc4501")],
        body: r#"{"subscription":{"id":"f1c2a387-161a-49f9-a165-0f21d7a4e1c4","type":"channel.follow","version":"2"},"event":{"user_id":"1234","followed_at":"2026-05-04T13:00:00.123456789Z"}}"#,
        key: "7Q",
    }
}
