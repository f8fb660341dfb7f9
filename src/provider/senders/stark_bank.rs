//! Stark Bank and Stark Infra (<https://starkbank.com/docs/api#webhook>).
//!
//! ```
//! use tower_webhook::provider::{self, stark_bank};
//!
//! let key = "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEemzImLP/MQtGjgCG8h1AZxlTFYVy6OBK+iwvyrG4YklAnRRC1H6BEhBUK40wy0sfvRaS1H4AueUPqLmclUqKXQ==";
//! let sender = provider::stark_bank(stark_bank::keys([key])?);
//! assert_eq!(sender.name().as_str(), "stark-bank");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("stark-bank");

/// Stark Bank and Stark Infra, proved by the bank's public key.
///
/// - `Digital-Signature: <base64>`, ECDSA on secp256k1 in DER over the body alone. It covers no
///   time, so a captured delivery never grows stale: only its record stops a replay. Stark's Python
///   code also tries the body serialized again, which is not accepted here.
/// - The key is published at `/v2/public-key`: [`key_document`] reads it for a
///   [`KeySource`](crate::keys::KeySource).
/// - One event is one `event.id`.
/// - It retries after 5, 30 and 120 min, according to others, after every answer except 200.
pub fn stark_bank(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("Digital-Signature")
        .single("", Encoding::Base64)
        .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::Ecdsa {
            curve: Curve::Secp256k1,
            digest: Digest::Sha256,
            form: EcdsaForm::Der,
        }))
        .known();
    const WAITS: &[Duration] = &[minutes(5), minutes(30), minutes(120)];
    let contract = SenderContract::new(RetrySchedule::listed(WAITS), RetriedStatuses::AllButSuccess)
        .redelivers_by_hand();
    signed(NAME, scheme, keys, by_id("/event/id"), contract)
}

keys!(
    "stark_bank",
    "The bank's public keys",
    SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::Ecdsa(Curve::Secp256k1))),
    &[]
);

/// The format of the answer of the bank's API to `/v2/public-key`.
///
/// ```
/// use tower_webhook::provider::stark_bank;
///
/// let document = stark_bank::key_document();
/// assert!(document.keys("", b"{}").is_err());
/// ```
pub fn key_document() -> KeyDocument {
    KeyDocument::Json {
        list: "/publicKeys".into(),
        key: "/content".into(),
        id: None,
        kind: KeyKind::Ecdsa(Curve::Secp256k1),
    }
}

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "stark_bank",
    title: "Stark Bank, Stark Infra",
    proof: "ECDSA secp256k1 over the body in `Digital-Signature`",
    event: "`/event/id`",
    challenge: "none",
    confidence: Confidence::Code,
    source: "starkbank/sdk-python `tests/sdk/test_event.py`; npm starkcore 0.4.0",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(stark_bank(keys([secret])?)),
}];

vectors! {
    {
        of: "stark_bank",
        secret: "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEemzImLP/MQtGjgCG8h1AZxlTFYVy6OBK+iwvyrG4YklAnRRC1H6BEhBUK40wy0sfvRaS1H4AueUPqLmclUqKXQ==",
        headers: &[("digital-signature", "MEYCIQDyYTGWeca9QRPwodilhOpuOQRIYniyx5rcE7pOvLNxSwIhAPAE7Bl0NZX53Ay6chOFbH/SSgmELSydl3Ej5jOG3ks+")],
        body: r#"{"event":{"created":"2026-05-04T13:00:00.000000+00:00","id":"5656565656565656","log":{"id":"4949494949494949","type":"credited"},"subscription":"invoice","workspaceId":"5155165527080960"}}"#,
        key: "5656565656565656",
    }
}
