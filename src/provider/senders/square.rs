//! Square (<https://developer.squareup.com/docs/webhooks/step3validate>).
//!
//! ```
//! use tower_webhook::provider::{self, square};
//! use tower_webhook::signature::PublicUrl;
//!
//! let url = PublicUrl::parse("https://hooks.example/in/square")?;
//! let sender = provider::square(square::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?, url);
//! assert_eq!(sender.name().as_str(), "square");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("square");

/// Square, proved by its signature.
///
/// - `x-square-hmacsha256-signature: <base64>` over the URL and the body. The URL must equal the
///   one in Square's developer console byte for byte. No time is covered, so only the record stops
///   a replay.
/// - One event is one `event_id`.
/// - Retries for a day after every answer but 2xx are assumed.
pub fn square(keys: impl Into<KeyRing>, url: PublicUrl) -> Provider {
    let scheme = Scheme::builder("x-square-hmacsha256-signature")
        .single("", Encoding::Base64)
        .content([Component::PublicUrl, Component::Body])
        .public_url(url)
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), RetriedStatuses::AllButSuccess);
    signed(NAME, scheme, keys, by_id("/event_id"), contract)
}

keys!("square", "The subscription's signature keys");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "square",
    title: "Square",
    proof: "HMAC-SHA256 over `{url}{body}` in `x-square-hmacsha256-signature`",
    event: "`event_id`",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm square 46.0.0; square-nodejs-sdk tests/integration/webhooks.test.ts",
    assumed: "how long it waits, its retries",
    example: |secret, url| Ok(square(keys([secret])?, url.clone())),
}];

vectors! {
    {
        of: "square",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-square-hmacsha256-signature", "BV4mRuY1PtbJbUCJabrAekNA2w6rfZ3LU3edZrhLhA4=")],
        body: r#"{"merchant_id":"6SSW7HV8K2ST5","type":"payment.created","event_id":"13b867cf-db3d-4b1c-90b6-2f32a9d78124","created_at":"2026-05-04T13:00:00.123Z","data":{"type":"payment","id":"KkAkhdMsgzn59SM8A89WgKwekxLZY"}}"#,
        key: "13b867cf-db3d-4b1c-90b6-2f32a9d78124",
    }
    {
        of: "square",
        secret: "signature-key",
        url: "https://webhook.site/webhooks",
        headers: &[("x-square-hmacsha256-signature", "W3FlCNk5IA3ZQ2LHTWoajvzfaDu/OwY2tNHIHC3IUOA=")],
        body: r#"{"data":{"type":"webhooks","id":"fake_id"}}"#,
        now: 0,
        key: "unknown:event:sha256:e8d635b20446d58142863cb2a51a9a75cd4ca7817b086809e2a86347a81a5af0",
    }
}
