//! Meta: Facebook, Instagram, Messenger, WhatsApp: signed with HMAC-SHA256
//! (<https://developers.facebook.com/docs/graph-api/webhooks/getting-started>).
//!
//! Non-ASCII text is signed as it is sent, in escapes: a proxy that serializes the JSON again
//! breaks the signature.
//!
//! ```
//! use tower_webhook::provider::{self, meta};
//!
//! let sender = provider::meta(meta::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?, meta::keys(["a verify token of yours"])?);
//! assert_eq!(sender.name().as_str(), "meta");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("meta");

/// Meta: Facebook, Instagram, Messenger, WhatsApp, proved by its signature.
///
/// - `X-Hub-Signature-256: sha256=<hex>`, HMAC-SHA256 over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - One event is one body, by its digest.
/// - A delivery contains up to 1,000 changes, and is one event here: the handler separates them.
/// - Retries for 7 days after every answer but 200 are assumed.
/// - `hub.challenge` is echoed if `hub.verify_token` is one of `verify_tokens`; any other token is
///   answered 403.
pub fn meta(keys: impl Into<KeyRing>, verify_tokens: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Hub-Signature-256")
        .single("sha256=", Encoding::Hex)
        .known();
    let contract = SenderContract::new(retries_for(hours(168)), RetriedStatuses::AllButSuccess)
        .counts_as_success(SuccessAnswer::exactly(200));
    signed(NAME, scheme, keys, EventRule::body(), contract).challenge(
        Challenge::in_query(Method::GET, "hub.challenge", ChallengeText::Token)
            .when_parameter("hub.mode", "subscribe")
            .with_token("hub.verify_token", verify_tokens),
    )
}

keys!("meta", "The app's secrets, or the verify tokens");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "meta",
    title: "Meta: Facebook, Instagram, Messenger, WhatsApp",
    proof: "HMAC-SHA256 over the body in `X-Hub-Signature-256`",
    event: "the body, by its digest",
    challenge: "GET with `hub.challenge`: its echo where `hub.verify_token` is right",
    confidence: Confidence::Others,
    source: "developers.facebook.com as quoted by webhooks-spec and webhook-co",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(meta(keys([secret])?, keys([secret])?)),
}];

vectors! {
    {
        of: "meta",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-hub-signature-256", "sha256=a4f01ed8c895b843720b73bf3bd77f2edfeddae4938c8d698b0da657c71ed1ab")],
        body: r#"{"object":"whatsapp_business_account","entry":[{"id":"102290129340398","changes":[{"field":"messages","value":{"messaging_product":"whatsapp","messages":[{"from":"16315551234","id":"wamid.ABGGFlA5Fpa","timestamp":"1777899600","type":"text","text":{"body":"hi"}}]}}]}]}"#,
        key: "sha256:19f230182e738d4f6eb80fe1531fef795271e3e2f2a5c3da873254f034a0c0a4",
    }
}
