//! Mollie, next-gen webhooks (<https://docs.mollie.com/reference/webhooks-best-practices>).
//!
//! ```
//! use tower_webhook::provider::{self, mollie};
//!
//! let sender = provider::mollie(mollie::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "mollie");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("mollie");

/// Mollie, next-gen webhooks, proved by its signature.
///
/// - `X-Mollie-Signature: sha256=<hex>` over the body, or `<hex>` alone, as on the page above.
///   During a secret rotation the header has several lines, which a gateway may join by commas: one
///   valid signature is enough. It covers no time.
/// - One event is one `id`.
/// - Classic webhooks, a form with an `id`, are not signed, and are refused. Retries for 26 h after
///   every answer except 2xx are assumed.
pub fn mollie(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Mollie-Signature")
        .list("sha256=", Encoding::Hex)
        .separator(',')
        .optional_prefix()
        .several_lines()
        .algorithm(Algorithm::Hmac(Digest::Sha256))
        .known();
    let contract = SenderContract::new(retries_for(hours(26)), RetriedStatuses::AllButSuccess);
    signed(NAME, scheme, keys, by_id("/id"), contract)
}

keys!("mollie", "The webhook's signing secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "mollie",
    title: "Mollie, next-gen webhooks",
    proof: "HMAC-SHA256 over the body in `X-Mollie-Signature`, on several lines while a secret is changed",
    event: "`id`",
    challenge: "none",
    confidence: Confidence::Code,
    source: "mollie/mollie-api-php `SignatureValidator.php`; PyPI mollie-api-py 1.10.20",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(mollie(keys([secret])?)),
}];

vectors! {
    {
        of: "mollie",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-mollie-signature", "sha256=0000000000000000000000000000000000000000000000000000000000000000"), ("x-mollie-signature", "sha256=5e19eb928705faa793606637f5feed303d6df456688bd745ea5b0c86adc61eca")],
        body: r#"{"resource":"event","id":"event_GvJ8WHrp5isUdRub9CJyH","type":"payment-link.paid","entityId":"pl_qng5gbbv8NAZ5gpM5ZYgx","createdAt":"2026-05-04T13:00:00.0Z"}"#,
        key: "event_GvJ8WHrp5isUdRub9CJyH",
    }
    {
        of: "mollie",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-mollie-signature", "5e19eb928705faa793606637f5feed303d6df456688bd745ea5b0c86adc61eca")],
        body: r#"{"resource":"event","id":"event_GvJ8WHrp5isUdRub9CJyH","type":"payment-link.paid","entityId":"pl_qng5gbbv8NAZ5gpM5ZYgx","createdAt":"2026-05-04T13:00:00.0Z"}"#,
        key: "event_GvJ8WHrp5isUdRub9CJyH",
    }
    {
        of: "mollie",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-mollie-signature", "sha256=0000000000000000000000000000000000000000000000000000000000000000, sha256=5e19eb928705faa793606637f5feed303d6df456688bd745ea5b0c86adc61eca")],
        body: r#"{"resource":"event","id":"event_GvJ8WHrp5isUdRub9CJyH","type":"payment-link.paid","entityId":"pl_qng5gbbv8NAZ5gpM5ZYgx","createdAt":"2026-05-04T13:00:00.0Z"}"#,
        key: "event_GvJ8WHrp5isUdRub9CJyH",
    }
}
