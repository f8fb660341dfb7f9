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
/// - One event is one `event` and `message_token`, and `user_id` if present: the reports that a
///   message was delivered and that it was seen have the same token. The token is larger than a
///   float can represent.
/// - Retries for a day after every answer but 200 are assumed.
pub fn viber(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Viber-Content-Signature")
        .single("", Encoding::Hex)
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors())
        .counts_as_success(SuccessAnswer::exactly(200));
    let of_user = KnownShape::new("event", ["/event", "/message_token", "/user_id"])
        .when("/event")
        .when("/message_token")
        .when("/user_id");
    let of_nobody = KnownShape::new("event", ["/event", "/message_token"])
        .when("/event")
        .when("/message_token")
        .unless("/user_id");
    let rule = EventRule::known([of_user, of_nobody]).or_body("event");
    signed(NAME, scheme, keys, rule, contract)
}

keys!("viber", "The account's authentication tokens");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "viber",
    title: "Viber",
    proof: "HMAC-SHA256 over the body in `X-Viber-Content-Signature`",
    event: "`event`, `message_token`, `user_id`",
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
        headers: &[("x-viber-content-signature", "b3bf12b1213e1e7270711aa02527848ee3c28f39c23e28eb7c7e14dd9fe33df6")],
        body: r#"{"event":"message","timestamp":1777899600000,"message_token":4912661846655238145,"sender":{"id":"01234567890A="}}"#,
        key: "message:4912661846655238145",
    }
    {
        of: "viber",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-viber-content-signature", "ac8c7974abde878ddfbaa005a60a876e49a44694b04314724af4d50d964400ce")],
        body: r#"{"event":"delivered","timestamp":1777899600000,"message_token":4912661846655238145,"user_id":"01234567890A="}"#,
        key: "delivered:4912661846655238145:01234567890A=",
    }
    {
        of: "viber",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-viber-content-signature", "1629221c4f1380865d65dc02dd4ce9256b6e6c58645997f61a959b742f8871b7")],
        body: r#"{"event":"seen","timestamp":1777899600000,"message_token":4912661846655238145,"user_id":"01234567890A="}"#,
        key: "seen:4912661846655238145:01234567890A=",
    }
}
