//! Paystack: signed with HMAC-SHA512 (<https://paystack.com/docs/payments/webhooks/>).
//!
//! ```
//! use tower_webhook::provider::{self, paystack};
//!
//! let sender = provider::paystack(paystack::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "paystack");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("paystack");

/// Paystack, proved by its signature.
///
/// - `X-Paystack-Signature: <hex>`, HMAC-SHA512 over the body alone. It covers no time, so a
///   captured delivery never grows stale: only its record stops a replay.
/// - One event is one body, by its digest.
/// - Retries for three days after 5xx are assumed.
pub fn paystack(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Paystack-Signature")
        .single("", Encoding::Hex)
        .algorithm(Algorithm::Hmac(Digest::Sha512))
        .known();
    let contract = SenderContract::new(retries_for(hours(72)), server_errors());
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("paystack", "The secret keys of the API, which sign its webhooks");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "paystack",
    title: "Paystack",
    proof: "HMAC-SHA512 over the body in `X-Paystack-Signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Others,
    source: "webhooks-spec `config.ts`; the documents of others",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(paystack(keys([secret])?)),
}];

vectors! {
    {
        of: "paystack",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-paystack-signature", "f7bebe21177706a0cacceabba5a06c38a88c8017f3e8f73fd7b2c672583e07f77cf238f40c128abb966964cb0492efb5bf80d3aeb986636e660403a35d703533")],
        body: r#"{"event":"charge.success","data":{"id":302961,"reference":"qTPrJoy9Bx","amount":10000,"status":"success"}}"#,
        key: "sha256:9767aa04d9ae2cbb9efb1f62088d48bbb2abc282e8503ef48d037a3087f1fd4f",
    }
}
