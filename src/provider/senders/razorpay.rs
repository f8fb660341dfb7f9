//! Razorpay: signed with HMAC-SHA256 (<https://razorpay.com/docs/webhooks/>).
//!
//! ```
//! use tower_webhook::provider::{self, razorpay};
//!
//! let sender = provider::razorpay(razorpay::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "razorpay");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("razorpay");

/// Razorpay, proved by its signature.
///
/// - `X-Razorpay-Signature: <hex>`, HMAC-SHA256 over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - One event is one body, by its digest: `x-razorpay-event-id` is not signed.
/// - It retries for 24 h, after every answer except 2xx, and then switches the webhook off. After a
///   rotation, retries of older events use the old secret: leave it in the ring for a day.
pub fn razorpay(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Razorpay-Signature")
        .single("", Encoding::Hex)
        .shown_id_header("x-razorpay-event-id")
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), RetriedStatuses::AllButSuccess)
        .waits(seconds(5));
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!(
    "razorpay",
    "The webhook's secrets, not those of the API key"
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "razorpay",
    title: "Razorpay",
    proof: "HMAC-SHA256 over the body in `X-Razorpay-Signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm razorpay 2.9.8; razorpay/markdown-docs webhooks",
    assumed: "nothing",
    example: |secret, _| Ok(razorpay(keys([secret])?)),
}];

vectors! {
    {
        of: "razorpay",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-razorpay-signature", "1de9399892f4700dbcb2a6a072beb58109bf9fd0ba5b4d11cd8d5d72bfec9da3")],
        body: r#"{"entity":"event","account_id":"acc_7","event":"payment.captured","created_at":1777899600,"payload":{"payment":{"entity":{"id":"pay_7"}}}}"#,
        key: "sha256:da51138be6dcc47aadf0082ffe679274b0ace1848f04ecf7378e93e6b9f588a5",
    }
}
