//! Lemon Squeezy: signed with HMAC-SHA256 (<https://docs.lemonsqueezy.com/help/webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, lemon_squeezy};
//!
//! let sender = provider::lemon_squeezy(lemon_squeezy::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "lemon_squeezy");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("lemon_squeezy");

/// Lemon Squeezy, proved by its signature.
///
/// - `X-Signature: <hex>`, HMAC-SHA256 over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - One event is one body, by its digest: `X-Event-Name` is not signed. Choose a secret of 12
///   characters or more, although Lemon Squeezy allows six.
/// - Retries for a day after 5xx are assumed.
pub fn lemon_squeezy(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Signature")
        .single("", Encoding::Hex)
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("lemon_squeezy", "The webhooks' signing secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "lemon_squeezy",
    title: "Lemon Squeezy",
    proof: "HMAC-SHA256 over the body in `X-Signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Others,
    source: "webhooks-spec `config.ts`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(lemon_squeezy(keys([secret])?)),
}];

vectors! {
    {
        of: "lemon_squeezy",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-signature", "98a44788700b0c5a6468af1eda6169aec8eff2ed2f1fbb71317cf927e0033ca6")],
        body: r#"{"meta":{"event_name":"order_created"},"data":{"type":"orders","id":"7","attributes":{"status":"paid","updated_at":"2026-05-04T13:00:00.000000Z"}}}"#,
        key: "sha256:9cf3d199ea042b32db761ffee02788101649ffdc2c816f9e73a367be66e83e90",
    }
}
