//! BlendFi: conversions, transactions and KYC, signed with HMAC-SHA256.
//!
//! ```
//! use tower_webhook::provider::{self, blendfi};
//!
//! let secret = "whsec_test_9f8e7d6c5b4a"; // from your configuration
//! let blendfi = provider::blendfi(blendfi::keys([secret])?);
//!
//! // The check that `Webhook` makes, without a server. The signature was made by
//! // printf '1777899600.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test_9f8e7d6c5b4a
//! let mut headers = http::HeaderMap::new();
//! headers.insert(
//!     "x-blendfi-signature",
//!     "t=1777899600,v1=c706533404014f078f7de5b301dcd904b5344a239be2f36ac1e46539b3f51701"
//!         .parse()?,
//! );
//! let verifier = blendfi.verifier().ok_or("BlendFi signs")?;
//! let now = tower_webhook::UnixTime::from_secs(1_777_899_700);
//! assert!(verifier.verify(&headers, br#"{"id":"evt_1"}"#, now).is_ok(), "accepted");
//! assert!(verifier.verify(&headers, br#"{"id":"evt_2"}"#, now).is_err(), "refused");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! BlendFi does not state how long an old secret still signs after a rotation. Put both into the
//! key ring, the new one first, until no delivery is signed with the old one.

mod payload;

use std::time::Duration;

use super::Provider;
use crate::contract::{RetriedStatuses, RetrySchedule, SenderContract};
use crate::encoding::Encoding;
use crate::error::ConfigError;
use crate::event::{EventRule, KnownShape, Name};
use crate::secret::{KeyRing, NamedSecret, SecretFormat, api_key};
use crate::signature::{Component, Scheme, Verifier};

pub use payload::{Conversion, Data, EventType, Payload, StandbyReason};

const NAME: Name = Name::constant("blendfi");

/// BlendFi, proved by its signature.
///
/// - `X-Blendfi-Signature: t=<unix seconds>,v1=<hex>` over `{t}.{body}`, five minutes of tolerance.
/// - One event is one `id` of the body. `X-Blendfi-Event-Id` is not signed: it is compared with the
///   `id` and never trusted.
/// - The fingerprint covers `type` and `data`; the event's time is `created_at`. Other content
///   under its `id` is a duplicate.
/// - Five attempts about 30 s apart, each waiting 5 s, after 408, 409, 425, 429, 5xx or no answer;
///   any delivery can be sent again by hand.
pub fn blendfi(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Blendfi-Signature")
        .pairs("t", "v1", Encoding::Hex)
        .shown_id_header("X-Blendfi-Event-Id")
        .content([
            Component::Timestamp,
            Component::literal("."),
            Component::Body,
        ])
        .secrets(secret_format())
        .known();
    let event = KnownShape::new("event", ["/id"])
        .own_id()
        .fingerprint(["/type", "/data"])
        .time("/created_at");
    let contract = SenderContract::new(
        RetrySchedule::Fixed {
            interval: Duration::from_secs(30),
            attempts: 5,
        },
        RetriedStatuses::server_errors_and(&[408, 409, 425, 429]),
    )
    .waits(Duration::from_secs(5))
    .redelivers_by_hand();
    Provider::signed(
        NAME,
        Verifier::new(scheme, keys),
        EventRule::known([event])
            .known_checked_header("X-Blendfi-Event-Id")
            .known_types_at("/type"),
        contract,
    )
}

/// The format of BlendFi's secrets: the key is the text itself, its prefix included.
pub fn secret_format() -> SecretFormat {
    SecretFormat::Text
}

/// The endpoint's secrets as BlendFi shows them, named `1`, `2` and so on in their order unless
/// they [have a name](NamedSecret).
///
/// # Errors
///
/// As [`KeyRing::parse`].
pub fn keys<I>(secrets: I) -> Result<KeyRing, ConfigError>
where
    I: IntoIterator,
    I::Item: NamedSecret,
{
    KeyRing::of_provider("blendfi", &secret_format(), &[api_key], secrets)
}

#[cfg(test)]
mod tests;
