//! Vercel: signed with HMAC-SHA1 (<https://vercel.com/docs/webhooks/webhooks-api>).
//!
//! ```
//! use tower_webhook::provider::{self, vercel};
//!
//! let sender = provider::vercel(vercel::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "vercel");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("vercel");

/// Vercel, proved by its signature.
///
/// - `x-vercel-signature: <hex>`, HMAC-SHA1 over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - One event is one `/id`.
/// - Retries for a day after 5xx are assumed.
pub fn vercel(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("x-vercel-signature")
        .single("", Encoding::Hex)
        .algorithm(Algorithm::Hmac(Digest::Sha1))
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, by_id("/id"), contract)
}

keys!("vercel", "The webhooks' secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "vercel",
    title: "Vercel",
    proof: "HMAC-SHA1 over the body in `x-vercel-signature`",
    event: "`/id`",
    challenge: "none",
    confidence: Confidence::Others,
    source: "hookdeck/webhook-skills vercel; webhooks-spec",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(vercel(keys([secret])?)),
}];

vectors! {
    {
        of: "vercel",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-vercel-signature", "f1ca8c48714b157099bda97651472e1973015ad1")],
        body: r#"{"id":"evt_7","type":"deployment.created","createdAt":1777899600000,"payload":{"deployment":{"id":"dpl_7"}}}"#,
        key: "evt_7",
    }
}
