//! Checkout.com: signed with HMAC-SHA256
//! (<https://www.checkout.com/docs/developer-resources/webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, checkout_com};
//!
//! let sender = provider::checkout_com(checkout_com::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "checkout-com");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("checkout-com");

/// Checkout.com, proved by its signature.
///
/// - `Cko-Signature: <hex>`, HMAC-SHA256 over the body alone. It covers no time, so a captured
///   delivery never grows stale: only its record stops a replay.
/// - One event is one `/id`.
/// - Retries for 72 h after every answer but 2xx are assumed.
pub fn checkout_com(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("Cko-Signature")
        .single("", Encoding::Hex)
        .known();
    let contract = SenderContract::new(retries_for(hours(72)), RetriedStatuses::AllButSuccess)
        .redelivers_by_hand();
    signed(NAME, scheme, keys, by_id("/id"), contract)
}

keys!("checkout-com", "The keys of the workflow's action");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "checkout_com",
    title: "Checkout.com",
    proof: "HMAC-SHA256 over the body in `Cko-Signature`",
    event: "`/id`",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "checkout.com docs, set up your webhook receiver",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(checkout_com(keys([secret])?)),
}];

vectors! {
    {
        of: "checkout_com",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("cko-signature", "8740e355dfdf2e1b5971ff80a62556b601762c3be1335fb1b7445e16a6e6d8f9")],
        body: r#"{"id":"evt_az5sblvku4ge3dwpztvyizgcau","type":"payment_approved","version":"2.0.0","created_on":"2026-05-04T13:00:00Z","data":{"id":"pay_7"}}"#,
        key: "evt_az5sblvku4ge3dwpztvyizgcau",
    }
}
