//! Slack: the Events API, signed with HMAC-SHA256 (<https://docs.slack.dev/apis/events-api>).
//!
//! ```
//! use http::HeaderMap;
//! use tower_webhook::UnixTime;
//! use tower_webhook::provider::{self, slack};
//! use tower_webhook::signature::SignatureErrorKind;
//!
//! let slack = provider::slack(slack::keys(["8f742231b10e8888abcd99yyyzzz85a5"])?);
//! let mut headers = HeaderMap::new();
//! headers.insert("x-slack-request-timestamp", "1777899600".parse()?);
//! headers.insert(
//!     "x-slack-signature",
//!     "v0=f772bde6ddaba5fc1f9402d8dc1b7223ba22d7bd2e905cef915a6456907178d8".parse()?,
//! );
//! let body = br#"{"type":"url_verification","token":"x","challenge":"3eZbrw1a"}"#;
//!
//! let now = UnixTime::from_secs(1_777_899_600);
//! let verifier = slack.verifier().ok_or("it signs")?;
//! assert!(verifier.verify(&headers, body, now).is_ok());
//!
//! // The time is signed: it can't be changed.
//! headers.insert("x-slack-request-timestamp", "1777899601".parse()?);
//! let refused = verifier.verify(&headers, body, now).unwrap_err();
//! assert_eq!(refused.kind(), SignatureErrorKind::Mismatch);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Once per URL, and whenever the URL is saved again, Slack sends a `url_verification` with a
//! `challenge` and no `event_id`. The handler gets it each time, as the shape `url_verification`,
//! and nothing is recorded: the handler must answer 200 with the challenge as the body.
//!
//! Interactions are signed in the same way. They are forms with JSON in their field `payload`, and
//! each is identified by its digest. Slash commands are forms without JSON, and are refused with
//! 400 here. For them, use a separate URL and replace the rule by [`EventRule::body`] through
//! [`Provider::replace_rule`].

use std::time::Duration;

use super::Provider;
use crate::contract::{FailureShare, RetriedStatuses, RetrySchedule, SenderContract};
use crate::encoding::Encoding;
use crate::error::ConfigError;
use crate::event::{EventRule, KnownShape, Name};
use crate::secret::{KeyRing, NamedSecret, SecretFormat, api_key, whsec};
use crate::signature::{Component, Scheme, Verifier};

const NAME: Name = Name::constant("slack");

/// The first retry is sent "nearly immediately".
const PAUSES_AT: FailureShare = FailureShare::known(95, Duration::from_secs(3_600), 1_000);

const WAITS: &[Duration] = &[
    Duration::from_secs(1),
    Duration::from_secs(60),
    Duration::from_secs(300),
];

/// Slack's Events API, proved by its signature.
///
/// - `X-Slack-Signature: v0=<hex>` over `v0:{timestamp}:{body}`, with `X-Slack-Request-Timestamp`;
///   five minutes of tolerance.
/// - One event is one `event_id`. The fingerprint covers `type` and `event`; the event's time is
///   `event_time`. Other content under its `event_id` is a duplicate. A `url_verification` is
///   answered each time; every other JSON body is identified by its digest.
/// - Four attempts, each waiting 3 s: the second nearly at once, the others after 1 and 5 minutes, after every
///   answer except 2xx. No redelivery by hand is documented. Slack does not state whether a retry is signed
///   anew; one that is not, and is older than the tolerance, is refused. If delayed events are turned on, an
///   app gets failed events again every hour for a day: declare this with [`Provider::replace_contract`].
/// - Slack stops sending events to an app that has answered fewer than 5 of 100 with 200 in the
///   last hour (<https://api.slack.com/events/app_rate_limited>); an app with fewer than a thousand
///   events an hour is exempt.
pub fn slack(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Slack-Signature")
        .timestamp_header("X-Slack-Request-Timestamp")
        .single("v0=", Encoding::Hex)
        .content([
            Component::literal("v0:"),
            Component::Timestamp,
            Component::literal(":"),
            Component::Body,
        ])
        .secrets(SecretFormat::Text)
        .known();
    let event = KnownShape::new("event", ["/event_id"])
        .own_id()
        .when("/event_id")
        .fingerprint(["/type", "/event"])
        .time("/event_time");
    let handshake = KnownShape::new("url_verification", ["/type"])
        .when_one_of("/type", ["url_verification"])
        .when("/challenge")
        .unless("/event")
        .answered();
    let contract =
        SenderContract::new(RetrySchedule::listed(WAITS), RetriedStatuses::AllButSuccess)
            .waits(Duration::from_secs(3))
            .pauses_at(PAUSES_AT);
    Provider::signed(
        NAME,
        Verifier::new(scheme, keys),
        EventRule::known([event, handshake])
            .or_body("event")
            .or_form_field("payload")
            .known_types_at("/event/type"),
        contract,
    )
}

