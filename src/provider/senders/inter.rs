//! Banco Inter, Pix (<https://developers.inter.co>).
//!
//! ```
//! use tower_webhook::certificate::{CertificateMatch, CertificateProof};
//! use tower_webhook::provider;
//!
//! # let authority = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/certificates/root.pem"));
//! // The authority of Inter's webhooks, from its developer portal.
//! let sender = CertificateProof::of([CertificateMatch::issued_by(authority)?])?;
//! let sender = provider::inter(sender);
//! assert_eq!(sender.name().as_str(), "inter");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("inter");

/// The pauses between attempts.
const WAITS: &[Duration] = &[minutes(20), minutes(30), minutes(60), minutes(120)];

/// Banco Inter, Pix, proved by the certificate that it shows.
///
/// - It proves the sender of a delivery, but not its content: confirm important facts with the
///   sender's API.
/// - Your TLS server trusts the authority from Inter's portal for its clients.
/// - The body is an array, and each item is one event, by its digest.
/// - It retries after 20, 30, 60 and 120 min, according to others, after every answer except 2xx.
pub fn inter(certificate: CertificateProof) -> Provider {
    let contract =
        SenderContract::new(RetrySchedule::listed(WAITS), server_errors()).redelivers_by_hand();
    let rule = each("", EventRule::body());
    Provider::proved_by(NAME, certificate, rule, contract)
}

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "inter",
    title: "Banco Inter, Pix",
    proof: "the certificate of its TLS client, under the authority of its portal",
    event: "each item of the body, by its digest",
    challenge: "none",
    confidence: Confidence::Others,
    source: "phpay-io/phpay 2.8.0, for the array at the root; developers.inter.co",
    assumed: "how long it waits, when it tries again, which statuses it retries",
    example: |secret, _| Ok(inter(known_by(secret)?)),
}];

certified! {
    {
        of: "inter",
        body: r#"[{"endToEndId":"E1803615022211340s08793XPJ","txid":"fc9a43k6ff384ryP5f41719","chave":"2c3c7441-b91e-4982-3c25-6105581e18ae","valor":"0.01","horario":"2026-05-04T13:00:00.000Z"}]"#,
        key: "sha256:d8dec85ec72defd90f809242a92f056328710e226fc01cb7838050a6dbf4c172",
    }
}
