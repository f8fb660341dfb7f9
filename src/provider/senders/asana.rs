//! Asana: signed with HMAC-SHA256 (<https://developers.asana.com/docs/webhooks-guide>).
//!
//! ```
//! use tower_webhook::provider::{self, asana};
//!
//! let sender = provider::asana(asana::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "asana");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("asana");

/// Asana, proved by its signature.
///
/// - `X-Hook-Signature: <hex>`, HMAC-SHA256 over the body alone. It covers no time, so a captured
///   delivery never grows stale: only its record stops a replay.
/// - Each of `events` is one event, by its digest: it has no id, and several changes of one resource
///   may have the same action and time. A heartbeat has no events, and is answered with success.
/// - Retries for a day after every answer but 2xx are assumed.
pub fn asana(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Hook-Signature")
        .single("", Encoding::Hex)
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), RetriedStatuses::AllButSuccess);
    signed(
        NAME,
        scheme,
        keys,
        each("/events", EventRule::body()),
        contract,
    )
}

/// Asana, whose handshake brings the secret.
///
/// While your call that creates the webhook is open, Asana sends a POST with `X-Hook-Secret`, which
/// is answered with the same header.
///
/// It is accepted only while [`Handshake::open_until`] allows it and there is no key yet. With the
/// secret that it brought and stored, use [`asana`] at the next start.
///
/// ```
/// use tower_webhook::KeyRing;
/// use tower_webhook::challenge::Handshake;
/// use tower_webhook::provider::asana;
///
/// let handshake = Handshake::new(KeyRing::empty(), |secret: &str| std::fs::write("asana.secret", secret));
/// let sender = asana::by_handshake(handshake.clone());
/// # drop(sender);
/// ```
pub fn by_handshake(handshake: Handshake) -> Provider {
    let keys = handshake.keys().clone();
    asana(keys).challenge(Challenge::secret_in_header("X-Hook-Secret", handshake))
}

keys!("asana", "The secrets that the handshake brought");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "asana",
    title: "Asana",
    proof: "HMAC-SHA256 over the body in `X-Hook-Signature`",
    event: "each of `events`, by its digest",
    challenge: "POST with `X-Hook-Secret`, once: the same header back, by `asana::by_handshake`",
    confidence: Confidence::Documents,
    source: "Asana/openapi defs/asana_oas.yaml",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(asana(keys([secret])?)),
}];

vectors! {
    {
        of: "asana",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-hook-signature", "7875a52c0137790507e7bb3cc11eab6f172fe98a0de0ccbb907e93dda0017fb8")],
        body: r#"{"events":[{"user":{"gid":"12345"},"created_at":"2026-05-04T13:00:00.000Z","action":"changed","resource":{"gid":"1337","resource_type":"task"}}]}"#,
        key: "sha256:e38c610f8f97c5e76ad23538a17fbe36811c68f630a987836d324e941c4fb4e8",
    }
    {
        of: "asana",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-hook-signature", "573a3d909434af71fc2603cc5ab76fd9258212c0b1f8eab2b51554ea0304f058")],
        body: r#"{"events":[{"user":{"gid":"12345"},"created_at":"2026-05-04T13:00:00.000Z","action":"added","resource":{"gid":"1337","resource_type":"task"},"parent":{"gid":"7001","resource_type":"project"}}]}"#,
        key: "sha256:57222568a754a9834bffde90cef8d5ebc55aac561805815538dd994a229eff34",
    }
    {
        of: "asana",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-hook-signature", "48456a2f5cd5702342ec14d59b1f07ab49435056eab4affa0a79f66da0deda1a")],
        body: r#"{"events":[{"user":{"gid":"12345"},"created_at":"2026-05-04T13:00:00.000Z","action":"added","resource":{"gid":"1337","resource_type":"task"},"parent":{"gid":"7002","resource_type":"section"}}]}"#,
        key: "sha256:bccde78d56a19f2d3bfcd09aefe478a24575f52831bb6ef06d7e27b3ada116c0",
    }
}
