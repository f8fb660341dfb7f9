//! Celcoin, Pix and banking as a service
//! (<https://developers.celcoin.com.br/docs/gerenciamento-de-webhooks-do-pix>).
//!
//! ```
//! use tower_webhook::provider::{self, celcoin};
//!
//! let sender = provider::celcoin(celcoin::keys(["ana:5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "celcoin");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("celcoin");

/// Celcoin, Pix and banking as a service, proved by a shared token.
///
/// - It proves the sender of a delivery, but not its content: confirm important facts with the
///   sender's API.
/// - `Authorization: Basic` contains the user and password from the registration, as
///   `user:password`; in a list of [`Secrets`](crate::Secrets) each needs a name, as in
///   `1:user:password`. Its documentation does not show the header: test it first with one of your
///   own deliveries.
/// - One event is one body, by its digest.
/// - It retries after every answer except 200, up to 20 times for a transaction, and then blocks it
///   until you release it.
pub fn celcoin(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::basic().known();
    let contract = SenderContract::new(retries_for(hours(72)), RetriedStatuses::AllButSuccess)
        .waits(seconds(5))
        .counts_as_success(SuccessAnswer::exactly(200));
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("celcoin", "Users and passwords, each as `user:password`");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "celcoin",
    title: "Celcoin, Pix and banking as a service",
    proof: "user and password in `Authorization: Basic`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "developers.celcoin.com.br, gerenciamento de webhooks do Pix",
    assumed: "that it sends Basic, and where the id stands",
    example: |secret, _| Ok(celcoin(keys([secret])?)),
}];

vectors! {
    {
        of: "celcoin",
        secret: "ana:5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("authorization", "Basic YW5hOjVoRzdrUTJtVzl4WjR0Qjh2TjNj")],
        body: r#"{"entity":"pix-payment-in","createTimestamp":"2026-05-04T13:00:00","status":"CONFIRMED","body":{"id":"34fee7bc-4d40-4605-9af8-398ed7d0d6b5","endToEndId":"E13935893202605041300abcdefghijk"}}"#,
        key: "sha256:6c768fd5ab41d25f540d5daf16b72cef0c159c0f4cd227c620043b0341da2db1",
    }
}
