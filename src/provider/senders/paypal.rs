//! PayPal (<https://developer.paypal.com/api/rest/webhooks/>).
//!
//! ```
//! use tower_webhook::provider::{self, paypal};
//!
//! // One key, or a `KeySource` that fetches the certificate that a delivery names.
//! let key = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqOS5UcOqZpPwm37J5UJT+t6OBiast8K4HOTMuj9R8vP9P7Oqp+9MfYk+Gyf+b+zEPP8Bqu3kEvC94/pmxpKDDawsaEk1+YKH/mr4VPN9jFmLT9jHhNGAZNy2ruM7oJAdC+BeBYVwDBihE4LN0puQBBhWMa4wAgV7Qa0JZilF/cHweJ2QUYuiJ3wzpFotTeawj8G1WiVebHAvMRF/nhWOeYHOCl5y1F5Lhxt2er+ll3Z1tNm7qI9NQ6POC01Oq9AeM01QFfl4hiUzavAj4kVwUDCCnL3BRwXLj6cayl2D/EgRx9I/vNDbE3iKkSC4PrQCQFJGrKzM6IHA1FEAknLLBwIDAQAB";
//! let sender = provider::paypal(paypal::keys([key])?, "0EH40505U7160970P");
//! assert_eq!(sender.name().as_str(), "paypal");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("paypal");

/// PayPal, proved by the certificate that each delivery names.
///
/// - `PAYPAL-TRANSMISSION-SIG: <base64>`, RSA PKCS#1 with SHA-256 over the transmission's id, its
///   time, the id of your webhook and the CRC-32 of the body. `PAYPAL-AUTH-ALGO` must name this
///   algorithm: SHA-1, which PayPal's own code accepts, is refused.
/// - A CRC-32 is not a secure hash: anyone who holds one delivery can combine another body with its
///   signature. Confirm each event with `confirm`, or declare with
///   [`Provider::without_confirmation`] that its content is not trusted.
/// - `PAYPAL-CERT-URL` names the certificate: [`certificate_urls`] lists the URLs that may be fetched.
/// - One event is the signed content; the time of the transmission has no window, because it may be
///   as old as the last attempt.
/// - It tries 25 times within three days, according to others, after every answer except 2xx.
pub fn paypal(keys: impl Into<KeyRing>, webhook_id: impl Into<String>) -> Provider {
    let between = || Component::literal("|");
    let scheme = Scheme::builder("PAYPAL-TRANSMISSION-SIG")
        .single("", Encoding::Base64)
        .content([
            Component::header("PAYPAL-TRANSMISSION-ID"),
            between(),
            Component::header("PAYPAL-TRANSMISSION-TIME"),
            Component::literal(format!("|{}|", webhook_id.into())),
            Component::BodyCrc32,
            Component::Demand(Demand::HeaderIs(
                "PAYPAL-AUTH-ALGO".into(),
                "SHA256withRSA".into(),
            )),
        ])
        .content_is_id()
        .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::rsa(Digest::Sha256)))
        .key_id_at(Place::header("PAYPAL-CERT-URL"))
        .known();
    let contract = SenderContract::new(retries_for(hours(72)), RetriedStatuses::AllButSuccess)
        .redelivers_by_hand();
    signed(NAME, scheme, keys, EventRule::signed_id(), contract)
}

keys!(
    "paypal",
    "The public keys of PayPal's certificates",
    SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::Rsa)),
    &[]
);

/// The URLs of PayPal's certificates.
///
/// ```
/// use tower_webhook::provider::paypal;
///
/// let urls = paypal::certificate_urls();
/// assert!(urls[0].allows("https://api.paypal.com/v1/notifications/certs/CERT-360caa42"));
/// assert!(!urls[0].allows("https://api.paypal.com.evil.example/v1/notifications/certs/x"));
/// ```
pub fn certificate_urls() -> [CertificateUrl; 2] {
    let at = |host| CertificateUrl::new(host, "/v1/notifications/certs/", "");
    [at("api.paypal.com"), at("api.sandbox.paypal.com")]
}

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "paypal",
    title: "PayPal",
    proof: "RSA PKCS#1 SHA-256 over ids, time and the CRC-32 of the body in `PAYPAL-TRANSMISSION-SIG`; the body is not covered",
    event: "what is signed",
    challenge: "none",
    confidence: Confidence::Code,
    source: "paypal/PayPal-Python-SDK `notifications.py`",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(paypal(keys([secret])?, "0EH40505U7160970P")),
}];

vectors! {
    {
        of: "paypal",
        secret: "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqOS5UcOqZpPwm37J5UJT+t6OBiast8K4HOTMuj9R8vP9P7Oqp+9MfYk+Gyf+b+zEPP8Bqu3kEvC94/pmxpKDDawsaEk1+YKH/mr4VPN9jFmLT9jHhNGAZNy2ruM7oJAdC+BeBYVwDBihE4LN0puQBBhWMa4wAgV7Qa0JZilF/cHweJ2QUYuiJ3wzpFotTeawj8G1WiVebHAvMRF/nhWOeYHOCl5y1F5Lhxt2er+ll3Z1tNm7qI9NQ6POC01Oq9AeM01QFfl4hiUzavAj4kVwUDCCnL3BRwXLj6cayl2D/EgRx9I/vNDbE3iKkSC4PrQCQFJGrKzM6IHA1FEAknLLBwIDAQAB",
        headers: &[("paypal-transmission-id", "69cd13f0-d67a-11e5-baa3-778b53f4ae55"), ("paypal-transmission-time", "2026-05-04T13:00:00Z"), ("paypal-auth-algo", "SHA256withRSA"), ("paypal-cert-url", "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"), ("paypal-transmission-sig", "dr2QPwksac7t/aX3ZCbjSkpf06tBh5c3acE0rmfSB/LzgKD7rpmKt9oXecUSjMw/JEul6VPqJNZ6ZC5bVWkgBJp7lXPDEETjxuAS7Eeilaos9fiA42IyW+e9/QhTvdKz8/wtUkwpkJ0AYzbbZ+2xlo+HSNA8/dXKxNEuWwnl12qd3LdnzJvSwaumSI4M1La7LI4fqcexln4dWvOBMCW5z1NrCUi+KR1dFUDeUEjUJb1xCl9STtnJjEt/3++zQb8XnnizVvJjU9PzqE4MXS7iMe/NW+EWzapSqssbtdJbYmj4QnTgxQph3hVeFbiPj3Aft8P5xaa3DrsGJbmepFwveg==")],
        body: r#"{"id":"WH-COC11055RA711503B-4YM959094A144403T","create_time":"2026-05-04T13:00:00.000Z","event_type":"PAYMENT.CAPTURE.COMPLETED","event_version":"1.0","resource":{"id":"42311647XV020574X","amount":{"value":"30.00","currency_code":"USD"}}}"#,
        key: "69cd13f0-d67a-11e5-baa3-778b53f4ae55|2026-05-04T13:00:00Z|0EH40505U7160970P|1512845483",
    }
}
