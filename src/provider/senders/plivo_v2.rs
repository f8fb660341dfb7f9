//! Plivo, V2 (<https://www.plivo.com/docs/messaging/concepts/signature-validation>).
//!
//! ```
//! use tower_webhook::provider::{self, plivo_v2};
//! use tower_webhook::signature::PublicUrl;
//!
//! let url = PublicUrl::parse("https://hooks.example/in/plivo-v2")?;
//! let sender = provider::plivo_v2(plivo_v2::keys(["MTk4Nzg2YTk2ZjQ2"])?, url);
//! assert_eq!(sender.name().as_str(), "plivo");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("plivo");

/// Plivo, V2, proved by its signature.
///
/// - `X-Plivo-Signature-V2: <base64>` over the URL without its query, as you pass it here, and the
///   nonce.
/// - **The body is not covered**: anyone who holds one delivery can combine any fields with its
///   signature. The webhook builds only if a question confirms events or
///   [`Provider::without_confirmation`] is called.
/// - One event is the signed content: a known nonce does not run again.
/// - Retries for an hour after 5xx are assumed.
pub fn plivo_v2(keys: impl Into<KeyRing>, url: PublicUrl) -> Provider {
    let scheme = Scheme::builder("X-Plivo-Signature-V2")
        .single("", Encoding::Base64)
        .content([
            Component::PublicUrl,
            Component::header("X-Plivo-Signature-V2-Nonce"),
        ])
        .content_is_id()
        .public_url(url)
        .known();
    let contract = SenderContract::new(retries_for(hours(1)), server_errors());
    signed(NAME, scheme, keys, EventRule::signed_id(), contract)
}

keys!("plivo", "The account's authentication tokens");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "plivo_v2",
    title: "Plivo, V2",
    proof: "HMAC-SHA256 over `{url}{nonce}` in `X-Plivo-Signature-V2`; the body is not covered",
    event: "what is signed",
    challenge: "none",
    confidence: Confidence::Code,
    source: "plivo-python `tests/resources/test_signature.py`, whose vector holds",
    assumed: "how long it waits, its retries",
    example: |secret, url| Ok(plivo_v2(keys([secret])?, url.clone())),
}];

vectors! {
    {
        of: "plivo_v2",
        secret: "my_auth_token",
        url: "https://answer.url",
        uri: "/",
        headers: &[("x-plivo-signature-v2", "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc="), ("x-plivo-signature-v2-nonce", "12345")],
        body: "MessageUUID=7&Status=sent",
        now: 0,
        key: "https://answer.url12345",
    }
}
