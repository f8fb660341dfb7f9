//! TrueLayer (<https://docs.truelayer.com/docs/webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, truelayer};
//!
//! let key = "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAXjhDq8FnFDVMEOBoXZMejIBagY/d340hQHgKlnLalmURQXq0iwqCAdo7ickMNpXkrkckRXW1AfVAPwqFZCFqPz8ACTdvHycystTefrhEVmPHutquqb0R4A9l0Ln5VdxgtSoNFBVAhHWdBGawM7WFNi2U50qCCXKgkbRXttjouY0lGYs=";
//! let sender = provider::truelayer(truelayer::keys([key])?);
//! assert_eq!(sender.name().as_str(), "truelayer");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("truelayer");

/// TrueLayer, proved by the key that each delivery names.
///
/// - `Tl-Signature: <header>..<signature>`, a JWS by ES512 that omits its payload: the method, the path, the headers
///   that the token lists, and the body. The path is that of the URL given to TrueLayer, without a trailing slash.
/// - Its `kid` names a key of TrueLayer's JWKS, which a [`KeySource`](crate::keys::KeySource) fetches as
///   [`KeyDocument::Jwks`](crate::keys::KeyDocument) from `https://webhooks.truelayer.com/.well-known/jwks`, in the
///   sandbox from `https://webhooks.truelayer-sandbox.com/.well-known/jwks`. The token's `jku` is ignored.
/// - `X-Tl-Webhook-Timestamp` is signed if the token lists it, and no window is known for it: only
///   the record stops a replay.
/// - One event is one `event_id`.
/// - Retries for three days are assumed.
pub fn truelayer(keys: impl Into<KeyRing>) -> Provider {
    let token = Jws::new([JwsAlgorithm::Es512])
        .key_by_kid()
        .detached()
        .headers_listed_by("tl_headers");
    let scheme = Scheme::jws(Place::header("Tl-Signature"), token)
        .content([
            Component::Method,
            Component::literal(" "),
            Component::Path,
            Component::literal("\n"),
            Component::ListedHeaders,
            Component::Body,
        ])
        .known();
    let contract = SenderContract::new(retries_for(hours(72)), server_errors());
    signed(NAME, scheme, keys, by_id("/event_id"), contract)
}

keys!(
    "truelayer",
    "TrueLayer's public keys, named by their ids or not at all",
    SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::Ecdsa(Curve::P521))),
    &[]
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "truelayer",
    title: "TrueLayer",
    proof: "a detached JWS by ES512 over method, path, listed headers and body in `Tl-Signature`",
    event: "`/event_id`",
    challenge: "none",
    confidence: Confidence::Code,
    source: "PyPI truelayer-signing 0.4.0, which made the vector",
    assumed: "the window, how long it waits, its retries",
    example: |secret, _| Ok(truelayer(keys([secret])?)),
}];

vectors! {
    {
        of: "truelayer",
        secret: "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAXjhDq8FnFDVMEOBoXZMejIBagY/d340hQHgKlnLalmURQXq0iwqCAdo7ickMNpXkrkckRXW1AfVAPwqFZCFqPz8ACTdvHycystTefrhEVmPHutquqb0R4A9l0Ln5VdxgtSoNFBVAhHWdBGawM7WFNi2U50qCCXKgkbRXttjouY0lGYs=",
        headers: &[("tl-signature", "eyJhbGciOiJFUzUxMiIsImtpZCI6ImtleS0xIiwidGxfdmVyc2lvbiI6IjIiLCJ0bF9oZWFkZXJzIjoiWC1UbC1XZWJob29rLVRpbWVzdGFtcCIsImprdSI6Imh0dHBzOi8vd2ViaG9va3MudHJ1ZWxheWVyLmNvbS8ud2VsbC1rbm93bi9qd2tzIn0..AaRRXHlbHjiu91XXX-fTsj7LSqsbqfc_MMbM9qXUlF2ZUvXXOc5bLg4fiQ7ZR4UA_oFtyqemzZXbb2emDUlLdEPxAal-ucJYJ7c84MmH2csj4yoKXMDWJ7GFuUbEhI-uSDp2i6DJ8WqNynjy6epiS4vyp387em1CB6z9UxKqf0t4E4Vu"), ("x-tl-webhook-timestamp", "2026-05-04T13:00:00Z")],
        body: r#"{"event_type":"payment_executed","event_id":"18b2842b-a57b-4887-a0a6-d3c7c36f1020","event_version":1,"payment_id":"7d6e0b5c"}"#,
        key: "18b2842b-a57b-4887-a0a6-d3c7c36f1020",
    }
}
