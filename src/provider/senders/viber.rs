//! Viber: signed with HMAC-SHA256 (<https://developers.viber.com/docs/api/rest-bot-api/>).
//!
//! ```
//! use tower_webhook::provider::{self, viber};
//!
//! let sender = provider::viber(viber::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "viber");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("viber");

/// Viber, proved by its signature.
///
/// - `X-Viber-Content-Signature: <hex>`, HMAC-SHA256 over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - One event is one `/message_token`.
/// - `message_token` is larger than a float can hold.
/// - Retries for a day after 5xx are assumed.
pub fn viber(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Viber-Content-Signature")
        .single("", Encoding::Hex)
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    Provider::signed(
        NAME,
        Verifier::new(scheme, keys),
        by_id("/message_token"),
        contract,
    )
}

keys!(
    "viber",
    "The account's authentication tokens",
    SecretFormat::Text,
    &[]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "viber",
    title: "Viber",
    proof: "HMAC-SHA256 over the body in `X-Viber-Content-Signature`",
    event: "`/message_token`",
    challenge: "a POST of the event `webhook`, signed: answered by the handler like any other",
    confidence: Confidence::Code,
    source: "npm viber-bot 1.0.18 `message-validator.js`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(viber(keys([secret])?)),
}];

vectors! {
    {
        of: "viber",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        url: "https://hooks.example/in",
        uri: "/in",
        headers: &[("x-viber-content-signature", "b3bf12b1213e1e7270711aa02527848ee3c28f39c23e28eb7c7e14dd9fe33df6")],
        body: r#"{"event":"message","timestamp":1777899600000,"message_token":4912661846655238145,"sender":{"id":"01234567890A="}}"#,
        now: 1777899600,
        key: "4912661846655238145",
    }
}
