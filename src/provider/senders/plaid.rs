//! Plaid (<https://plaid.com/docs/api/webhooks/webhook-verification/>).
//!
//! ```
//! use tower_webhook::provider::{self, plaid};
//!
//! let sender = provider::plaid(plaid::keys(["MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/n7SP68rlZ6rHJRug87bl+Hka2Gkqiv+eZ8Z7Adqcys6Sq3NAxQN9rALKroRhnQKBM/r4Wbjy101MsXjDqOrxw=="])?);
//! assert_eq!(sender.name().as_str(), "plaid");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("plaid");

/// Plaid, proved by the key that each delivery names.
///
/// - `Plaid-Verification: <JWT>`, ES256, whose claim `request_body_sha256` is the SHA-256 of the body
///   in hex; `iat` within five minutes.
/// - Its `kid` names the key, which Plaid's API returns by its id: [`key_document`] reads it for a
///   [`KeySource`](crate::keys::KeySource).
/// - One event is one body, by its digest.
/// - Retries for a day after every answer but 200 are assumed.
pub fn plaid(keys: impl Into<KeyRing>) -> Provider {
    let token = Jws::new([JwsAlgorithm::Es256])
        .key_by_kid()
        .body_hash("request_body_sha256", Encoding::Hex)
        .issued_at();
    let scheme = Scheme::jws(Place::header("Plaid-Verification"), token).known();
    let contract = SenderContract::new(retries_for(hours(24)), RetriedStatuses::AllButSuccess)
        .waits(seconds(10));
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!(
    "plaid",
    "Plaid's public keys, named by their ids or not at all",
    SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::Ecdsa(Curve::P256))),
    &[]
);

/// The format of the answer of Plaid's API to `/webhook_verification_key/get`: a JWK as the member
/// `key`.
///
/// ```
/// use tower_webhook::provider::plaid;
///
/// let document = plaid::key_document();
/// assert!(document.keys("a-key", b"{}").is_err());
/// ```
pub fn key_document() -> KeyDocument {
    KeyDocument::Json {
        list: "/key".into(),
        key: "".into(),
        id: Some("/kid".into()),
        kind: KeyKind::Ecdsa(Curve::P256),
    }
}

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "plaid",
    title: "Plaid",
    proof: "a JWT by ES256 with the body's SHA-256 in `Plaid-Verification`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "plaid.com/docs/api/webhooks/webhook-verification",
    assumed: "its retries",
    example: |secret, _| Ok(plaid(keys([secret])?)),
}];

vectors! {
    {
        of: "plaid",
        secret: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/n7SP68rlZ6rHJRug87bl+Hka2Gkqiv+eZ8Z7Adqcys6Sq3NAxQN9rALKroRhnQKBM/r4Wbjy101MsXjDqOrxw==",
        headers: &[("plaid-verification", "eyJ0eXAiOiJKV1QiLCJraWQiOiJiZmJkNTExMS04ZTMzLTQ2NDMtOGNlZC1iMmU2NDJhNzJmM2MiLCJhbGciOiJFUzI1NiJ9.eyJpYXQiOjE3Nzc4OTk2MDAsInJlcXVlc3RfYm9keV9zaGEyNTYiOiI0NzA2ZWFjZDBkNjk0ZmFhOTBiM2ZjZmMyNzMxZjY4Yzk0YmZjN2MyNGEzYmNmZjNkN2U0ZTk2MDcxYjcwN2Y1In0.g13IyzTqVU1z1iqM8iML3w-7l6rdX5lYYmBo7v9p8UokyLUWIuJPw3ZmwT91KWRI-GSzvLnx6cbll_ARXgVYUA")],
        body: r#"{"error":null,"item_id":"eVBnVMp7zdTJLkRNr33Rs6zr7KNJqBFL9DrE6","new_transactions":1,"webhook_code":"DEFAULT_UPDATE","webhook_type":"TRANSACTIONS"}"#,
        key: "sha256:4706eacd0d694faa90b3fcfc2731f68c94bfc7c24a3bcff3d7e4e96071b707f5",
    }
}
