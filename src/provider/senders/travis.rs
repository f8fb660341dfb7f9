//! Travis CI (<https://docs.travis-ci.com/user/notifications/#verifying-webhook-requests>).
//!
//! ```
//! use tower_webhook::provider::{self, travis};
//!
//! let key = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqOS5UcOqZpPwm37J5UJT+t6OBiast8K4HOTMuj9R8vP9P7Oqp+9MfYk+Gyf+b+zEPP8Bqu3kEvC94/pmxpKDDawsaEk1+YKH/mr4VPN9jFmLT9jHhNGAZNy2ruM7oJAdC+BeBYVwDBihE4LN0puQBBhWMa4wAgV7Qa0JZilF/cHweJ2QUYuiJ3wzpFotTeawj8G1WiVebHAvMRF/nhWOeYHOCl5y1F5Lhxt2er+ll3Z1tNm7qI9NQ6POC01Oq9AeM01QFfl4hiUzavAj4kVwUDCCnL3BRwXLj6cayl2D/EgRx9I/vNDbE3iKkSC4PrQCQFJGrKzM6IHA1FEAknLLBwIDAQAB";
//! let sender = provider::travis(travis::keys([key])?);
//! assert_eq!(sender.name().as_str(), "travis");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("travis");

/// Travis CI, proved by its public key.
///
/// - `Signature: <base64>`, RSA PKCS#1 with SHA-1 over the form field `payload`, decoded. SHA-1 is
///   a weak hash, and Travis offers nothing better: anyone who chooses the built content could make
///   two payloads with one signature.
/// - The signature covers that field alone: confirm each build with `confirm`, or declare with
///   [`Provider::without_confirmation`] that only this field is read.
/// - One event is one payload. The key is published at `/config`: [`key_document`] reads it for a
///   [`KeySource`](crate::keys::KeySource).
/// - Its retries are not documented: a day is assumed.
pub fn travis(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("Signature")
        .single("", Encoding::Base64)
        .content([Component::form_field("payload")])
        .content_is_id()
        .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::rsa(Digest::Sha1)))
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, EventRule::signed_id(), contract)
}

keys!(
    "travis",
    "Travis' public keys",
    SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::Rsa)),
    &[]
);

/// The format of the key in `https://api.travis-ci.com/config`.
///
/// ```
/// use tower_webhook::provider::travis;
///
/// let document = travis::key_document();
/// assert!(document.keys("", b"{}").is_err());
/// ```
pub fn key_document() -> KeyDocument {
    KeyDocument::Json {
        list: "/config/notifications/webhook".into(),
        key: "/public_key".into(),
        id: None,
        kind: KeyKind::Rsa,
    }
}

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "travis",
    title: "Travis CI",
    proof: "RSA PKCS#1 SHA-1 over the form field `payload` in `Signature`; the rest of the body is not covered",
    event: "what is signed",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "travis-ci/docs-travis-ci-com user/notifications.md.erb",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(travis(keys([secret])?)),
}];

vectors! {
    {
        of: "travis",
        secret: "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqOS5UcOqZpPwm37J5UJT+t6OBiast8K4HOTMuj9R8vP9P7Oqp+9MfYk+Gyf+b+zEPP8Bqu3kEvC94/pmxpKDDawsaEk1+YKH/mr4VPN9jFmLT9jHhNGAZNy2ruM7oJAdC+BeBYVwDBihE4LN0puQBBhWMa4wAgV7Qa0JZilF/cHweJ2QUYuiJ3wzpFotTeawj8G1WiVebHAvMRF/nhWOeYHOCl5y1F5Lhxt2er+ll3Z1tNm7qI9NQ6POC01Oq9AeM01QFfl4hiUzavAj4kVwUDCCnL3BRwXLj6cayl2D/EgRx9I/vNDbE3iKkSC4PrQCQFJGrKzM6IHA1FEAknLLBwIDAQAB",
        headers: &[("signature", "Nc2llpTwcPofEeI0epvo2CMOqRXqkVEhy3Xyx0K9RBdhK3n49jmuHx1UqLN2nhRMfZTFitahTuEPCotRQJ0hikmih4ggRFOl/FtBYZu9hRHhc74C4H4OSDsjIhlF6tX/JlkoedAiYQA0KHp5AZOwJqhfZruj5VEunj4PuF88A1+vxYUk2ImoUWz3i8s5uPsypZnp+G4wDiv2T8I76Z6kBKolZtzJ64PGtusFEsyyWECULsuBMq4g+mBBxfWKWYU0vNuANKZziPiSCl4UQSQPlulaZphfQ5VoszEf/X4MneU3KQr3BIclJjCRXybY/nEPUxWYPMBdHTEYN3q4cRM5Cw==")],
        body: "payload=%7B%22id%22%3A1234%2C%22number%22%3A%2242%22%2C%22state%22%3A%22passed%22%2C%22type%22%3A%22push%22%2C%22finished_at%22%3A%222026-05-04T13%3A00%3A00Z%22%7D",
        key: r#"{"id":1234,"number":"42","state":"passed","type":"push","finished_at":"2026-05-04T13:00:00Z"}"#,
    }
}
