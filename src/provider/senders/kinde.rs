//! Kinde (<https://docs.kinde.com/integrate/webhooks/about-webhooks/>).
//!
//! ```
//! use tower_webhook::provider::{self, kinde};
//!
//! let sender = provider::kinde(kinde::keys(["MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqOS5UcOqZpPwm37J5UJT+t6OBiast8K4HOTMuj9R8vP9P7Oqp+9MfYk+Gyf+b+zEPP8Bqu3kEvC94/pmxpKDDawsaEk1+YKH/mr4VPN9jFmLT9jHhNGAZNy2ruM7oJAdC+BeBYVwDBihE4LN0puQBBhWMa4wAgV7Qa0JZilF/cHweJ2QUYuiJ3wzpFotTeawj8G1WiVebHAvMRF/nhWOeYHOCl5y1F5Lhxt2er+ll3Z1tNm7qI9NQ6POC01Oq9AeM01QFfl4hiUzavAj4kVwUDCCnL3BRwXLj6cayl2D/EgRx9I/vNDbE3iKkSC4PrQCQFJGrKzM6IHA1FEAknLLBwIDAQAB"])?);
//! assert_eq!(sender.name().as_str(), "kinde");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("kinde");

/// Kinde, proved by the key that each delivery names.
///
/// - The body is a JWT by RS256; no header is used. Read its claims with
///   [`Delivery::body`](crate::Delivery) once it is proved. A token of more than 16 KiB is refused.
/// - Its `kid` names a key of your domain's JWKS, which a [`KeySource`](crate::keys::KeySource) fetches
///   as [`KeyDocument::Jwks`](crate::keys::KeyDocument). It covers no time, so only its record stops
///   a replay.
/// - One event is one signed `event_id`.
/// - Retries for a day after 5xx are assumed.
pub fn kinde(keys: impl Into<KeyRing>) -> Provider {
    let token = Jws::new([JwsAlgorithm::Rs256]).key_by_kid().id("event_id");
    let scheme = Scheme::jws(Place::Body, token).known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, EventRule::signed_id(), contract)
}

keys!(
    "kinde",
    "Your domain's public keys, named by their ids or not at all",
    SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::Rsa)),
    &[]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "kinde",
    title: "Kinde",
    proof: "the body is a JWT by RS256",
    event: "the signed id",
    challenge: "none",
    confidence: Confidence::Others,
    source: "webhook-co spec kinde.ts",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(kinde(keys([secret])?)),
}];

vectors! {
    {
        of: "kinde",
        secret: "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqOS5UcOqZpPwm37J5UJT+t6OBiast8K4HOTMuj9R8vP9P7Oqp+9MfYk+Gyf+b+zEPP8Bqu3kEvC94/pmxpKDDawsaEk1+YKH/mr4VPN9jFmLT9jHhNGAZNy2ruM7oJAdC+BeBYVwDBihE4LN0puQBBhWMa4wAgV7Qa0JZilF/cHweJ2QUYuiJ3wzpFotTeawj8G1WiVebHAvMRF/nhWOeYHOCl5y1F5Lhxt2er+ll3Z1tNm7qI9NQ6POC01Oq9AeM01QFfl4hiUzavAj4kVwUDCCnL3BRwXLj6cayl2D/EgRx9I/vNDbE3iKkSC4PrQCQFJGrKzM6IHA1FEAknLLBwIDAQAB",
        body: "eyJhbGciOiJSUzI1NiIsImtpZCI6IjRmOjVhIiwidHlwIjoiSldUIn0.eyJldmVudF9pZCI6ImV2ZW50XzAxSlE3IiwidHlwZSI6InVzZXIuY3JlYXRlZCIsInRpbWVzdGFtcCI6IjIwMjYtMDUtMDRUMTM6MDA6MDBaIiwiZGF0YSI6eyJ1c2VyIjp7ImlkIjoia3BfMSJ9fX0.kCtr_sJlmh9BVuLNa3Vsfci20W47d0_q93ae4GiKvrVzRVq6Bp3Fwn9ywMafh_H287DY5hvU3hRM2ooxPtHI92qSmoPAMngLdvBK4XSFu1E20NK0_pA6_of-WGkUiSBwv8Z6KbNfyAZWwdZBcCTrE04J7GF3hv4j_DsV7zsfX8HgX3GVRYmiSCmoU63FdePdFcUCLugXvokKHKmC0OPaR4wglPfZPz3R4JngtjK0GGKR9aKWP7-l0kpSqWCcLucSASIY_EsI2voiWJ8IWe7pHLWcZgGOe_WaHM4ha_bJxk8EujdiEf3qzZIZNS_hq5Eo7hMlCgkGcwgV43CugmmC6A",
        key: "event_01JQ7",
    }
}
