//! Asaas (<https://docs.asaas.com/docs/about-webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, asaas};
//!
//! let sender = provider::asaas(asaas::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "asaas");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("asaas");

/// The pauses between attempts.
const WAITS: &[Duration] = &[
    seconds(30),
    minutes(1),
    seconds(210),
    minutes(5),
    minutes(15),
    minutes(25),
    hours(1),
    hours(1),
    hours(1),
    hours(1),
    hours(1),
    hours(2),
    hours(2),
    hours(3),
];

/// Asaas, proved by a shared token.
///
/// - It proves the sender of a delivery, but not its content: confirm important facts with the
///   sender's API.
/// - `asaas-access-token` holds the token of the webhook.
/// - One event is one `id`.
/// - It retries after 30 s, 1, 3.5, 5, 15 and 25 min, five times after 1 h, twice after 2 h and
///   after 3 h. After 15 attempts the queue pauses, and keeps events for 14 days. 201 and 204 count
///   as failures: if a handler answers with one of them, 200 is sent instead.
pub fn asaas(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::token(Place::header("asaas-access-token")).known();
    let contract =
        SenderContract::new(RetrySchedule::listed(WAITS), RetriedStatuses::AllButSuccess)
            .waits(seconds(10))
            .counts_as_success(SuccessAnswer::exactly(200))
            .pauses_at(FailureShare::all(15, hours(24)));
    signed(NAME, scheme, keys, by_members(["/id"]), contract)
}

keys!("asaas", "The webhook's authentication tokens");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "asaas",
    title: "Asaas",
    proof: "the token itself in `asaas-access-token`",
    event: "`id`",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "docs.asaas.com, FAQ de webhooks",
    assumed: "nothing",
    example: |secret, _| Ok(asaas(keys([secret])?)),
}];

vectors! {
    {
        of: "asaas",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("asaas-access-token", "5hG7kQ2mW9xZ4tB8vN3c")],
        body: r#"{"id":"evt_05b708f961d739ea7eba7e4db318f621&368604920","event":"PAYMENT_RECEIVED","dateCreated":"2026-05-04 13:00:00","payment":{"object":"payment","id":"pay_080225913252"}}"#,
        key: "evt_05b708f961d739ea7eba7e4db318f621&368604920",
    }
}
