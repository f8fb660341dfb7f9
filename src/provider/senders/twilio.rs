//! Twilio: messages, calls and more
//! (<https://www.twilio.com/docs/usage/webhooks/webhooks-security>).
//!
//! Requests that need TwiML as an answer are not events: two genuine ones may agree in every byte.
//! For them, use [`VerifySignatureLayer`](crate::layer::VerifySignatureLayer) alone.
//!
//! ```
//! use tower_webhook::provider::{self, twilio};
//! use tower_webhook::signature::PublicUrl;
//!
//! let url = PublicUrl::parse("https://hooks.example/in/twilio")?;
//! let sender = provider::twilio(twilio::keys(["0123456789abcdef0123456789abcdef"])?, url);
//! assert_eq!(sender.name().as_str(), "twilio");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("twilio");

fn content(url: Component) -> [Component; 3] {
    let demand = Demand::NoParameter("bodySHA256".into());
    [Component::Demand(demand), url, Component::SortedForm]
}

fn json_content(url: Component) -> [Component; 2] {
    let demand = Demand::ParameterIsBodyDigest("bodySHA256".into(), Digest::Sha256);
    [Component::Demand(demand), url]
}

fn scheme(digest: Digest, settings: &Demand, url: PublicUrl) -> Scheme {
    let with_settings = |pieces: &[Component]| {
        let mut all = vec![Component::Demand(settings.clone())];
        all.extend_from_slice(pieces);
        all
    };
    Scheme::builder("X-Twilio-Signature")
        .single("", Encoding::Base64)
        .algorithm(Algorithm::Hmac(digest))
        .content(with_settings(&content(Component::RequestUrl)))
        .or_content(with_settings(&content(Component::RequestUrlWithPort)))
        .or_content(with_settings(&json_content(Component::RequestUrl)))
        .or_content(with_settings(&json_content(Component::RequestUrlWithPort)))
        .content_is_id()
        .public_url(url)
        .known()
}

fn sender(verifier: Verifier) -> Provider {
    let contract = SenderContract::new(retries_for(hours(24)), server_errors()).waits(seconds(5));
    Provider::signed(NAME, verifier, EventRule::signed_id(), contract)
}

/// Twilio, proved by the signature of the account's token.
///
/// - `X-Twilio-Signature: <base64>`, HMAC-SHA1 over the public URL with the query as it arrives,
///   with or without its default port, followed by the sorted fields of the form. If the query has
///   `bodySHA256`, it must be that of the body, and only the URL is signed.
/// - One event is the signed content, by its SHA-256: the boundaries of fields are not signed, so
///   another split of them must be the same event.
/// - No time is covered. Retries for a day after 5xx, and 5 s to answer, are assumed.
pub fn twilio(keys: impl Into<KeyRing>, url: PublicUrl) -> Provider {
    let scheme = scheme(
        Digest::Sha1,
        &Demand::NoHeader("X-Twilio-Webhooks-Signature-Settings".into()),
        url,
    );
    sender(Verifier::new(scheme, keys))
}

/// Twilio, proved by the signature of a shared key.
///
/// - As [`twilio()`], with HMAC-SHA256 under the secret of a `SharedKey`.
///
/// ```
/// use tower_webhook::provider::{self, twilio};
/// use tower_webhook::signature::PublicUrl;
///
/// let keys = twilio::keys(["the-secret-of-a-shared-key"])?;
/// let url = PublicUrl::parse("https://example.com/hooks/twilio")?;
/// let provider = provider::twilio_shared_key(keys, url);
/// # drop(provider);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
pub fn twilio_shared_key(keys: impl Into<KeyRing>, url: PublicUrl) -> Provider {
    let scheme = scheme(
        Digest::Sha256,
        &Demand::HeaderLists(
            "X-Twilio-Webhooks-Signature-Settings".into(),
            "algorithm=HMAC_SHA256".into(),
        ),
        url,
    );
    sender(Verifier::new(scheme, keys))
}

keys!(
    "twilio",
    "The account's tokens, or the secrets of shared keys"
);

pub(super) const FACTS: &[SenderFacts] = &[
    SenderFacts {
        name: "twilio",
        title: "Twilio, by the account's token",
        proof: "HMAC-SHA1 over the URL and the sorted fields, or the URL that names the body's SHA-256, in `X-Twilio-Signature`",
        event: "what is signed",
        challenge: "none",
        confidence: Confidence::Code,
        source: "npm twilio 6.3.1 `lib/webhooks`; twilio-node spec/validation.spec.js",
        assumed: "how long it waits, its retries",
        example: |secret, url| Ok(twilio(keys([secret])?, url.clone())),
    },
    SenderFacts {
        name: "twilio_shared_key",
        title: "Twilio, by a shared key",
        proof: "HMAC-SHA256 over the same, where `X-Twilio-Webhooks-Signature-Settings` says so",
        event: "what is signed",
        challenge: "none",
        confidence: Confidence::Code,
        source: "npm twilio 6.3.1",
        assumed: "how long it waits, its retries",
        example: |secret, url| Ok(twilio_shared_key(keys([secret])?, url.clone())),
    },
];

vectors! {
    {
        of: "twilio",
        secret: "0123456789abcdef0123456789abcdef",
        url: "https://mycompany.com/myapp.php",
        uri: "/myapp.php?foo=1",
        headers: &[("x-twilio-signature", "ZxFpr1OVNgiKyODCYOuC9DDoNUM=")],
        body: "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212",
        key: "sha256:8e6eb9d7222bfb49b4ba2f817e277dcad8417ab4aceae969913f49bb8cb06fae",
    }
    {
        of: "twilio",
        secret: "0123456789abcdef0123456789abcdef",
        url: "https://mycompany.com/myapp.php",
        uri: "/myapp.php?bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620",
        headers: &[("x-twilio-signature", "u1s2MuvQwQai0R7Z+gs1pYGqKYw=")],
        body: r#"{"property": "value", "boolean": true}"#,
        key: "sha256:5c9ee1a28335a28fd7baed5e17a8e8546c7dcd47b698a20dfcce2b6d2b585d35",
    }
    {
        of: "twilio_shared_key",
        secret: "0123456789abcdef0123456789abcdef",
        url: "https://mycompany.com/myapp.php",
        uri: "/myapp.php?foo=1",
        headers: &[("x-twilio-signature", "lcw1RMWeC1v9ONJ6EUP1eP0bWHWcgk30Xv+TSSwDgMI="), ("x-twilio-webhooks-signature-settings", "key=SK0123,algorithm=HMAC_SHA256")],
        body: "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212",
        key: "sha256:8e6eb9d7222bfb49b4ba2f817e277dcad8417ab4aceae969913f49bb8cb06fae",
    }
}
