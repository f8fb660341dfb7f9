//! Wise (<https://docs.wise.com/guides/developer/webhooks/event-handling>).
//!
//! ```
//! use tower_webhook::provider::{self, wise};
//!
//! let key = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqOS5UcOqZpPwm37J5UJT+t6OBiast8K4HOTMuj9R8vP9P7Oqp+9MfYk+Gyf+b+zEPP8Bqu3kEvC94/pmxpKDDawsaEk1+YKH/mr4VPN9jFmLT9jHhNGAZNy2ruM7oJAdC+BeBYVwDBihE4LN0puQBBhWMa4wAgV7Qa0JZilF/cHweJ2QUYuiJ3wzpFotTeawj8G1WiVebHAvMRF/nhWOeYHOCl5y1F5Lhxt2er+ll3Z1tNm7qI9NQ6POC01Oq9AeM01QFfl4hiUzavAj4kVwUDCCnL3BRwXLj6cayl2D/EgRx9I/vNDbE3iKkSC4PrQCQFJGrKzM6IHA1FEAknLLBwIDAQAB";
//! let sender = provider::wise(wise::keys([key])?);
//! assert_eq!(sender.name().as_str(), "wise");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("wise");

/// Wise, proved by its public key, one for production and one for the sandbox.
///
/// - `X-Signature-SHA256: <base64>`, RSA PKCS#1 with SHA-256 over the body alone. `X-Signature`,
///   with SHA-1, is ignored. Only the body contains a signed time, so only its record stops a
///   replay.
/// - One event is one body, by its digest: `X-Delivery-Id` is not signed.
/// - It tries 25 times within two weeks, after every answer but 2xx.
pub fn wise(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Signature-SHA256")
        .single("", Encoding::Base64)
        .shown_id_header("X-Delivery-Id")
        .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::rsa(Digest::Sha256)))
        .known();
    let contract = SenderContract::new(retries_for(hours(14 * 24)), RetriedStatuses::AllButSuccess);
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!(
    "wise",
    "Wise's public keys",
    SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::Rsa)),
    &[]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "wise",
    title: "Wise",
    proof: "RSA PKCS#1 SHA-256 over the body in `X-Signature-SHA256`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "transferwise/api-docs _webhook_events.md",
    assumed: "how long it waits, when it tries again",
    example: |secret, _| Ok(wise(keys([secret])?)),
}];

vectors! {
    {
        of: "wise",
        secret: "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqOS5UcOqZpPwm37J5UJT+t6OBiast8K4HOTMuj9R8vP9P7Oqp+9MfYk+Gyf+b+zEPP8Bqu3kEvC94/pmxpKDDawsaEk1+YKH/mr4VPN9jFmLT9jHhNGAZNy2ruM7oJAdC+BeBYVwDBihE4LN0puQBBhWMa4wAgV7Qa0JZilF/cHweJ2QUYuiJ3wzpFotTeawj8G1WiVebHAvMRF/nhWOeYHOCl5y1F5Lhxt2er+ll3Z1tNm7qI9NQ6POC01Oq9AeM01QFfl4hiUzavAj4kVwUDCCnL3BRwXLj6cayl2D/EgRx9I/vNDbE3iKkSC4PrQCQFJGrKzM6IHA1FEAknLLBwIDAQAB",
        headers: &[("x-signature-sha256", "ASXDE1uooJYZtku68hm1LXLjb78glXckP3xtwtUZ6Q3u1cVI+Cs65vNFZcx+Wo4Y5cECir6An8jWRse1PzaB3pZR2cJfLEUERBtUpXXzd8TjzjP5cXr+ix+a+19YUWsC7Ol4/Czmkjmw/dJX0A79lPXhC00XABaGeJ4yt22OJByxWGW5Vfxu165RKFsBG5pLUwz4ZixFFJLjJD8AhBzeCrKFQWaMCJUowKrkQQra6UgTA5EBOZ9ufZSBbwpOcC2X7OkKcQ7FCKsI1LMgZ2TFO+DvvKs400YM6l3uF5OKDFpCcgTQCJjX/jC+9sA2NhgMxB6Fh1nhHS1rv8NBtgo2zw==")],
        body: r#"{"data":{"resource":{"id":111,"profile_id":222,"type":"transfer"},"current_state":"processing","occurred_at":"2026-05-04T12:59:59Z"},"subscription_id":"01234567-89ab-cdef-0123-456789abcdef","event_type":"transfers#state-change","schema_version":"2.0.0","sent_at":"2026-05-04T13:00:00Z"}"#,
        key: "sha256:661391a90a4b13f216f8a0debbc0d1de66955983bf9c6e95ae03e871e9bf9749",
    }
}
