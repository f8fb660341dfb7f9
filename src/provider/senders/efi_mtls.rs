//! Efí, Pix with client certificates (<https://dev.efipay.com.br/docs/api-pix/webhooks>).
//!
//! ```
//! use tower_webhook::certificate::{CertificateMatch, CertificateProof};
//! use tower_webhook::provider;
//!
//! # let chain = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/certificates/root.pem"));
//! // The authority that Efí publishes for its webhooks; one for production, one for its sandbox.
//! let sender = CertificateProof::of([CertificateMatch::issued_by(chain)?])?;
//! let sender = provider::efi_mtls(sender);
//! assert_eq!(sender.name().as_str(), "efi");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("efi");

/// Efí, Pix with client certificates, proved by the certificate that it shows.
///
/// - It proves the sender of a delivery, but not its content: confirm important facts with the
///   sender's API.
/// - Your TLS server trusts the chain that Efí publishes as its client authority, and demands a
///   certificate on this host or path. When a webhook is registered, Efí calls once without a
///   certificate and must be refused, and once with it and must get 200. A failed handshake and a
///   401 both count as a refusal.
/// - `/pix` is added to the URL, unless it ends in `?ignorar=`: mount the webhook with and without it.
/// - Each of `pix` is one event, by its digest: one that arrives again with a refund is another
///   event. A body without them, such as the test at registration, is identified by its own digest.
/// - It retries after 5 min, doubling each time; a tenth attempt weeks later is not waited for.
/// - With `x-skip-mtls-checking: true` there is no certificate: use [`efi`](super::efi()).
pub fn efi_mtls(certificate: CertificateProof) -> Provider {
    let contract = SenderContract::new(
        RetrySchedule::Exponential {
            first: minutes(5),
            attempts: 9,
        },
        server_errors(),
    );
    let rule = each("/pix", EventRule::body());
    Provider::proved_by(NAME, certificate, rule, contract)
}

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "efi_mtls",
    title: "Efí, Pix with client certificates",
    proof: "the certificate of its TLS client, under the chain that it publishes",
    event: "each of `pix`, by its digest",
    challenge: "at registration a call without a certificate, which must be refused, then one with it, which must get 200",
    confidence: Confidence::Documents,
    source: "efipay/documentacao-tecnica-efi docs/APIPix/Webhooks; efipay/mtls-webhook README",
    assumed: "how long it waits, which statuses it retries",
    example: |secret, _| Ok(efi_mtls(known_by(secret)?)),
}];

certified! {
    {
        of: "efi_mtls",
        body: r#"{"pix":[{"endToEndId":"E1803615022211340s08793XPJ","txid":"fc9a43k6ff384ryP5f41719","chave":"2c3c7441-b91e-4982-3c25-6105581e18ae","valor":"0.01","horario":"2026-05-04T13:00:00.000Z"}]}"#,
        key: "sha256:d8dec85ec72defd90f809242a92f056328710e226fc01cb7838050a6dbf4c172",
    }
}
