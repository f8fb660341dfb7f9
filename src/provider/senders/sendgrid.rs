//! Twilio SendGrid, Event Webhook (<https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features>).
//!
//! ```
//! use tower_webhook::provider::{self, sendgrid};
//!
//! let key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/n7SP68rlZ6rHJRug87bl+Hka2Gkqiv+eZ8Z7Adqcys6Sq3NAxQN9rALKroRhnQKBM/r4Wbjy101MsXjDqOrxw==";
//! let sender = provider::sendgrid(sendgrid::keys([key])?);
//! assert_eq!(sender.name().as_str(), "sendgrid");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("sendgrid");

/// Twilio SendGrid, Event Webhook, proved by the webhook's public key.
///
/// - `X-Twilio-Email-Event-Webhook-Signature: <base64>`, ECDSA on P-256 in DER over `{time}{body}`,
///   the time in seconds in `X-Twilio-Email-Event-Webhook-Timestamp`. The body ends in CR LF, which
///   is signed.
/// - A day of tolerance: SendGrid's code checks no time, and it retries for a day. Set a shorter
///   one with [`Provider::tolerance`] if your retries are signed anew.
/// - Each item of the array is one event, by its `sg_event_id`.
/// - It waits 3 s; retries for 24 h are assumed.
pub fn sendgrid(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Twilio-Email-Event-Webhook-Signature")
        .single("", Encoding::Base64)
        .timestamp_header("X-Twilio-Email-Event-Webhook-Timestamp")
        .content([Component::Timestamp, Component::Body])
        .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::ES256_DER))
        .tolerance(tolerance(86_400))
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors()).waits(seconds(3));
    signed(
        NAME,
        scheme,
        keys,
        each("", by_id("/sg_event_id")),
        contract,
    )
}

keys!(
    "sendgrid",
    "The webhook's public keys",
    SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::Ecdsa(Curve::P256))),
    &[]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "sendgrid",
    title: "Twilio SendGrid, Event Webhook",
    proof: "ECDSA P-256 over `{time}{body}` in `X-Twilio-Email-Event-Webhook-Signature`",
    event: "each item, by `sg_event_id`",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm @sendgrid/eventwebhook 8.0.0; sendgrid-go",
    assumed: "the window, how long it waits, its retries",
    example: |secret, _| Ok(sendgrid(keys([secret])?)),
}];

vectors! {
    {
        of: "sendgrid",
        secret: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/n7SP68rlZ6rHJRug87bl+Hka2Gkqiv+eZ8Z7Adqcys6Sq3NAxQN9rALKroRhnQKBM/r4Wbjy101MsXjDqOrxw==",
        headers: &[("x-twilio-email-event-webhook-signature", "MEUCIQC9S4+ISPrSZBmfV6bHu3v8X7ZHS9iljjF5sAGOQa+77QIgJynLus3cJuVPiIU4kVDAdnskjU5wfhg2jJ9shaCBnHk="), ("x-twilio-email-event-webhook-timestamp", "1777899600")],
        body: "[{\"email\":\"ana@example.com\",\"timestamp\":1777899600,\"event\":\"delivered\",\"sg_event_id\":\"ZGVsaXZlcmVkLTA\"}]\r\n",
        key: "ZGVsaXZlcmVkLTA",
    }
}
