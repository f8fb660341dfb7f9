//! Fireblocks (<https://developers.fireblocks.com/reference/validating-webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, fireblocks};
//!
//! let sender = provider::fireblocks(fireblocks::keys(["MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqOS5UcOqZpPwm37J5UJT+t6OBiast8K4HOTMuj9R8vP9P7Oqp+9MfYk+Gyf+b+zEPP8Bqu3kEvC94/pmxpKDDawsaEk1+YKH/mr4VPN9jFmLT9jHhNGAZNy2ruM7oJAdC+BeBYVwDBihE4LN0puQBBhWMa4wAgV7Qa0JZilF/cHweJ2QUYuiJ3wzpFotTeawj8G1WiVebHAvMRF/nhWOeYHOCl5y1F5Lhxt2er+ll3Z1tNm7qI9NQ6POC01Oq9AeM01QFfl4hiUzavAj4kVwUDCCnL3BRwXLj6cayl2D/EgRx9I/vNDbE3iKkSC4PrQCQFJGrKzM6IHA1FEAknLLBwIDAQAB"])?);
//! assert_eq!(sender.name().as_str(), "fireblocks");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("fireblocks");

/// Fireblocks, proved by the key that each delivery names.
///
/// - `Fireblocks-Webhook-Signature: <header>..<signature>`, a JWS by RS512 that omits its payload,
///   the body. It covers no time, so only its record stops a replay.
/// - Its `kid` names a key of the region's JWKS, which a [`KeySource`](crate::keys::KeySource) fetches
///   as [`KeyDocument::Jwks`](crate::keys::KeyDocument).
/// - One event is one `id`.
/// - Retries for a day are assumed.
pub fn fireblocks(keys: impl Into<KeyRing>) -> Provider {
    let token = Jws::new([JwsAlgorithm::Rs512]).key_by_kid().detached();
    let scheme = Scheme::jws(Place::header("Fireblocks-Webhook-Signature"), token).known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors())
        .redelivers_by_hand();
    signed(NAME, scheme, keys, by_id("/id"), contract)
}

keys!(
    "fireblocks",
    "The region's public keys, named by their ids or not at all",
    SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::Rsa)),
    &[]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "fireblocks",
    title: "Fireblocks",
    proof: "a detached JWS by RS512 over the body in `Fireblocks-Webhook-Signature`",
    event: "`/id`",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "developers.fireblocks.com reference/validating-webhooks",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(fireblocks(keys([secret])?)),
}];

vectors! {
    {
        of: "fireblocks",
        secret: "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqOS5UcOqZpPwm37J5UJT+t6OBiast8K4HOTMuj9R8vP9P7Oqp+9MfYk+Gyf+b+zEPP8Bqu3kEvC94/pmxpKDDawsaEk1+YKH/mr4VPN9jFmLT9jHhNGAZNy2ruM7oJAdC+BeBYVwDBihE4LN0puQBBhWMa4wAgV7Qa0JZilF/cHweJ2QUYuiJ3wzpFotTeawj8G1WiVebHAvMRF/nhWOeYHOCl5y1F5Lhxt2er+ll3Z1tNm7qI9NQ6POC01Oq9AeM01QFfl4hiUzavAj4kVwUDCCnL3BRwXLj6cayl2D/EgRx9I/vNDbE3iKkSC4PrQCQFJGrKzM6IHA1FEAknLLBwIDAQAB",
        headers: &[("fireblocks-webhook-signature", "eyJhbGciOiJSUzUxMiIsImtpZCI6ImtleS0xIn0..Roxnoi5KUuGOLf0SYMgNzMbEUxgupLHy9lRp1Ald10KkBo_4HNMqe0YHn5I_QP2BhEg_WFNXRKLN4TU6LKThAmgKSmOcF7Fnq99Frbz4WoRpHni_H-weJt_phuDRv_zvweQx3IBlR34G92OSl2Z6NxNknOowIc808r5fQW3umIcJq6NhM9kAUlYrLuLI689dKrUPeG0Zs7AfIqlQDEJ2lThxVdZeMdF5zyOigoQpAcWsH6ikh25jPe_Kf3PcE5MIGuMpqWtB2VE4fWoaGXMeJjcc9CA55plzhKGqImV7PGGJquqjPMVHLDFXA69hZoDlsY3m3rIrh5okwMlhBa7IDA")],
        body: r#"{"id":"6d5a1ec4-1fa1-5c11-9f87-d6a0c0b6a2a1","eventType":"transaction.status.updated","createdAt":1777899600000,"data":{"id":"f7a1c8b8","status":"COMPLETED"}}"#,
        key: "6d5a1ec4-1fa1-5c11-9f87-d6a0c0b6a2a1",
    }
}
