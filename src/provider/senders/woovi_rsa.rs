//! Woovi, OpenPix, by RSA (<https://developers.woovi.com/docs/webhook/seguranca/webhook-signature-validation>).
//!
//! ```
//! use tower_webhook::provider::{self, woovi_rsa};
//!
//! let key = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDKQdyP5mCCaSEHWTQd1/CDl+BWors4chD5FFppUGblgcBs4/GMe5+cI0PqLAbSnvTEjbWPfIWyNtVmKkZG3tFfWwr97MEelQnSqJVnxaHQsUh+wWDjFx3dCHiP/xy5FwZF6M8lAN1JXhYu/cMVstCT7KhCHH0cNqXc0TukUGFhAQIDAQAB";
//! let sender = provider::woovi_rsa(woovi_rsa::keys([key])?);
//! assert_eq!(sender.name().as_str(), "woovi");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("woovi");

/// Woovi, OpenPix, proved by its public key.
///
/// - `x-webhook-signature: <base64>`, RSA PKCS#1 with SHA-256 over the body alone. It covers no time,
///   so a captured delivery never grows stale: only its record stops a replay.
/// - The production key has 1024 bits, which is accepted only here; the sandbox key has 2048. It is
///   one key for all of Woovi's customers: it proves Woovi, not that an event is yours.
/// - One event is one body, by its digest, as with [`woovi`](crate::provider::woovi()): the two
///   proofs of a delivery identify the same event.
/// - It retries after 10 s, doubling each time, nine attempts in all, after 400 and above.
pub fn woovi_rsa(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("x-webhook-signature")
        .single("", Encoding::Base64)
        .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::RsaPkcs1 {
            digest: Digest::Sha256,
            short_keys: true,
        }))
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

keys!(
    "woovi_rsa",
    "Woovi's public keys, as PEM or as the base64 of it",
    SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::RsaShort)),
    &[]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "woovi_rsa",
    title: "Woovi, OpenPix, by RSA",
    proof: "RSA PKCS#1 SHA-256 over the body in `x-webhook-signature`, 1024 bits and more",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Code,
    source: "Open-Pix/openpix-developers docs/webhook; npm @woovi/node-sdk 1.3.3",
    assumed: "how long it waits",
    example: |secret, _| Ok(woovi_rsa(keys([secret])?)),
}];

vectors! {
    {
        of: "woovi_rsa",
        secret: "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDKQdyP5mCCaSEHWTQd1/CDl+BWors4chD5FFppUGblgcBs4/GMe5+cI0PqLAbSnvTEjbWPfIWyNtVmKkZG3tFfWwr97MEelQnSqJVnxaHQsUh+wWDjFx3dCHiP/xy5FwZF6M8lAN1JXhYu/cMVstCT7KhCHH0cNqXc0TukUGFhAQIDAQAB",
        headers: &[("x-webhook-signature", "avarpJ8lpre3JW70QvJs76c0v53wC+ToiKV67flxMPu6gCk60vVR18C2TZqJIvL4KbAWTCG02ThBpMHthG3rgt+CC6Cjx3q+veq+RcoVjUmQ6LbRxYV1WLgFecP6iRkl8AKvh1pMF9ttwgG8L+tIH03U9akW+oO/suXNDS4LjLw=")],
        body: r#"{"event":"OPENPIX:CHARGE_COMPLETED","charge":{"correlationID":"9134e286-6f71-427a-bf00-241681624586","status":"COMPLETED","value":100},"pix":{"endToEndId":"E23149699202605041300abcdefghijk"}}"#,
        key: "sha256:59d4cee4243d1129e3903c3d2d3c0db9586d776e21becf720dc185112d4d05ab",
    }
}
