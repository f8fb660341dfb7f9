//! Circle, notifications of version 2 (<https://developers.circle.com/wallets/verify-webhook-signatures>).
//!
//! ```
//! use tower_webhook::provider::{self, circle};
//!
//! // One key, or a `KeySource` that queries Circle for each key by its id.
//! let key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/n7SP68rlZ6rHJRug87bl+Hka2Gkqiv+eZ8Z7Adqcys6Sq3NAxQN9rALKroRhnQKBM/r4Wbjy101MsXjDqOrxw==";
//! let sender = provider::circle(circle::keys([key])?);
//! assert_eq!(sender.name().as_str(), "circle");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("circle");

/// Circle, notifications of version 2, proved by the key that each delivery names.
///
/// - `X-Circle-Signature: <base64>`, ECDSA on P-256 in DER over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - `X-Circle-Key-Id` names the key, which Circle's API returns by its id: [`key_document`] reads
///   it for a [`KeySource`](crate::keys::KeySource).
/// - One event is one `notificationId`.
/// - It checks with `HEAD` that the URL exists; retries for a day are assumed.
pub fn circle(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Circle-Signature")
        .single("", Encoding::Base64)
        .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::ES256_DER))
        .key_id_at(Place::header("X-Circle-Key-Id"))
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors())
        .probes_with([Method::HEAD]);
    signed(NAME, scheme, keys, by_id("/notificationId"), contract)
}

keys!(
    "circle",
    "Circle's public keys, named by their ids or not at all",
    SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::Ecdsa(Curve::P256))),
    &[]
);

/// The format of the answer of Circle's API to `/v2/notifications/publicKey/{id}`.
///
/// ```
/// use tower_webhook::provider::circle;
///
/// let document = circle::key_document();
/// assert!(document.keys("a-key", b"{}").is_err());
/// ```
pub fn key_document() -> KeyDocument {
    KeyDocument::Json {
        list: "/data".into(),
        key: "/publicKey".into(),
        id: Some("/id".into()),
        kind: KeyKind::Ecdsa(Curve::P256),
    }
}

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "circle",
    title: "Circle, notifications of version 2",
    proof: "ECDSA P-256 over the body in `X-Circle-Signature`, with the key that `X-Circle-Key-Id` names",
    event: "`/notificationId`",
    challenge: "HEAD: success",
    confidence: Confidence::Documents,
    source: "developers.circle.com verify-webhook-signatures",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(circle(keys([secret])?)),
}];

vectors! {
    {
        of: "circle",
        secret: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/n7SP68rlZ6rHJRug87bl+Hka2Gkqiv+eZ8Z7Adqcys6Sq3NAxQN9rALKroRhnQKBM/r4Wbjy101MsXjDqOrxw==",
        headers: &[("x-circle-signature", "MEUCIA6DW8Gy7obxRaFy67UwKtb/+OK3u8TPBWuS+RzS3P4XAiEAzNvDAxNabUD6B25ySzgPzg9aHF1VUdW0hXUIt6XdNLc="), ("x-circle-key-id", "879dc113-5ca4-4ff7-a6b7-54652083fcf8")],
        body: r#"{"subscriptionId":"00000000-0000-0000-0000-000000000000","notificationId":"a1d6a2c4-6f0a-4b1e-8f8e-1f2f7b0f6f44","notificationType":"transactions.outbound","notification":{"id":"c4d1da72-111e-4d52-bdbf-2e74a2d803d5","state":"CONFIRMED"},"timestamp":"2026-05-04T13:00:00.000000000Z","version":2}"#,
        key: "a1d6a2c4-6f0a-4b1e-8f8e-1f2f7b0f6f44",
    }
}
