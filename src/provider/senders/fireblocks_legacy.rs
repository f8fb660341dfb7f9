//! Fireblocks, webhooks of version 1 (<https://developers.fireblocks.com/docs/verify-requests>).
//!
//! ```
//! use tower_webhook::provider::{self, fireblocks_legacy};
//!
//! let key = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqOS5UcOqZpPwm37J5UJT+t6OBiast8K4HOTMuj9R8vP9P7Oqp+9MfYk+Gyf+b+zEPP8Bqu3kEvC94/pmxpKDDawsaEk1+YKH/mr4VPN9jFmLT9jHhNGAZNy2ruM7oJAdC+BeBYVwDBihE4LN0puQBBhWMa4wAgV7Qa0JZilF/cHweJ2QUYuiJ3wzpFotTeawj8G1WiVebHAvMRF/nhWOeYHOCl5y1F5Lhxt2er+ll3Z1tNm7qI9NQ6POC01Oq9AeM01QFfl4hiUzavAj4kVwUDCCnL3BRwXLj6cayl2D/EgRx9I/vNDbE3iKkSC4PrQCQFJGrKzM6IHA1FEAknLLBwIDAQAB";
//! let sender = provider::fireblocks_legacy(fireblocks_legacy::keys([key])?);
//! assert_eq!(sender.name().as_str(), "fireblocks-legacy");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("fireblocks-legacy");

/// Fireblocks, webhooks of version 1, proved by the public key of its region.
///
/// - `Fireblocks-Signature: <base64>`, RSA PKCS#1 with SHA-512 over the body alone, hashed once. It
///   covers no time, so only its record stops a replay.
/// - One event is one `data.id` and its `data.status`, at its `timestamp`.
/// - It retries after 15, 45, 105, 225 and 465 s, according to others.
pub fn fireblocks_legacy(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("Fireblocks-Signature")
        .single("", Encoding::Base64)
        .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::rsa(Digest::Sha512)))
        .known();
    const WAITS: &[Duration] = &[seconds(15), seconds(45), seconds(105), seconds(225), seconds(465)];
    let contract = SenderContract::new(RetrySchedule::listed(WAITS), server_errors())
        .redelivers_by_hand();
    let rule = by_members(["/data/id", "/data/status", "/timestamp"]);
    signed(NAME, scheme, keys, rule, contract)
}

keys!(
    "fireblocks_legacy",
    "The region's public keys",
    SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::Rsa)),
    &[]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "fireblocks_legacy",
    title: "Fireblocks, webhooks of version 1",
    proof: "RSA PKCS#1 SHA-512 over the body in `Fireblocks-Signature`",
    event: "`data.id`, `data.status`, `timestamp`",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "developers.fireblocks.com verify-requests",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(fireblocks_legacy(keys([secret])?)),
}];

vectors! {
    {
        of: "fireblocks_legacy",
        secret: "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqOS5UcOqZpPwm37J5UJT+t6OBiast8K4HOTMuj9R8vP9P7Oqp+9MfYk+Gyf+b+zEPP8Bqu3kEvC94/pmxpKDDawsaEk1+YKH/mr4VPN9jFmLT9jHhNGAZNy2ruM7oJAdC+BeBYVwDBihE4LN0puQBBhWMa4wAgV7Qa0JZilF/cHweJ2QUYuiJ3wzpFotTeawj8G1WiVebHAvMRF/nhWOeYHOCl5y1F5Lhxt2er+ll3Z1tNm7qI9NQ6POC01Oq9AeM01QFfl4hiUzavAj4kVwUDCCnL3BRwXLj6cayl2D/EgRx9I/vNDbE3iKkSC4PrQCQFJGrKzM6IHA1FEAknLLBwIDAQAB",
        headers: &[("fireblocks-signature", "Ris68nghzxJwrcN+aGRejyGBXR6CS7Q+McF8TCcoMVbvFWS5BpFEYGlQ9lk/bf3hRwgeX2mSkO8hLwSRXjnQlx8yN78bD7bGn3NrBXeK9JM9xHdgyCvVD5El0eYR2xclA4XlWwsAwsmWhr4kw48wW5WnayHMOWIkX/hPAQpJ4VW2Boem+Tg9YcSnU7G/zYOKnpo1SeA1EB6kt6i5SCFYrwMAh2cHbjjmmKOwfj1ZBAekvhGTRxHpdIvGEzgFwy6vwokiqA/pLEhE47GBVyn7W9vp7kj9yn7GhRxOH6GHID2JGpi6I58w4KDzsL/REdnvDQOWKIW8cpLQEYdYUfjOVA==")],
        body: r#"{"type":"TRANSACTION_STATUS_UPDATED","tenantId":"6d5a1ec4-1fa1-5c11-9f87-d6a0c0b6a2a1","timestamp":1777899600000,"data":{"id":"f7a1c8b8-3a9e-4f58-8d41-5c9b6e7f3d10","status":"COMPLETED"}}"#,
        key: "f7a1c8b8-3a9e-4f58-8d41-5c9b6e7f3d10:COMPLETED:1777899600000",
    }
}
