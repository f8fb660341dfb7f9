//! Sanity (<https://www.sanity.io/docs/compute-and-ai/webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, sanity};
//!
//! let sender = provider::sanity(sanity::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "sanity");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("sanity");

/// Sanity, proved by its signature.
///
/// - `sanity-webhook-signature: t=<time>,v1=<base64>` over `{time}.{body}`, with the time in
///   milliseconds; an hour of tolerance, because it states none and may not sign its retries anew.
/// - One event is one body, by its digest.
/// - The body is your projection: include `_rev` in it, so that two genuine events differ.
///   `idempotency-key` is not signed.
/// - Its own code checks no time. Retries for an hour after 5xx are assumed.
pub fn sanity(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("sanity-webhook-signature")
        .pairs("t", "v1", Encoding::Base64Url)
        .time_format(TimeFormat::Milliseconds)
        .content(time_and_body("."))
        .tolerance(tolerance(3600))
        .known();
    let contract = SenderContract::new(retries_for(hours(1)), server_errors());
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("sanity", "The webhook's secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "sanity",
    title: "Sanity",
    proof: "HMAC-SHA256 over `{time}.{body}` in `sanity-webhook-signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm @sanity/webhook 4.0.4; webhook-toolkit `signature.test.ts`",
    assumed: "the window, its retries",
    example: |secret, _| Ok(sanity(keys([secret])?)),
}];

vectors! {
    {
        of: "sanity",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("sanity-webhook-signature", "t=1777899600000,v1=AYNFv7H5A_cmlRQXpnnGxGsuYEBBwZaCSRrxcJbfxv8")],
        body: r#"{"_id":"resume","_type":"page","_rev":"r7"}"#,
        key: "sha256:f9d4100e5f6f75ab5a4459ce93a5c43b7e8d8ccd3fa3f152f822349f77ef22ac",
    }
}
