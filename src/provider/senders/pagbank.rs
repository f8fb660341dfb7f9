//! PagBank (<https://developer.pagbank.com.br/docs/webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, pagbank};
//!
//! let sender = provider::pagbank(pagbank::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "pagbank");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("pagbank");

/// PagBank, proved by its signature.
///
/// - `x-authenticity-token: <hex>`, the plain SHA-256 of the account's token, a hyphen and the
///   body. It is not a MAC: in theory a stranger can extend a captured body, which is then not
///   valid JSON.
/// - One event is one body, by its digest: each status of an order has its own body.
/// - The sandbox and recurring payments do not send the header, and are refused. Retries for a day
///   after 5xx are assumed.
pub fn pagbank(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("x-authenticity-token")
        .single("", Encoding::Hex)
        .algorithm(Algorithm::Hash(Digest::Sha256))
        .content([Component::Secret, Component::literal("-"), Component::Body])
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("pagbank", "The account's tokens");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "pagbank",
    title: "PagBank",
    proof: "SHA-256 of `{token}-{body}` in `x-authenticity-token`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "developer.pagbank.com.br, confirmar autenticidade da notificação",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(pagbank(keys([secret])?)),
}];

vectors! {
    {
        of: "pagbank",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-authenticity-token", "50d1592634f63915b3b2968043a9743127df3b8afd5fdb00455b86b054feeec9")],
        body: r#"{"id":"ORDE_F87334AC-BB8B-42E2-AA85-8579F70AA328","reference_id":"ex-00001","created_at":"2026-05-04T13:00:00.000-03:00","charges":[{"id":"CHAR_1","status":"PAID"}]}"#,
        key: "sha256:a76914853be1dfbefafca5787214a094c57de2275af01b3101c094d785ca035d",
    }
}
