//! ElevenLabs (<https://elevenlabs.io/docs/product-guides/administration/webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, elevenlabs};
//!
//! let sender = provider::elevenlabs(elevenlabs::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "elevenlabs");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("elevenlabs");

/// ElevenLabs, proved by its signature.
///
/// - `ElevenLabs-Signature: t=<time>,v0=<hex>` over `{time}.{body}`, with the time in seconds; half
///   an hour of tolerance.
/// - One event is one body, by its digest.
/// - Retries for a day after 5xx are assumed: none are documented.
pub fn elevenlabs(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("ElevenLabs-Signature")
        .pairs("t", "v0", Encoding::Hex)
        .content(time_and_body("."))
        .tolerance(tolerance(1800))
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("elevenlabs", "The secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "elevenlabs",
    title: "ElevenLabs",
    proof: "HMAC-SHA256 over `{time}.{body}` in `ElevenLabs-Signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm @elevenlabs/elevenlabs-js 2.73.0 `wrapper/webhooks.js`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(elevenlabs(keys([secret])?)),
}];

vectors! {
    {
        of: "elevenlabs",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("elevenlabs-signature", "t=1777899600,v0=c145bbc27b5b509ce589028d366238d05316b0577d2ca0cf34dd9dc8e8913078")],
        body: r#"{"type":"post_call_transcription","event_timestamp":1777899600,"data":{"conversation_id":"conv_7"}}"#,
        key: "sha256:cd67bced0e9c7ff026a3753ff9ae2c026a3b56a4c8ed6a7f2958153a5e72f434",
    }
}
