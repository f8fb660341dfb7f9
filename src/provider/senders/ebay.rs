//! eBay, notifications (<https://developer.ebay.com/api-docs/commerce/notification/overview.html>).
//!
//! ```
//! use tower_webhook::provider::{self, ebay};
//! use tower_webhook::signature::PublicUrl;
//!
//! // One key, or a `KeySource` that queries eBay for each key by its id.
//! let key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZhhxXKtR+TOvtDbgTPCkSof02qgBB7IsYOyf76ilExJ/upAa/vKIKheOoCyOpcLmi4t0b4uepb7LLjmMr90FUg==";
//! let url = PublicUrl::parse("https://shop.example/hooks/ebay")?;
//! let tokens = ebay::verification_tokens(["a-verification-token-of-32-letters"])?;
//! let sender = provider::ebay(ebay::keys([key])?, tokens, url);
//! assert_eq!(sender.name().as_str(), "ebay");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("ebay");

/// eBay, notifications, proved by the key that each delivery names.
///
/// - `X-EBAY-SIGNATURE` is base64 of a JSON object: `signature`, ECDSA on P-256 with SHA-1, in DER and base64, over
///   the body alone, and `kid`, the name of the key. It covers no time, so a captured delivery never grows stale:
///   only its record stops a replay. The algorithm that the object names is ignored.
/// - eBay's API returns `/commerce/notification/v1/public_key/{kid}` to a client with an
///   application's token: [`key_document`] reads it for a [`KeySource`](crate::keys::KeySource).
/// - One event is one `notification.notificationId`; the body contains the number of the attempt,
///   so each attempt has another body.
/// - `challenge_code` is answered with the SHA-256 of three texts: the code, the first of
///   `verification_tokens` and the URL that eBay was given. No key that signs events is involved.
/// - Retries for a day after 5xx are assumed.
pub fn ebay(
    keys: impl Into<KeyRing>,
    verification_tokens: impl Into<KeyRing>,
    url: PublicUrl,
) -> Provider {
    let scheme = Scheme::builder("X-EBAY-SIGNATURE")
        .base64_json("/signature", "/kid", Encoding::Base64)
        .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::Ecdsa {
            curve: Curve::P256,
            digest: Digest::Sha1,
            form: EcdsaForm::Der,
        }))
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    let event = by_id("/notification/notificationId");
    signed(NAME, scheme, keys, event, contract).challenge(
        Challenge::in_query(Method::GET, "challenge_code", ChallengeText::Token)
            .answer_with_hash("challengeResponse", verification_tokens, url),
    )
}

keys!(
    "ebay",
    "eBay's public keys, named by their ids or not at all",
    SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::Ecdsa(Curve::P256))),
    &[]
);

/// The verification tokens that eBay was given with the URL: 32 to 80 letters, digits, `_` and `-`.
/// The first one is used.
///
/// ```
/// use tower_webhook::provider::ebay;
///
/// assert!(ebay::verification_tokens(["a-verification-token-of-32-letters"]).is_ok());
/// ```
///
/// # Errors
///
/// As [`KeyRing::parse`].
pub fn verification_tokens<I>(tokens: I) -> Result<KeyRing, ConfigError>
where
    I: IntoIterator,
    I::Item: NamedSecret,
{
    KeyRing::of_provider("ebay", &SecretFormat::Text, &[], tokens)
}

/// The format of the answer of eBay's API to `/commerce/notification/v1/public_key/{kid}`.
///
/// ```
/// use tower_webhook::provider::ebay;
///
/// let document = ebay::key_document();
/// assert!(document.keys("a-key", b"{}").is_err());
/// ```
pub fn key_document() -> KeyDocument {
    KeyDocument::Json {
        list: "".into(),
        key: "/key".into(),
        id: None,
        kind: KeyKind::Ecdsa(Curve::P256),
    }
}

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "ebay",
    title: "eBay, notifications",
    proof: "ECDSA P-256 with SHA-1 over the body in `X-EBAY-SIGNATURE`, with the key that it names",
    event: "`/notification/notificationId`",
    challenge: "GET with `challenge_code`: JSON with the SHA-256 of it, a token and the URL",
    confidence: Confidence::Code,
    source: "eBay/event-notification-nodejs-sdk `lib/validator.js` and its `test/test.json`",
    assumed: "how long it waits, its retries",
    example: |secret, url| {
        let tokens = verification_tokens(["71745723-d031-455c-bfa5-f90d11b4f20a"])?;
        Ok(ebay(keys([secret])?, tokens, url.clone()))
    },
}];

vectors! {
    // `VALID` in the SDK's `test/test.json`.
    {
        of: "ebay",
        secret: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZhhxXKtR+TOvtDbgTPCkSof02qgBB7IsYOyf76ilExJ/upAa/vKIKheOoCyOpcLmi4t0b4uepb7LLjmMr90FUg==",
        headers: &[("x-ebay-signature", "eyJhbGciOiJlY2RzYSIsImtpZCI6Ijk5MzYyNjFhLTdkN2ItNDYyMS1hMGYxLTk2Y2NiNDI4YWY0OSIsInNpZ25hdHVyZSI6Ik1FWUNJUUNmeGZJV3V4bVdjSUJRSjljNS9YN2lHREpxczJSQ0dzQkVhQWppbnlycmZBSWhBSVY2d0djVGlCdVY1S0pVaWYyaG9reXJMK1E5c3NIa2FkK214Mm5FRTI1dyIsImRpZ2VzdCI6IlNIQTEifQ==")],
        body: r#"{"metadata":{"topic":"MARKETPLACE_ACCOUNT_DELETION","schemaVersion":"1.0","deprecated":false},"notification":{"notificationId":"49feeaeb-4982-42d9-a377-9645b8479411_33f7e043-fed8-442b-9d44-791923bd9a6d","eventDate":"2021-03-19T20:43:59.462Z","publishDate":"2021-03-19T20:43:59.679Z","publishAttemptCount":1,"data":{"username":"test_user","userId":"ma8vp1jySJC","eiasToken":"nY+sHZ2PrBmdj6wVnY+sEZ2PrA2dj6wJnY+gAZGEpwmdj6x9nY+seQ=="}}}"#,
        key: "49feeaeb-4982-42d9-a377-9645b8479411_33f7e043-fed8-442b-9d44-791923bd9a6d",
    }
}
