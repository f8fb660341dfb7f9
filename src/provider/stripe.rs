//! Stripe: events of an account, signed with HMAC-SHA256
//! (<https://docs.stripe.com/webhooks>).
//!
//! ```
//! use http::HeaderMap;
//! use tower_webhook::provider::{self, stripe};
//! use tower_webhook::signature::SignatureErrorKind;
//! use tower_webhook::UnixTime;
//!
//! let stripe = provider::stripe(stripe::keys(["whsec_test_9f8e7d6c5b4a"])?);
//! let mut headers = HeaderMap::new();
//! headers.insert(
//!     "stripe-signature",
//!     "t=1777899600,v1=08325ebbc85e7149a1d118232b1f0e701c642b78ee160a831315049066d4c60b".parse()?,
//! );
//! let body = br#"{"id":"evt_1","object":"event","type":"charge.succeeded","created":1777899600,"data":{"object":{"id":"ch_1","amount":1500}}}"#;
//!
//! let verifier = stripe.verifier().ok_or("it signs")?;
//! assert!(verifier.verify(&headers, body, UnixTime::from_secs(1_777_899_700)).is_ok());
//!
//! // Ten minutes later the same delivery is a replay.
//! let refused = verifier.verify(&headers, body, UnixTime::from_secs(1_777_900_200)).unwrap_err();
//! assert_eq!(refused.kind(), SignatureErrorKind::TooOld);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each endpoint has its own secret, and so do test and live mode: separate their records by
//! [`Provider::tenant`] or in different stores. For up to 24 hours after a rotation Stripe signs
//! with the old and the new secret; either one in the ring is enough.

use std::time::Duration;

use super::Provider;
use crate::contract::{RetriedStatuses, RetrySchedule, SenderContract};
use crate::encoding::Encoding;
use crate::error::ConfigError;
use crate::event::{EventRule, KnownShape, Name};
use crate::secret::{KeyRing, NamedSecret, SecretFormat, api_key};
use crate::signature::{Component, Scheme, Verifier};

const NAME: Name = Name::constant("stripe");

/// Stripe, proved by its signature.
///
/// - `Stripe-Signature: t=<unix seconds>,v1=<hex>` over `{t}.{body}`, five minutes of tolerance. In
///   test mode an additional `v0` is ignored.
/// - One event is one `id`. The fingerprint covers `type` and `data`; the event's time is
///   `created`. Other content under its `id` is a duplicate: endpoints of different API versions
///   get the same event in different forms. The dashboard's test events all have the id
///   `evt_00000000000000` and are never deduplicated.
/// - Retries for up to three days with growing pauses, after every answer except 2xx, each attempt
///   signed anew; any event can be sent again by hand. Stripe states neither the pauses nor the
///   time to answer: at least 30 s and 5 s are assumed.
pub fn stripe(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("Stripe-Signature")
        .pairs("t", "v1", Encoding::Hex)
        .content([
            Component::Timestamp,
            Component::literal("."),
            Component::Body,
        ])
        .secrets(SecretFormat::Text)
        .known();
    let event = KnownShape::new("event", ["/id"])
        .own_id()
        .test_ids(["evt_00000000000000"])
        .fingerprint(["/type", "/data"])
        .time("/created");
    let contract = SenderContract::new(
        RetrySchedule::Unstated {
            interval: Duration::from_secs(30),
            horizon: Duration::from_secs(3 * 86_400),
        },
        RetriedStatuses::AllButSuccess,
    )
    .redelivers_by_hand();
    Provider::signed(
        NAME,
        Verifier::new(scheme, keys),
        EventRule::known([event]).known_types_at("/type"),
        contract,
    )
}

/// The endpoint's secrets as Stripe shows them, named `1`, `2` and so on in their order unless they
/// [have a name](NamedSecret). The key is the text itself, its prefix `whsec_` included.
///
/// # Errors
///
/// As [`KeyRing::parse`].
pub fn keys<I>(secrets: I) -> Result<KeyRing, ConfigError>
where
    I: IntoIterator,
    I::Item: NamedSecret,
{
    KeyRing::of_provider("stripe", &SecretFormat::Text, &[api_key], secrets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixTime;
    use crate::provider::tests::{event, receive};

    const NOW: u64 = 1_777_899_600;
    const BODY: &str = r#"{"id":"evt_1","object":"event","type":"charge.succeeded","created":1777899600,"data":{"object":{"id":"ch_1","amount":1500}}}"#;
    // printf '%s' "1777899600.$BODY" | openssl dgst -sha256 -hmac whsec_test_9f8e7d6c5b4a
    const MAC: &str = "08325ebbc85e7149a1d118232b1f0e701c642b78ee160a831315049066d4c60b";
    // Stripe's documented example of a header; its secret and body are not published.
    const DOCUMENTED: &str = "t=1492774577,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd,v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39";

    fn preset() -> Provider {
        stripe(keys(["whsec_test_9f8e7d6c5b4a"]).unwrap())
    }

    #[test]
    fn one_event_is_one_id_whatever_is_signed_beside_it() {
        let deliver =
            |value: &str, now| receive(&preset(), &[("Stripe-Signature", value)], BODY, now);
        let proved = deliver(&format!("t={NOW},v1={MAC}"), NOW).unwrap();
        assert_eq!(proved.key.encoded(), "stripe:evt_1");
        assert_eq!(proved.time, Some(UnixTime::from_secs(NOW)));
        let beside = format!(
            "t={NOW},v1={},v1={MAC},v0={}",
            "0".repeat(64),
            "1".repeat(64)
        );
        assert_eq!(deliver(&beside, NOW + 300), Ok(proved));
        for (value, why) in [
            (format!("t={NOW},v0={MAC}"), "no well-formed signature"),
            (format!("t={NOW},v1={}", "0".repeat(64)), "no active key"),
            (DOCUMENTED.to_owned(), "no active key"),
        ] {
            let error = deliver(&value, NOW).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn what_an_event_means_is_its_type_and_data() {
        let meaning = |body: &str| event(&preset(), body).fingerprint;
        // A duplicate states how many endpoints are still pending.
        let duplicate = BODY.replace(
            r#""object":"event""#,
            r#""object":"event","pending_webhooks":1"#,
        );
        assert_eq!(meaning(BODY), meaning(&duplicate));
        assert_ne!(meaning(BODY), meaning(&BODY.replace("1500", "1501")));
        assert_ne!(meaning(BODY), meaning(&BODY.replace("succeeded", "failed")));
        // Thin events have a time in another form and no data.
        let thin = r#"{"id":"evt_2","type":"v1.billing.meter.error_report_triggered","created":"2026-05-04T13:00:00Z","data":null}"#;
        assert_eq!(event(&preset(), thin).time, Some(UnixTime::from_secs(NOW)));
    }
}
