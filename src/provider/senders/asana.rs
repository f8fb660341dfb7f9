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
/// - Each of `events` is one event, by its `resource.gid`, `action` and `created_at`. A heartbeat
///   has none, and is answered with success.
/// - Retries for a day after every answer but 2xx are assumed.
pub fn asana(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Hook-Signature")
        .single("", Encoding::Hex)
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), RetriedStatuses::AllButSuccess);
    Provider::signed(
        NAME,
        Verifier::new(scheme, keys),
        each(
            "/events",
            by_members(["/resource/gid", "/action", "/created_at"]),
        ),
        contract,
    )
}

keys!(
    "asana",
    "The secrets that the handshake brought",
    SecretFormat::Text,
    &[]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "asana",
    title: "Asana",
    proof: "HMAC-SHA256 over the body in `X-Hook-Signature`",
    event: "each of `events`, by `resource.gid`, `action`, `created_at`",
    challenge: "POST with `X-Hook-Secret`, once: the same header back",
    confidence: Confidence::Documents,
    source: "Asana/openapi defs/asana_oas.yaml",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(asana(keys([secret])?)),
}];

vectors! {
    {
        of: "asana",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        url: "https://hooks.example/in",
        uri: "/in",
        headers: &[("x-hook-signature", "7875a52c0137790507e7bb3cc11eab6f172fe98a0de0ccbb907e93dda0017fb8")],
        body: r#"{"events":[{"user":{"gid":"12345"},"created_at":"2026-05-04T13:00:00.000Z","action":"changed","resource":{"gid":"1337","resource_type":"task"}}]}"#,
        now: 1777899600,
        key: "1337:changed:2026-05-04T13:00:00.000Z",
    }
}
