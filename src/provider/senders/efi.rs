//! Efí, Pix without client certificates (<https://dev.efipay.com.br/docs/api-pix/webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, efi};
//!
//! let sender = provider::efi(efi::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "efi");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("efi");

/// Efí, Pix without client certificates, proved by a shared token.
///
/// - It proves the sender of a delivery, but not its content: confirm important facts with the
///   sender's API.
/// - Each of `pix` is one event, by its digest: one that arrives again with a refund is another
///   event.
/// - The webhook is registered with `x-skip-mtls-checking: true` and a URL that ends in
///   `?hmac=<secret>&ignorar=`, so that `/pix` is not added to the path. Also demand its source
///   address with [`Provider::and_from_source`]: `34.193.116.226` according to its documentation.
/// - It retries after 5 min, doubling each time; a tenth attempt weeks later is not waited for.
pub fn efi(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::token(Place::query("hmac")).known();
    let contract = SenderContract::new(
        RetrySchedule::Exponential {
            first: minutes(5),
            attempts: 9,
        },
        server_errors(),
    );
    signed(
        NAME,
        scheme,
        keys,
        each("/pix", EventRule::body()),
        contract,
    )
}

keys!("efi", "The secrets in the URL");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "efi",
    title: "Efí, Pix without client certificates",
    proof: "the parameter `hmac` of the URL; demand its address beside it",
    event: "each of `pix`, by its digest",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "efipay/documentacao-tecnica-efi docs/APIPix/Webhooks",
    assumed: "how long it waits, which statuses it retries",
    example: |secret, _| Ok(efi(keys([secret])?)),
}];

vectors! {
    {
        of: "efi",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        url: "https://hooks.example/in?hmac=5hG7kQ2mW9xZ4tB8vN3c&ignorar=",
        uri: "/in?hmac=5hG7kQ2mW9xZ4tB8vN3c&ignorar=",
        body: r#"{"pix":[{"endToEndId":"E1803615022211340s08793XPJ","txid":"fc9a43k6ff384ryP5f41719","chave":"2c3c7441-b91e-4982-3c25-6105581e18ae","valor":"0.01","horario":"2026-05-04T13:00:00.000Z"}]}"#,
        key: "sha256:d8dec85ec72defd90f809242a92f056328710e226fc01cb7838050a6dbf4c172",
    }
}
