//! QI Tech, compliance as a service (<https://docs.qitech.com.br/>).
//!
//! ```
//! use tower_webhook::provider::{self, qi_tech};
//! use tower_webhook::signature::PublicUrl;
//!
//! let url = PublicUrl::parse("https://hooks.example/in/qi-tech")?;
//! let sender = provider::qi_tech(qi_tech::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?, url);
//! assert_eq!(sender.name().as_str(), "qi-tech");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("qi-tech");

/// QI Tech, compliance as a service, proved by its signature.
///
/// - `Signature: <hex>`, HMAC-SHA1 over the public URL, the method and the body. One of its pages
///   says endpoint instead of URL: if deliveries are refused, use a scheme of your own with the
///   path as a literal in place of the URL.
/// - One event is one `id`, `analysis_status` and `event_date`.
/// - Retries for a day after 5xx are assumed: none are documented.
pub fn qi_tech(keys: impl Into<KeyRing>, url: PublicUrl) -> Provider {
    let scheme = Scheme::builder("Signature")
        .single("", Encoding::Hex)
        .algorithm(Algorithm::Hmac(Digest::Sha1))
        .content([Component::PublicUrl, Component::Method, Component::Body])
        .public_url(url)
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(
        NAME,
        scheme,
        keys,
        by_members(["/id", "/analysis_status", "/event_date"]),
        contract,
    )
}

keys!("qi-tech", "The signature keys");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "qi_tech",
    title: "QI Tech, compliance as a service",
    proof: "HMAC-SHA1 over `{url}{method}{body}` in `Signature`",
    event: "`id`, `analysis_status`, `event_date`",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "docs.qitech.com.br, CaaS webhook",
    assumed: "how long it waits, its retries",
    example: |secret, url| Ok(qi_tech(keys([secret])?, url.clone())),
}];

vectors! {
    {
        of: "qi_tech",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("signature", "3302d82b1d792f3e4e90866184a2a46aa155b172")],
        body: r#"{"id":"7b1b8b1c-1f1a-4c1d-9c1e-1f2a3b4c5d6e","analysis_status":"automatically_approved","event_date":"2026-05-04T13:00:00Z"}"#,
        key: "7b1b8b1c-1f1a-4c1d-9c1e-1f2a3b4c5d6e:automatically_approved:2026-05-04T13:00:00Z",
    }
}
