//! Plivo, V3 (<https://www.plivo.com/docs/voice/concepts/signature-validation>).
//!
//! ```
//! use tower_webhook::provider::{self, plivo_v3};
//! use tower_webhook::signature::PublicUrl;
//!
//! let url = PublicUrl::parse("https://hooks.example/in/plivo")?;
//! let sender = provider::plivo_v3(plivo_v3::keys(["MTk4Nzg2YTk2ZjQ2"])?, url);
//! assert_eq!(sender.name().as_str(), "plivo");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("plivo");

/// Plivo, V3, proved by its signature, for calls with POST.
///
/// - `X-Plivo-Signature-V3: <base64>`, several separated by commas, over the URL as you pass it
///   here, its query sorted, the sorted fields and the nonce. `X-Plivo-Signature-Ma-V3` by the main
///   account's token is also accepted: pass both tokens if both sign.
/// - It covers no time, so only its record stops a replay. One event is the signed content.
/// - The boundaries of fields are not signed: read important facts from Plivo's API.
/// - Register a URL without a user and without a semicolon: for any other, Plivo's own libraries
///   sign two different texts (npm plivo 4.79.0, PyPI plivo 4.63.0).
/// - Retries for an hour after 5xx are assumed.
pub fn plivo_v3(keys: impl Into<KeyRing>, url: PublicUrl) -> Provider {
    let scheme = Scheme::builder("X-Plivo-Signature-V3")
        .or_at(Place::header("X-Plivo-Signature-Ma-V3"))
        .list("", Encoding::Base64)
        .separator(',')
        .content([
            Component::literal(called(&url)),
            Component::SortedForm,
            Component::literal("."),
            Component::header("X-Plivo-Signature-V3-Nonce"),
        ])
        .content_is_id()
        .public_url(url)
        .known();
    let contract = SenderContract::new(retries_for(hours(1)), server_errors());
    signed(NAME, scheme, keys, EventRule::signed_id(), contract)
}

/// The URL with its query decoded and sorted, up to the fields.
fn called(url: &PublicUrl) -> String {
    let (base, query) = url.as_str().split_once('?').unwrap_or((url.as_str(), ""));
    let mut pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    pairs.sort();
    let pairs: Vec<_> = (pairs.iter())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let between = if pairs.is_empty() { "" } else { "." };
    format!("{base}?{}{between}", pairs.join("&"))
}

keys!("plivo", "The account's authentication tokens");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "plivo_v3",
    title: "Plivo, V3",
    proof: "HMAC-SHA256 over URL, sorted query, sorted fields and nonce in `X-Plivo-Signature-V3`",
    event: "what is signed",
    challenge: "none",
    confidence: Confidence::Code,
    source: "PyPI plivo 4.63.0 `utils/signature_v3.py`, which takes the vectors",
    assumed: "how long it waits, its retries",
    example: |secret, url| Ok(plivo_v3(keys([secret])?, url.clone())),
}];

vectors! {
    {
        of: "plivo_v3",
        secret: "MTk4Nzg2YTk2ZjQ2",
        headers: &[("x-plivo-signature-v3", "QdAbKq5AxWdZ4kD5MYHfn9JuD/cdQhBCjWQqAr1SlkI="), ("x-plivo-signature-v3-nonce", "12345")],
        body: "CallUUID=97ceeb52-58b6-11e1-86da-77300b68f8bb&Event=Hangup&From=%2B1+202+555+0000&To=12025551234",
        key: "sha256:ae41dcd0c107739c3a07a3c6014d18c86be85ad8d84a1fc8b5f8c68845c03b8f",
    }
    {
        of: "plivo_v3",
        secret: "MTk4Nzg2YTk2ZjQ2",
        url: "https://hooks.example/in?b=2&a=1%20x",
        uri: "/in?b=2&a=1%20x",
        headers: &[("x-plivo-signature-v3", "J7crAY2kfEDYBVo88Zr9shSfGDD4Hfu04ORkFmD7k+c="), ("x-plivo-signature-v3-nonce", "12345")],
        body: "CallUUID=97ceeb52-58b6-11e1-86da-77300b68f8bb&Event=Hangup&From=%2B1+202+555+0000&To=12025551234",
        key: "sha256:01326f580592ff30f1a234ddbc77a057cafcaec163d330578148708b0bb74659",
    }
}
