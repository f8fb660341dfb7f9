//! Senders that follow the Standard Webhooks specification and sign with a private key (<https://www.standardwebhooks.com>).
//!
//! ```
//! use tower_webhook::provider::{self, standard_webhooks_v1a};
//!
//! use tower_webhook::Name;
//!
//! let keys = standard_webhooks_v1a::keys(["whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="])?;
//! let sender = provider::standard_webhooks_v1a(Name::new("acme")?, keys);
//! assert_eq!(sender.name().as_str(), "acme");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

/// A sender of this name that follows the Standard Webhooks specification, proved by its public key.
///
/// - `webhook-signature: v1a,<base64>`, Ed25519 over `{id}.{timestamp}.{body}`, with `webhook-id`
///   and `webhook-timestamp`; additional signatures of other versions are ignored. Five minutes of
///   tolerance.
/// - One event is one signed id.
/// - Svix's documented schedule, as with [`standard_webhooks`](crate::provider::standard_webhooks()); if
///   the sender's schedule differs, declare it with [`Provider::replace_contract`].
pub fn standard_webhooks_v1a(name: Name, keys: impl Into<KeyRing>) -> Provider {
    let dot = || Component::literal(".");
    let scheme = Scheme::builder("webhook-signature")
        .timestamp_header("webhook-timestamp")
        .id_header("webhook-id")
        .list("v1a,", Encoding::Base64)
        .content([Component::Id, dot(), Component::Timestamp, dot(), Component::Body])
        .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::Ed25519))
        .most_signatures(4)
        .known();
    const WAITS: &[Duration] = &[seconds(5), minutes(5), minutes(30), hours(2), hours(5), hours(10), hours(10)];
    let contract = SenderContract::new(RetrySchedule::listed(WAITS), RetriedStatuses::AllButSuccess)
        .waits(seconds(15))
        .redelivers_by_hand();
    signed(name, scheme, keys, EventRule::signed_id(), contract)
}

keys!(
    "standard_webhooks_v1a",
    "The endpoint's public keys",
    SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::Ed25519).prefixed("whpk_")),
    &[]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "standard_webhooks_v1a",
    title: "Standard Webhooks, with a private key",
    proof: "Ed25519 in the frame of Standard Webhooks, version `v1a`",
    event: "the signed id",
    challenge: "none",
    confidence: Confidence::Code,
    source: "the specification; svix-webhooks server `worker.rs`, whose vector holds",
    assumed: "its retries",
    example: |secret, _| Ok(standard_webhooks_v1a(Name::constant("acme"), keys([secret])?)),
}];

vectors! {
    {
        of: "standard_webhooks_v1a",
        secret: "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
        headers: &[("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"), ("webhook-timestamp", "1614265330"), ("webhook-signature", "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==")],
        body: r#"{"test": 2432232314}"#,
        now: 1614265330,
        key: "msg_p5jXN8AQM9LWM0D4loKWxJek",
    }
}
