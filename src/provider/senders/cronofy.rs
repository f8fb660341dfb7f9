//! Cronofy (<https://docs.cronofy.com/developers/push-notifications/authentication/>).
//!
//! ```
//! use tower_webhook::provider::{self, cronofy};
//!
//! let sender = provider::cronofy(cronofy::keys(["CRN_5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "cronofy");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("cronofy");

/// Cronofy, proved by its signature.
///
/// - `Cronofy-HMAC-SHA256: <base64>`, several separated by commas during a secret rotation: HMAC-SHA256 over the body
///   alone. It covers no time, so a captured delivery never grows stale: only its record stops a replay.
/// - One event is one body, by its digest: it states since when a calendar has changed, and has no id.
/// - Retries for a day after 5xx are assumed.
pub fn cronofy(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("Cronofy-HMAC-SHA256")
        .list("", Encoding::Base64)
        .separator(',')
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("cronofy", "The application's client secrets, `CRN_…`");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "cronofy",
    title: "Cronofy",
    proof: "HMAC-SHA256 over the body in `Cronofy-HMAC-SHA256`, with commas between several",
    event: "the body, by its digest",
    challenge: "a POST of the type `verification`, signed: answered by the handler like any other",
    confidence: Confidence::Code,
    source: "PyPI pycronofy 2.0.7 `hmac_valid`; webhooks-spec `config.ts`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(cronofy(keys([secret])?)),
}];

vectors! {
    {
        of: "cronofy",
        secret: "CRN_5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("cronofy-hmac-sha256", "RomAeKjsSh/jlz58t4341ZkCByCqVCD7uLP8w2BmAbs=")],
        body: r#"{"notification":{"type":"change","changes_since":"2026-05-04T13:00:00Z"},"channel":{"channel_id":"chn_54cf7c7cb4ad4c1027000001","callback_url":"https://hooks.example/in","filters":{}}}"#,
        key: "sha256:45351d3d025270d5f6ee7e5d797564702aa734c1c8f7a53b0fba44ad68679bbd",
    }
}
