//! Telnyx (<https://developers.telnyx.com/docs/voice/programmable-voice/voice-api-webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, telnyx};
//!
//! let key = "bOEixDhMPuobPtKK7TxDTIvYp8nckLidOWw9vZb9hlg=";
//! let sender = provider::telnyx(telnyx::keys([key])?);
//! assert_eq!(sender.name().as_str(), "telnyx");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("telnyx");

/// Telnyx, proved by your account's public key.
///
/// - `telnyx-signature-ed25519: <base64>`, Ed25519 over `{time}|{body}`, the time in seconds in
///   `telnyx-timestamp`; five minutes of tolerance.
/// - One event is one `data.id`. The content of `meta` differs from attempt to attempt.
/// - It waits 2 s; retries for a day are assumed.
pub fn telnyx(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("telnyx-signature-ed25519")
        .single("", Encoding::Base64)
        .timestamp_header("telnyx-timestamp")
        .content(time_and_body("|"))
        .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::Ed25519))
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), RetriedStatuses::AllButSuccess)
        .waits(seconds(2));
    signed(NAME, scheme, keys, by_id("/data/id"), contract)
}

keys!(
    "telnyx",
    "Your account's public keys",
    SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::Ed25519)),
    &[]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "telnyx",
    title: "Telnyx",
    proof: "Ed25519 over time, a vertical bar and the body in `telnyx-signature-ed25519`",
    event: "`/data/id`",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm telnyx 7.24.0 `src/lib/webhooks.ts`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(telnyx(keys([secret])?)),
}];

vectors! {
    {
        of: "telnyx",
        secret: "bOEixDhMPuobPtKK7TxDTIvYp8nckLidOWw9vZb9hlg=",
        headers: &[("telnyx-signature-ed25519", "d9LzSRDzduxf+Ybxq3eLlzgwIqQnbh0eWz/UUzrH3WtTcV8NF7cUJ7IJYxgI6KP+rewoP+R+znupEWzAnlsWBQ=="), ("telnyx-timestamp", "1777899600")],
        body: r#"{"data":{"event_type":"call.initiated","id":"0ccc7b54-4df3-4bca-a65a-3da1ecc777f0","occurred_at":"2026-05-04T13:00:00.000000Z","payload":{},"record_type":"event"},"meta":{"attempt":1,"delivered_to":"https://hooks.example/in"}}"#,
        key: "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0",
    }
}
