//! Intercom: signed with HMAC-SHA1 (<https://developers.intercom.com/docs/webhooks/webhook-notifications>).
//!
//! ```
//! use tower_webhook::provider::{self, intercom};
//!
//! let sender = provider::intercom(intercom::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "intercom");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("intercom");

/// Intercom, proved by its signature.
///
/// - `X-Hub-Signature: sha1=<hex>`, HMAC-SHA1 over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - One event is one `/id`: `delivery_attempts` differs for each attempt.
/// - It checks with `HEAD` that the URL exists. Retries for a day after 5xx are assumed.
pub fn intercom(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Hub-Signature")
        .single("sha1=", Encoding::Hex)
        .algorithm(Algorithm::Hmac(Digest::Sha1))
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors()).probes_with([Method::HEAD]);
    signed(NAME, scheme, keys, by_id("/id"), contract)
}

keys!("intercom", "The app's client secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "intercom",
    title: "Intercom",
    proof: "HMAC-SHA1 over the body in `X-Hub-Signature`",
    event: "`/id`",
    challenge: "HEAD: success",
    confidence: Confidence::Others,
    source: "webhooks-spec `config.ts`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(intercom(keys([secret])?)),
}];

vectors! {
    {
        of: "intercom",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-hub-signature", "sha1=bfa742a7d58ce1fd6eccc40fdf097948f3869552")],
        body: r#"{"type":"notification_event","id":"notif_7","topic":"conversation.user.created","created_at":1777899600,"delivery_attempts":1,"data":{}}"#,
        key: "notif_7",
    }
}
