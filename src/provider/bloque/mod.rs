//! Bloque: accounts and cards by a secret path, payments signed with HMAC-SHA256.
//!
//! ```
//! use tower_webhook::provider::{self, bloque};
//! use tower_webhook::PathTokens;
//!
//! let accounts = provider::bloque_accounts(PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?);
//! let payments = provider::bloque_payments(bloque::keys(["bloque_test_9f8e7d6c5b4a"])?);
//! assert_eq!(accounts.name(), payments.name());
//!
//! // printf '{"id":"evt_1"}' | openssl dgst -sha256 -hmac bloque_test_9f8e7d6c5b4a
//! let mut headers = http::HeaderMap::new();
//! headers.insert(
//!     "x-bloque-signature",
//!     "8f148822193a73f6fd975b35762cbeadf5e0e2e420f19569f757412c0ee96c5d".parse()?,
//! );
//! let verifier = payments.verifier().ok_or("payments are signed")?;
//! let now = tower_webhook::UnixTime::now();
//! assert!(verifier.verify(&headers, br#"{"id":"evt_1"}"#, now).is_ok(), "accepted");
//! assert!(verifier.verify(&headers, br#"{"id":"evt_2"}"#, now).is_err(), "refused");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A body of unknown shape is not refused: it is identified by its digest and handed on as
//! `Unknown`, to be logged and acknowledged. Bloque may pause an endpoint that keeps failing.

mod account;
mod asset;
mod card;
mod payment;

use std::time::Duration;

use serde::Deserialize;

use super::Provider;
use super::fields::{Fields, RawJson};
use crate::contract::{RetriedStatuses, RetrySchedule, SenderContract};
use crate::encoding::Encoding;
use crate::error::ConfigError;
use crate::event::{EventRule, KnownShape, Name};
use crate::path::PathTokens;
use crate::secret::{KeyRing, NamedSecret, SecretFormat};
use crate::signature::{Scheme, Verifier};

pub use account::{AccountEvent, AccountStatus, Medium};
pub use asset::Asset;
pub use card::{CardEvent, CardEventName, CardEventType, Direction};
pub use payment::{Payment, PaymentPayload};

const NAME: Name = Name::constant("bloque");

/// Bloque's account and card events, proved by a secret path.
///
/// One card account sends both to one URL. Nothing else about them can be checked.
///
/// - With `event_type` it is an account event: one event is one `account_urn`, `event_type` and
///   `timestamp`. Its fingerprint covers `event_data`; its time is `timestamp`.
/// - With `transaction_id` it is a card event: one event is one `type`, `event` and
///   `transaction_id`. Its fingerprint covers `amount`, `asset` and `direction`. It has no time.
/// - Every other JSON body is identified by its digest.
/// - Bloque retries after every answer except 2xx and waits 5 s for one. It does not state when it
///   retries: 30 s apart for 24 h is assumed.
pub fn bloque_accounts(tokens: PathTokens) -> Provider {
    let account = KnownShape::new("account", ["/account_urn", "/event_type", "/timestamp"])
        .when("/event_type")
        .fingerprint(["/event_data"])
        .time("/timestamp");
    let card = KnownShape::new("card", ["/type", "/event", "/transaction_id"])
        .when("/transaction_id")
        .fingerprint(["/amount", "/asset", "/direction"]);
    Provider::by_secret_path(
        NAME,
        tokens,
        EventRule::known([account, card]).or_body("account"),
        contract(),
    )
    .hook("account")
}

/// Bloque's payments events, proved by their signature.
///
/// - `x-bloque-signature: <hex>` over the body alone. It covers no time, so a captured delivery
///   never becomes stale: only its record stops a replay.
/// - One event is one `id`, or one `type` and `data.id` if it has none. Its fingerprint covers
///   `type` and `data`. Other content under an `id` is a duplicate; under the other key it is a
///   conflict. Every other JSON body is identified by its digest.
/// - Retries as in [`bloque_accounts()`]. Bloque does not state the format of its secret: try plain
///   text ([`keys`]) first.
pub fn bloque_payments(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("x-bloque-signature")
        .single("", Encoding::Hex)
        .known();
    let by_id = KnownShape::new("payment", ["/id"])
        .own_id()
        .when("/id")
        .fingerprint(["/type", "/data"]);
    let by_payment = KnownShape::new("payment", ["/type", "/data/id"])
        .when("/data/id")
        .fingerprint(["/type", "/data"]);
    Provider::signed(
        NAME,
        Verifier::new(scheme, keys),
        EventRule::known([by_id, by_payment])
            .or_body("payment")
            .known_types_at("/type"),
        contract(),
    )
    .hook("payment")
}

/// The secrets of Bloque's payments, named `1`, `2` and so on in their order unless they
/// [have a name](NamedSecret). The key is the text itself.
///
/// # Errors
///
/// As [`KeyRing::parse`].
pub fn keys<I>(secrets: I) -> Result<KeyRing, ConfigError>
where
    I: IntoIterator,
    I::Item: NamedSecret,
{
    KeyRing::of_provider("bloque", &SecretFormat::Text, &[], secrets)
}

fn contract() -> SenderContract {
    SenderContract::new(
        RetrySchedule::Unstated {
            interval: Duration::from_secs(30),
            horizon: Duration::from_secs(86_400),
        },
        RetriedStatuses::AllButSuccess,
    )
    .waits(Duration::from_secs(5))
}

/// One event of an account or one of its cards.
///
/// Every JSON text is read. The variant follows the key rule of [`bloque_accounts()`]: a body that
/// is identified by its digest is `Unknown`. A member outside the key whose type differs from the
/// documented one stays in `other`.
///
/// ```
/// use tower_webhook::provider::bloque::Payload;
///
/// let card: Payload = serde_json::from_str(
///     r#"{
///         "account_urn": "did:bloque:account:card:usr-1:crd-1",
///         "transaction_id": "ctx-200",
///         "type": "authorization",
///         "direction": "debit",
///         "event": "purchase",
///         "amount": "1500000",
///         "asset": "DUSD/6"
///     }"#,
/// )?;
/// let Payload::Card(card) = card else { panic!("no card event") };
/// assert_eq!(card.amount_in_units().unwrap().as_str(), "1.500000");
///
/// let unknown: Payload = serde_json::from_str(r#"{"hello": 1.0}"#)?;
/// assert!(matches!(unknown, Payload::Unknown(raw) if raw.as_str() == r#"{"hello": 1.0}"#));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "RawJson")]
#[non_exhaustive]
pub enum Payload {
    /// An event of an account.
    Account(Box<AccountEvent>),
    /// An event of a card.
    Card(Box<CardEvent>),
    /// A body of unknown shape, as it was written: log and acknowledge it.
    Unknown(RawJson),
}

impl From<RawJson> for Payload {
    fn from(raw: RawJson) -> Self {
        let known = raw.to::<Fields>().ok().and_then(|fields| {
            // The order of the shapes in the rule.
            if fields.contains("event_type") {
                let account = AccountEvent::try_from(fields).ok()?;
                Some(Self::Account(Box::new(account)))
            } else {
                let card = CardEvent::try_from(fields).ok()?;
                Some(Self::Card(Box::new(card)))
            }
        });
        known.unwrap_or(Self::Unknown(raw))
    }
}

#[cfg(test)]
mod tests;
