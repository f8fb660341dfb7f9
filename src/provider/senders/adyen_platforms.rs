//! Adyen, management and platforms: signed with HMAC-SHA256
//! (<https://docs.adyen.com/development-resources/webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, adyen_platforms};
//!
//! let sender = provider::adyen_platforms(adyen_platforms::keys(["44782deff47aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056"])?);
//! assert_eq!(sender.name().as_str(), "adyen-platforms");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("adyen-platforms");

/// Adyen, management and platforms, proved by its signature.
///
/// - `HmacSignature: <base64>`, HMAC-SHA256 over the body alone. It covers no time, so a captured
///   delivery never grows stale: only its record stops a replay.
/// - One event is one body, by its digest.
/// - Retries for 7 days after every answer but 2xx are assumed.
pub fn adyen_platforms(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("HmacSignature")
        .single("", Encoding::Base64)
        .secrets(SecretFormat::Hex)
        .known();
    let contract = SenderContract::new(retries_for(hours(168)), RetriedStatuses::AllButSuccess)
        .redelivers_by_hand();
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!(
    "adyen-platforms",
    "The HMAC keys, in hex",
    SecretFormat::Hex,
    &[]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "adyen_platforms",
    title: "Adyen, management and platforms",
    proof: "HMAC-SHA256 over the body in `HmacSignature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm @adyen/api-library 32.1.0 `hmacValidator`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(adyen_platforms(keys([secret])?)),
}];

vectors! {
    {
        of: "adyen_platforms",
        secret: "44782deff47aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056",
        headers: &[("hmacsignature", "9c7lgUpJcuYJCsFVGd/V+EPy71QsqSQER0zxnpYfy8s=")],
        body: r#"{"type":"merchant.created","timestamp":"2026-05-04T13:00:00Z","environment":"test","data":{"merchantId":"YOUR_MERCHANT_ID"}}"#,
        key: "sha256:00e9f44a96726d7f5a3ce75786e44da0cf5c3d7f8c4673f477213276dc50ac77",
    }
}
