//! FusionAuth (<https://fusionauth.io/docs/extend/events-and-webhooks/signing>).
//!
//! ```
//! use tower_webhook::provider::{self, fusionauth};
//!
//! let sender = provider::fusionauth(fusionauth::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "fusionauth");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("fusionauth");

/// FusionAuth, proved by its token, for a webhook that is signed with an HMAC key.
///
/// - `X-FusionAuth-Signature-JWT: <JWT>`, HS256, HS384 or HS512, whose claim `request_body_sha256` is
///   the SHA-256 of the body in base64. It covers no time, so only its record stops a replay.
/// - One event is one `event.id`.
/// - By default it waits 2 s. Its retries are not known: a day is assumed.
pub fn fusionauth(keys: impl Into<KeyRing>) -> Provider {
    let algorithms = [JwsAlgorithm::Hs256, JwsAlgorithm::Hs384, JwsAlgorithm::Hs512];
    signed_by(algorithms, keys)
}

keys!("fusionauth", "The webhook's HMAC keys");

/// The same for a webhook that is signed with a key pair: the keys come from
/// `/.well-known/jwks.json` of your FusionAuth, through a [`KeySource`](crate::keys::KeySource).
///
/// ```
/// use tower_webhook::provider::fusionauth;
/// use tower_webhook::signature::{KeyKind, PublicKey};
///
/// let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
/// let sender = fusionauth::by_key_pair(PublicKey::parse(KeyKind::Ed25519, key)?);
/// assert_eq!(sender.name().as_str(), "fusionauth");
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
pub fn by_key_pair(keys: impl Into<KeyRing>) -> Provider {
    let algorithms = [
        JwsAlgorithm::EdDsa,
        JwsAlgorithm::Es256,
        JwsAlgorithm::Es384,
        JwsAlgorithm::Rs256,
        JwsAlgorithm::Rs384,
        JwsAlgorithm::Rs512,
    ];
    signed_by(algorithms, keys)
}

fn signed_by<const N: usize>(
    algorithms: [JwsAlgorithm; N],
    keys: impl Into<KeyRing>,
) -> Provider {
    let token = Jws::new(algorithms)
        .key_by_kid()
        .body_hash("request_body_sha256", Encoding::Base64);
    let scheme = Scheme::jws(Place::header("X-FusionAuth-Signature-JWT"), token).known();
    let contract = SenderContract::new(retries_for(hours(24)), RetriedStatuses::AllButSuccess)
        .waits(seconds(2));
    signed(NAME, scheme, keys, by_id("/event/id"), contract)
}

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "fusionauth",
    title: "FusionAuth, with an HMAC key",
    proof: "a JWT by HMAC with the body's SHA-256 in `X-FusionAuth-Signature-JWT`",
    event: "`/event/id`",
    challenge: "none",
    confidence: Confidence::Others,
    source: "hookdeck/webhook-skills fusionauth",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(fusionauth(keys([secret])?)),
}];

vectors! {
    {
        of: "fusionauth",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-fusionauth-signature-jwt", "eyJ0eXAiOiJKV1QiLCJraWQiOiIxIiwiYWxnIjoiSFMyNTYifQ.eyJyZXF1ZXN0X2JvZHlfc2hhMjU2IjoiNURwenI2OXd3bDdNU2ZVQ2xhY0RiQ2tIdVA1SDhzdWZQZzdlemhiL0tkcz0ifQ.x7Aj-lJkfIKO0jtiL7ebeEpMnftiWy4L0vsxYreqkt0")],
        body: r#"{"event":{"type":"user.create.complete","createInstant":1777899600000,"id":"6d5a1ec4-1fa1-5c11-9f87-d6a0c0b6a2a1","user":{"id":"00000000-0000-0001-0000-000000000000"}}}"#,
        key: "6d5a1ec4-1fa1-5c11-9f87-d6a0c0b6a2a1",
    }
}
