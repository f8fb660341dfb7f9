//! Senders that follow the Standard Webhooks specification, including Svix and its customers
//! (<https://www.standardwebhooks.com>).
//!
//! ```
//! use http::HeaderMap;
//! use tower_webhook::provider::{self, standard_webhooks};
//! use tower_webhook::signature::SignatureErrorKind;
//! use tower_webhook::{Name, UnixTime};
//!
//! // The example of the specification.
//! let keys = standard_webhooks::keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])?;
//! let acme = provider::standard_webhooks(Name::new("acme")?, keys);
//! let mut headers = HeaderMap::new();
//! headers.insert("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".parse()?);
//! headers.insert("webhook-timestamp", "1614265330".parse()?);
//! headers.insert("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".parse()?);
//!
//! let now = UnixTime::from_secs(1_614_265_330);
//! let verifier = acme.verifier().ok_or("it signs")?;
//! let accepted = verifier.verify(&headers, br#"{"test": 2432232314}"#, now)?;
//! assert_eq!(accepted.id(), Some("msg_p5jXN8AQM9LWM0D4loKWxJek"));
//!
//! // The id is signed: the same delivery under another one is refused.
//! headers.insert("webhook-id", "msg_another".parse()?);
//! let refused = verifier.verify(&headers, br#"{"test": 2432232314}"#, now).unwrap_err();
//! assert_eq!(refused.kind(), SignatureErrorKind::Mismatch);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Asymmetric signatures (`v1a`) are ignored: a sender that makes no others can't be proved here,
//! and its public key (`whpk_`) is refused as a secret.

use std::time::Duration;

use super::Provider;
use crate::contract::{RetriedStatuses, RetrySchedule, SenderContract};
use crate::encoding::Encoding;
use crate::error::ConfigError;
use crate::event::{EventRule, Name};
use crate::secret::{KeyRing, NamedSecret, SecretFormat};
use crate::signature::{Component, Scheme, Verifier};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// Svix's own pauses (<https://docs.svix.com/retries>).
const WAITS: &[Duration] = &[
    Duration::from_secs(5),
    MINUTE.saturating_mul(5),
    MINUTE.saturating_mul(30),
    HOUR.saturating_mul(2),
    HOUR.saturating_mul(5),
    HOUR.saturating_mul(10),
    HOUR.saturating_mul(10),
];

/// A sender of this name that follows the Standard Webhooks specification, proved by its
/// signature.
///
/// - `webhook-signature: v1,<base64>` over `{id}.{timestamp}.{body}`, with `webhook-id` and
///   `webhook-timestamp`; or the same three headers as `svix-…`. Five minutes of tolerance.
/// - One event is one id, which is signed. The fingerprint covers the whole body; the event's time
///   is not known. Other content under the id is a duplicate: the sender signed both.
/// - Svix's documented schedule: eight attempts, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h apart,
///   after every answer except 2xx, each waiting 15 s; any can be sent again by hand. Each attempt
///   is signed anew. If the sender's schedule differs, declare it with
///   [`Provider::replace_contract`].
pub fn standard_webhooks(name: Name, keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("webhook-signature")
        .timestamp_header("webhook-timestamp")
        .id_header("webhook-id")
        .or_family("svix-signature")
        .timestamp_header("svix-timestamp")
        .id_header("svix-id")
        .list("v1,", Encoding::Base64)
        .content([
            Component::Id,
            Component::literal("."),
            Component::Timestamp,
            Component::literal("."),
            Component::Body,
        ])
        .secrets(secret_format())
        .known();
    let contract =
        SenderContract::new(RetrySchedule::listed(WAITS), RetriedStatuses::AllButSuccess)
            .waits(Duration::from_secs(15))
            .redelivers_by_hand();
    Provider::signed(
        name,
        Verifier::new(scheme, keys),
        EventRule::signed_id().known_types_at("/type"),
        contract,
    )
}

/// The specification's format of secrets: base64 after `whsec_`.
pub fn secret_format() -> SecretFormat {
    SecretFormat::base64("whsec_")
}

/// The endpoint's secrets as the sender shows them, named `1`, `2` and so on in their order unless
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
    KeyRing::parse(&secret_format(), secrets)
}

/// The secrets of a sender that follows the specification except for the key, which is the text
/// itself, its prefix included.
///
/// Such senders are Polar (`polar_whs_…`), BigCommerce (the client secret), and OpenAI if a secret
/// has no `whsec_`.
///
/// ```
/// use tower_webhook::Name;
/// use tower_webhook::provider::{self, standard_webhooks};
///
/// let keys = standard_webhooks::text_keys(["polar_whs_0123456789abcdef"])?;
/// let polar = provider::standard_webhooks(Name::new("polar")?, keys);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
///
/// # Errors
///
/// As [`KeyRing::parse`].
pub fn text_keys<I>(secrets: I) -> Result<KeyRing, ConfigError>
where
    I: IntoIterator,
    I::Item: NamedSecret,
{
    KeyRing::parse(&SecretFormat::Text, secrets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::tests::receive;

    // The example of the specification: github.com/standard-webhooks/standard-webhooks,
    // libraries/README and each library's tests.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIME: &str = "1614265330";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const BODY: &str = r#"{"test": 2432232314}"#;
    const NOW: u64 = 1_614_265_330;

    fn acme() -> Provider {
        let name = Name::new("acme").unwrap();
        standard_webhooks(name, keys([SECRET]).unwrap())
    }

    #[test]
    fn one_event_is_one_signed_id_in_either_family() {
        for family in ["webhook", "svix"] {
            let header = |part: &str| format!("{family}-{part}");
            let (id, time, signature) = (header("id"), header("timestamp"), header("signature"));
            let deliver = |value: &str, body: &str, now| {
                let headers = [(&*id, ID), (&*time, TIME), (&*signature, value)];
                receive(&acme(), &headers, body, now)
            };
            let event = deliver(SIGNATURE, BODY, NOW).unwrap();
            assert_eq!(event.key.encoded(), format!("acme:{ID}"));
            // The asymmetric signature of the specification's example precedes it.
            let both = format!(
                "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg== {SIGNATURE}"
            );
            assert_eq!(deliver(&both, BODY, NOW), Ok(event));
            assert!(deliver(SIGNATURE, "{}", NOW).is_err());
            assert!(deliver(SIGNATURE, BODY, NOW + 301).is_err());
        }
        let mixed = [
            ("webhook-id", ID),
            ("svix-timestamp", TIME),
            ("webhook-signature", SIGNATURE),
        ];
        assert!(receive(&acme(), &mixed, BODY, NOW).is_err());
    }

    #[test]
    fn a_public_key_is_no_secret() {
        let error = keys(["whpk_MCowBQYDK2VwAyEA"]).unwrap_err().to_string();
        assert!(error.contains("a public key"), "{error}");
    }
}
