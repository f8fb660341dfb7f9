//! Woovi, OpenPix, by HMAC: signed with HMAC-SHA1
//! (<https://developers.woovi.com/docs/webhook/seguranca/webhook-hmac>).
//!
//! The published sample is not the MAC of the body that is shown with it.
//!
//! ```
//! use tower_webhook::provider::{self, woovi};
//!
//! let sender = provider::woovi(woovi::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "woovi");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("woovi");

/// Woovi, OpenPix, by HMAC, proved by its signature.
///
/// - `X-OpenPix-Signature: <base64>`, HMAC-SHA1 over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - One event is one body, by its digest.
/// - Deprecated, and sent together with an RSA signature. This key belongs to your webhook, the RSA
///   key to all of Woovi's customers.
/// - It retries after 10 s, doubling each time, nine attempts in all, after 400 and above.
pub fn woovi(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-OpenPix-Signature")
        .single("", Encoding::Base64)
        .algorithm(Algorithm::Hmac(Digest::Sha1))
        .known();
    let contract = SenderContract::new(
        RetrySchedule::Exponential {
            first: seconds(10),
            attempts: 9,
        },
        RetriedStatuses::server_errors_and(&[
            400, 401, 403, 404, 408, 409, 413, 415, 422, 425, 429,
        ]),
    )
    .redelivers_by_hand();
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("woovi", "The webhook's HMAC secret keys");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "woovi",
    title: "Woovi, OpenPix, by HMAC",
    proof: "HMAC-SHA1 over the body in `X-OpenPix-Signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "Open-Pix/openpix-developers webhook-hmac.mdx",
    assumed: "how long it waits",
    example: |secret, _| Ok(woovi(keys([secret])?)),
}];

vectors! {
    {
        of: "woovi",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-openpix-signature", "l/EkUXPGdO36dYJlJtgrMJnhbVc=")],
        body: r#"{"event":"OPENPIX:CHARGE_COMPLETED","charge":{"correlationID":"9134e286-6f71-427a-bf00-241681624586","status":"COMPLETED","value":100},"pix":{"endToEndId":"E23149699202605041300abcdefghijk"}}"#,
        key: "sha256:59d4cee4243d1129e3903c3d2d3c0db9586d776e21becf720dc185112d4d05ab",
    }
}