/// The app's signing secrets, named `1`, `2` and so on in their order unless they
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
    KeyRing::of_provider("slack", &SecretFormat::Text, &[api_key, whsec], secrets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixTime;
    use crate::event::Handling;
    use crate::provider::tests::{event, receive};

    // docs.slack.dev, "Verifying requests from Slack": secret, time, body and signature.
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const COMMAND: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const BY_COMMAND: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    const NOW: u64 = 1_777_899_600;
    const MENTION: &str = r#"{"token":"x","team_id":"T1","type":"event_callback","event_id":"Ev1","event_time":1777899600,"event":{"type":"app_mention","text":"hi"}}"#;
    const HANDSHAKE: &str = r#"{"type":"url_verification","token":"x","challenge":"3eZbrw1a"}"#;
    // printf '%s' "v0:1777899600:$BODY" | openssl dgst -sha256 -hmac "$SECRET"
    const BY_MENTION: &str = "v0=6820854c9dd1bb504369f41332f6420a642c24a8729261592504ad7b1e78a64b";
    const BY_HANDSHAKE: &str =
        "v0=f772bde6ddaba5fc1f9402d8dc1b7223ba22d7bd2e905cef915a6456907178d8";

    fn preset() -> Provider {
        slack(keys([SECRET]).unwrap())
    }

    #[test]
    fn the_documented_request_is_proved_and_is_no_event() {
        let headers = [
            ("X-Slack-Request-Timestamp", "1531420618"),
            ("X-Slack-Signature", BY_COMMAND),
        ];
        let form = receive(&preset(), &headers, COMMAND, 1_531_420_618);
        assert_eq!(form, Err("the body is not JSON".to_owned()));
        let forms = preset().replace_rule(EventRule::body());
        assert!(receive(&forms, &headers, COMMAND, 1_531_420_618).is_ok());
        let late = receive(&forms, &headers, COMMAND, 1_531_420_919);
        assert!(late.unwrap_err().contains("a replay, or a wrong clock"));
    }

    #[test]
    fn one_event_is_one_event_id_and_the_handshake_reaches_the_handler() {
        let deliver = |signature: &str, body: &str| {
            let headers = [
                ("X-Slack-Request-Timestamp", "1777899600"),
                ("X-Slack-Signature", signature),
            ];
            receive(&preset(), &headers, body, NOW)
        };
        let mention = deliver(BY_MENTION, MENTION).unwrap();
        assert_eq!(mention.key.encoded(), "slack:Ev1");
        assert_eq!(mention.shape.as_deref(), Some("event"));
        assert_eq!(mention.time, Some(UnixTime::from_secs(NOW)));
        let other = MENTION.replace("hi", "ho");
        assert_ne!(event(&preset(), &other).fingerprint, mention.fingerprint);
        assert!(deliver(BY_MENTION, &other).is_err());

        let handshake = deliver(BY_HANDSHAKE, HANDSHAKE).unwrap();
        assert_eq!(handshake.shape.as_deref(), Some("url_verification"));
        assert_eq!(handshake.handling, Handling::Answered);
        // A body with an event is that event, whatever its type says.
        let posing = MENTION.replace("event_callback", "url_verification");
        let posing = posing.replace("\"token\"", "\"challenge\":\"x\",\"token\"");
        assert_eq!(event(&preset(), &posing).handling, Handling::OncePerId);
        let without_id = posing.replace("\"event_id\":\"Ev1\",", "");
        assert_eq!(event(&preset(), &without_id).handling, Handling::Once);
    }
}
