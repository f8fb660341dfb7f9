//! Cashfree (<https://www.cashfree.com/docs/payments/online/webhooks/signature-verification>).
//!
//! ```
//! use tower_webhook::provider::{self, cashfree};
//!
//! let sender = provider::cashfree(cashfree::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "cashfree");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("cashfree");

/// Cashfree, proved by its signature.
///
/// - `x-webhook-signature: <base64>` over the time and the body without a separator: the body must
///   begin with a bracket. The time may be in seconds or milliseconds. A day of tolerance, because
///   it states none and may not sign its retries anew.
/// - One event is one `data.payment.cf_payment_id` and `type`; a body without them is identified by
///   its digest.
/// - Retries for a day after 5xx are assumed.
pub fn cashfree(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("x-webhook-signature")
        .single("", Encoding::Base64)
        .timestamp_at(
            Place::header("x-webhook-timestamp"),
            TimeFormat::SecondsOrMilliseconds,
        )
        .content([Component::Timestamp, Component::Body])
        .tolerance(tolerance(86_400))
        .known();
    let contract =
        SenderContract::new(retries_for(hours(24)), server_errors()).redelivers_by_hand();
    signed(
        NAME,
        scheme,
        keys,
        by_members(["/data/payment/cf_payment_id", "/type"]),
        contract,
    )
}

keys!("cashfree", "The client secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "cashfree",
    title: "Cashfree",
    proof: "HMAC-SHA256 over `{time}{body}` in `x-webhook-signature`",
    event: "`data.payment.cf_payment_id`, `type`",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "cashfree.com docs, webhook signature verification",
    assumed: "the unit of the time, the window, its retries",
    example: |secret, _| Ok(cashfree(keys([secret])?)),
}];

vectors! {
    {
        of: "cashfree",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-webhook-signature", "UbFCv/XZonum8N7Z4j4E+W0sq/SUD6m8o8wBz2sl6rI="), ("x-webhook-timestamp", "1777899600000")],
        body: r#"{"type":"PAYMENT_SUCCESS_WEBHOOK","event_time":"2026-05-04T18:30:00+05:30","data":{"order":{"order_id":"order_7"},"payment":{"cf_payment_id":1453002795,"payment_status":"SUCCESS"}}}"#,
        key: "1453002795:PAYMENT_SUCCESS_WEBHOOK",
    }
}
