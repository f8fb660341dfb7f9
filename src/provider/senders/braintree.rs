//! Braintree: signed with HMAC-SHA1 (<https://developer.paypal.com/braintree/docs/guides/webhooks/parse>).
//!
//! ```
//! use tower_webhook::provider::{self, braintree};
//!
//! let keys = braintree::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?;
//! let sender = provider::braintree(keys, "my_public_key");
//! assert_eq!(sender.name().as_str(), "braintree");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("braintree");

/// Braintree, proved by the signature of the form's field `bt_payload`.
///
/// - `bt_signature=<public key>|<hex>`, several separated by `&`: HMAC-SHA1 over `bt_payload`, with
///   or without a trailing line feed, under the SHA-1 of the private key. Only pairs with the
///   public key that you pass count. It covers no time, so only its record stops a replay.
/// - The signature covers that field alone: confirm each event with `confirm`, or declare with
///   [`Provider::without_confirmation`] that only this field is read.
/// - One event is one payload, which is XML in base64.
/// - `bt_challenge` is answered with its HMAC under the key that also signs events. It has 20 to 32
///   hex digits, and payloads are longer.
/// - Retries for a day after 5xx are assumed.
pub fn braintree(keys: impl Into<KeyRing>, public_key: &str) -> Provider {
    let pair = format!("{public_key}|");
    let algorithm = Algorithm::HmacOfHashedSecret(Digest::Sha1);
    let payload = || Component::form_field("bt_payload").longer_than(32);
    let scheme = Scheme::at(Place::form_field("bt_signature"))
        .list(pair.clone(), Encoding::Hex)
        .separator('&')
        .algorithm(algorithm)
        .content([payload()])
        .or_content([payload(), Component::literal("\n")])
        .content_is_id()
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    let answer = ChallengeAnswer::SignedText {
        before: pair.into(),
        algorithm,
        encoding: Encoding::Hex,
    };
    signed(NAME, scheme, keys, EventRule::signed_id(), contract).challenge(
        Challenge::in_query(Method::GET, "bt_challenge", ChallengeText::Hex).answer(answer),
    )
}

keys!("braintree", "The private keys");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "braintree",
    title: "Braintree",
    proof: "HMAC-SHA1, keyed with the SHA-1 of the key, over the form field `bt_payload` in `bt_signature`; the rest of the body is not covered",
    event: "what is signed",
    challenge: "GET with `bt_challenge`: the public key and its HMAC, as text",
    confidence: Confidence::Code,
    source: "PyPI braintree 4.48.0 `webhook_notification_gateway.py`, whose vectors hold",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(braintree(keys([secret])?, "integration_public_key")),
}];

vectors! {
    // Made by the SDK's `webhook_testing.sample_notification`.
    {
        of: "braintree",
        secret: "integration_private_key",
        body: "bt_signature=integration_public_key%7Ca48882882342f5429b9ce50c0aadfde1470febe5&bt_payload=CiAgICAgICAgICAgIDxub3RpZmljYXRpb24%2BCiAgICAgICAgICAgICAgICA8dGltZXN0YW1wIHR5%0AcGU9ImRhdGV0aW1lIj4yMDI2LTExLTI5VDE2OjQ1OjE1WjwvdGltZXN0YW1wPgogICAgICAgICAg%0AICAgICAgPGtpbmQ%2Bc3Vic2NyaXB0aW9uX3dlbnRfcGFzdF9kdWU8L2tpbmQ%2BCiAgICAgICAgICAg%0AICAgICAKICAgICAgICAgICAgICAgIDxzdWJqZWN0PgogICAgICAgICAgICA8c3Vic2NyaXB0aW9u%0APgogICAgICAgICAgICAgICAgPGlkPm15X2lkPC9pZD4KICAgICAgICAgICAgICAgIDx0cmFuc2Fj%0AdGlvbnMgdHlwZT0iYXJyYXkiPjwvdHJhbnNhY3Rpb25zPgogICAgICAgICAgICAgICAgPGFkZF9v%0AbnMgdHlwZT0iYXJyYXkiPjwvYWRkX29ucz4KICAgICAgICAgICAgICAgIDxkaXNjb3VudHMgdHlw%0AZT0iYXJyYXkiPjwvZGlzY291bnRzPgogICAgICAgICAgICA8L3N1YnNjcmlwdGlvbj4KICAgICAg%0AICA8L3N1YmplY3Q%2BCiAgICAgICAgICAgIDwvbm90aWZpY2F0aW9uPgogICAgICAgIA%3D%3D%0A",
        key: "sha256:0f8dbb0d98964a1b3fa0b3e53f79a0c1045006cf65c4fac68b5962b2615935aa",
    }
}
