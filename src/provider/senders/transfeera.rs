//! Transfeera (<https://docs.transfeera.dev/docs/verificacao-da-assinatura>).
//!
//! ```
//! use tower_webhook::provider::{self, transfeera};
//!
//! let sender = provider::transfeera(transfeera::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "transfeera");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("transfeera");

/// Transfeera, proved by its signature.
///
/// - `Transfeera-Signature: t=<time>,v1=<hex>` over `{time}.{body}`, with the time in milliseconds;
///   a day of tolerance, because it states none and may not sign its retries anew.
/// - One event is one `/id`.
/// - Retries for a day after 5xx are assumed: none are documented.
pub fn transfeera(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("Transfeera-Signature")
        .pairs("t", "v1", Encoding::Hex)
        .time_format(TimeFormat::Milliseconds)
        .content(time_and_body("."))
        .tolerance(tolerance(86400))
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, by_id("/id"), contract)
}

keys!("transfeera", "The webhook's signature secrets");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "transfeera",
    title: "Transfeera",
    proof: "HMAC-SHA256 over `{time}.{body}` in `Transfeera-Signature`",
    event: "`/id`",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "docs.transfeera.dev, verificação da assinatura",
    assumed: "the window, how long it waits, its retries",
    example: |secret, _| Ok(transfeera(keys([secret])?)),
}];

vectors! {
    {
        of: "transfeera",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("transfeera-signature", "t=1777899600000,v1=20ad101b75a13fef175fd5d5c0af79bc12bfd230a7ed6449e9934a6b74dba964")],
        body: r#"{"id":"7f8c4a5e-1c2d-4e3f-9a0b-1c2d3e4f5a6b","version":"v1","account_id":"acc_7","object":"Transfer","date":"2026-05-04T13:00:00.000Z","data":{"id":"1","status":"FINALIZADO"}}"#,
        key: "7f8c4a5e-1c2d-4e3f-9a0b-1c2d3e4f5a6b",
    }
}
