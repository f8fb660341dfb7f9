//! Discord: interactions, and webhook events (<https://docs.discord.com/developers/interactions/overview>).
//!
//! ```
//! use tower_webhook::provider::{self, discord};
//!
//! let key = "6ce122c4384c3eea1b3ed28aed3c434c8bd8a7c9dc90b89d396c3dbd96fd8658";
//! let sender = provider::discord(discord::keys([key])?);
//! assert_eq!(sender.name().as_str(), "discord");
//! let events = provider::discord_events(discord::keys([key])?);
//! assert_eq!(events.name().as_str(), "discord-events");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("discord");

/// The name for Discord's other product: both share one key, and their events are never equal.
const EVENTS: Name = Name::constant("discord-events");

/// Discord, interactions, proved by the application's public key.
///
/// - `X-Signature-Ed25519: <hex>`, Ed25519 over `{time}{body}`, with the time in seconds in
///   `X-Signature-Timestamp`. This has one reading because the body begins with a bracket. The five
///   minutes of tolerance are our choice: Discord states none.
/// - One event is one `id`.
/// - A `PING` (type 1) is answered `{"type":1}`. Discord sends wrong signatures on purpose, and
///   removes a URL that does not answer them with 401.
/// - It waits 3 s and never retries. Your answer is the interaction's response.
pub fn discord(keys: impl Into<KeyRing>) -> Provider {
    let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None).waits(seconds(3));
    let ping = Challenge::in_body("/type", ChallengeText::Token)
        .when_member("/type", "1")
        .answer(ChallengeAnswer::Fixed(r#"{"type":1}"#.into()));
    signed(NAME, scheme(), keys, by_id("/id"), contract).challenge(ping)
}

/// Discord, webhook events, proved by the same key in the same way.
///
/// - One event is one `event`, by its digest: it has no id.
/// - A `PING` (type 0) is answered 204.
/// - It waits 3 s and retries for ten minutes, after every answer except 2xx.
pub fn discord_events(keys: impl Into<KeyRing>) -> Provider {
    let contract = SenderContract::new(retries_for(minutes(10)), RetriedStatuses::AllButSuccess)
        .waits(seconds(3));
    let ping = Challenge::in_body("/type", ChallengeText::Token)
        .when_member("/type", "0")
        .answer(ChallengeAnswer::NoContent);
    signed(EVENTS, scheme(), keys, EventRule::body(), contract).challenge(ping)
}

fn scheme() -> Scheme {
    Scheme::builder("X-Signature-Ed25519")
        .single("", Encoding::Hex)
        .timestamp_header("X-Signature-Timestamp")
        .content([Component::Timestamp, Component::Body])
        .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::Ed25519))
        .known()
}

keys!(
    "discord",
    "The application's public keys",
    SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::Ed25519)),
    &[]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "discord",
    title: "Discord, interactions",
    proof: "Ed25519 over `{time}{body}` in `X-Signature-Ed25519`",
    event: "`/id`",
    challenge: "POST of type 1, signed: `{\"type\":1}`",
    confidence: Confidence::Code,
    source: "npm discord-interactions 4.4.0; discord/discord-api-docs",
    assumed: "the window, how long it waits, that it never tries again",
    example: |secret, _| Ok(discord(keys([secret])?)),
},
SenderFacts {
    name: "discord_events",
    title: "Discord, webhook events",
    proof: "the same",
    event: "the body, by its digest",
    challenge: "POST of type 0, signed: 204",
    confidence: Confidence::Code,
    source: "discord/discord-api-docs developers/events/webhook-events.mdx",
    assumed: "the window, its retries",
    example: |secret, _| Ok(discord_events(keys([secret])?)),
}];

vectors! {
    {
        of: "discord",
        secret: "6ce122c4384c3eea1b3ed28aed3c434c8bd8a7c9dc90b89d396c3dbd96fd8658",
        headers: &[("x-signature-ed25519", "8a235ab87c4908afcb3a0580c6cc7dfc99edaad5c51e2ee7ca886d7148b69554fc2e9d86fc3cfd52b50e9f05a68f0f9ac851df8b9767545dae56eb20d14a5d03"), ("x-signature-timestamp", "1777899600")],
        body: r#"{"id":"1189537398246592512","application_id":"1189537398246592511","type":2,"version":1,"data":{"id":"1","name":"blep"}}"#,
        key: "1189537398246592512",
    }
    {
        of: "discord_events",
        secret: "6ce122c4384c3eea1b3ed28aed3c434c8bd8a7c9dc90b89d396c3dbd96fd8658",
        headers: &[("x-signature-ed25519", "85f62fd5761280221dbac0e7b9aad5fbcbb08439cc78108aa60affa0d2518c522e7cc967fd44aca3a303d045d3412c36f7bc29dac859e77f3cc4bf96fab6d407"), ("x-signature-timestamp", "1777899600")],
        body: r#"{"version":1,"application_id":"1234560123453231555","type":1,"event":{"type":"APPLICATION_AUTHORIZED","timestamp":"2026-05-04T13:00:00.000000","data":{"integration_type":1}}}"#,
        key: "sha256:08b2a0ad2c082140272ec723b9ba1921b078235c49d766f7e5574f0a8a36aba2",
    }
}
