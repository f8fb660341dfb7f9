//! GitHub: events of repositories, organisations and apps, signed with HMAC-SHA256
//! (<https://docs.github.com/en/webhooks>).
//!
//! ```
//! use http::HeaderMap;
//! use tower_webhook::UnixTime;
//! use tower_webhook::provider::{self, github};
//! use tower_webhook::signature::SignatureErrorKind;
//!
//! // GitHub's documented example.
//! let github = provider::github(github::keys(["It's a Secret to Everybody"])?)?;
//! let mut headers = HeaderMap::new();
//! headers.insert(
//!     "x-hub-signature-256",
//!     "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17".parse()?,
//! );
//!
//! let verifier = github.verifier().ok_or("it signs")?;
//! assert!(verifier.verify(&headers, b"Hello, World!", UnixTime::now()).is_ok());
//!
//! let refused = verifier.verify(&headers, b"Hello, world!", UnixTime::now()).unwrap_err();
//! assert_eq!(refused.kind(), SignatureErrorKind::Mismatch);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing but the body is signed. `X-GitHub-Event` and `X-GitHub-Delivery` can be made up by
//! whoever holds one captured delivery: tell the kind of an event by what is in its body, and keep
//! the id to search by. Only the record stops a replay, for as long as it is kept.

use std::time::Duration;

use super::Provider;
use crate::delivery::{DeliveryProfile, RetriedStatuses, RetrySchedule};
use crate::encoding::Encoding;
use crate::error::ConfigError;
use crate::event::{EventRule, ProviderName};
use crate::secret::{KeyRing, NamedSecret, SecretFormat, api_key};
use crate::signature::{Scheme, Verifier};

/// GitHub, proved by its signature.
///
/// - `X-Hub-Signature-256: sha256=<hex>` over the body alone; the SHA-1 of `X-Hub-Signature` does
///   not count. It covers no time, so a captured delivery never grows stale.
/// - One event is one body, by its digest: two deliveries that agree in every byte are one event,
///   also where two hooks with one secret send them. Keyed on `X-GitHub-Delivery` they would be
///   two, and a replay a third one:
///   [`EventRule::with_insecure_header_key`] says what that costs.
/// - Bodies of up to 25 MiB: GitHub delivers none over "25 MB"
///   (<https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap>), which is taken
///   for the larger of its two meanings.
/// - One attempt, waiting 10 s (GitHub Enterprise Server may wait longer). GitHub never tries
///   again by itself; deliveries of the last three days can be sent again by hand or by script,
///   and one that was handled already is then answered from its record.
///
/// # Errors
///
/// None today: what stands above is valid.
pub fn github(keys: impl Into<KeyRing>) -> Result<Provider, ConfigError> {
    let scheme = Scheme::builder("X-Hub-Signature-256")
        .single("sha256=", Encoding::Hex)
        .shown_id_header("X-GitHub-Delivery")
        .secrets(SecretFormat::Text)
        .build()?;
    let profile = DeliveryProfile::new(RetrySchedule::Never, RetriedStatuses::None)
        .with_time_to_answer(Duration::from_secs(10))
        .with_redelivery_by_hand()
        .with_largest_body(25 * 1024 * 1024);
    Ok(Provider::signed(
        ProviderName::new("github")?,
        Verifier::new(scheme, keys),
        EventRule::body(),
        profile,
    ))
}

/// The hook's secrets, named `1`, `2` and so on in their order
/// unless they [bring a name](NamedSecret). The key is the text itself.
///
/// # Errors
///
/// As [`KeyRing::parse`].
pub fn keys<I>(secrets: I) -> Result<KeyRing, ConfigError>
where
    I: IntoIterator,
    I::Item: NamedSecret,
{
    KeyRing::parse_of(&SecretFormat::Text, &[api_key], secrets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::tests::receive;

    // docs.github.com, "Validating webhook deliveries", "Testing the webhook payload validation".
    const MAC: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn one_event_is_one_body_whatever_the_unsigned_headers_say() {
        let github = github(keys(["It's a Secret to Everybody"]).unwrap()).unwrap();
        let signature = format!("sha256={MAC}");
        let deliver = |id: &str, body: &str, now| {
            let headers = [
                ("X-Hub-Signature-256", &*signature),
                ("X-GitHub-Delivery", id),
            ];
            receive(&github, &headers, body, now)
        };
        let event = deliver("72d3162e-cc78-11e3-81ab-4c9367dc0958", "Hello, World!", 0).unwrap();
        // `printf 'Hello, World!' | openssl dgst -sha256`
        assert_eq!(
            event.key.encoded(),
            "github:sha256:dffd6021bb2bd5b0af676290809ec3a53191dd81c7f70a4b28688a362182986f"
        );
        assert_eq!(deliver("made up", "Hello, World!", u64::MAX), Ok(event));
        assert!(deliver("made up", "Hello, world!", 0).is_err());

        // SHA-1 is not accepted: neither its header nor its name.
        for (name, value) in [
            ("X-Hub-Signature", format!("sha1={}", "0".repeat(40))),
            ("X-Hub-Signature-256", format!("sha1={MAC}")),
            ("X-Hub-Signature-256", MAC.to_owned()),
        ] {
            let delivered = receive(&github, &[(name, &value)], "Hello, World!", 0);
            assert!(delivered.is_err(), "{name}: {value}");
        }
    }
}
