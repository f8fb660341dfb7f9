//! Bitso, payouts and funding (<https://docs.bitso.com/bitso-payouts-funding/docs/webhook-event-signatures>).
//!
//! ```
//! use tower_webhook::provider::{self, bitso};
//!
//! // One key, or a `KeySource` of the list that Bitso publishes.
//! let key = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu42Dqyl9SjerwEcLdshp7dTx3e751iQko9aWBkS29JKbA8bveSOaDeCCCETlXGoziJdSks0CfhyQDpgCFIM1ncNx1hYsktH+DUQ8S9FDlTNa88b0jT4RceCxG4+5ySisjW8dDCbKILhLqmZ158bI2KaA8zlOLOYQqznTG1/0jlX1BL6TtCxN/X84RxkASJ6k0yCR+UwbS4e66DhtwomU6EPsUAAfLoI8aHfquWGHuIX/H2zHSwOpixPe70TPPJifCd3nkBCuGFSQsXHhexGs75qvwtabj6eAsyDUYR1e1gGj00K7mHXXD4b5yHsmywmTQ7Rw439F37XE5ZsQbSbdGwIDAQAB";
//! let sender = provider::bitso(bitso::keys([key])?);
//! assert_eq!(sender.name().as_str(), "bitso");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("bitso");

/// Bitso, payouts and funding, proved by the key that each delivery names.
///
/// - `x-bitso-webhook-event-signature: <base64>`, RSA PKCS#1 with SHA-256 over the member `payload` as compact JSON:
///   as it is written, without white space between its tokens. It covers no time, so only its record stops a replay.
/// - `x-bitso-key-id` names the key; the list of all keys is public, and [`key_document`] reads it
///   for a [`KeySource`](crate::keys::KeySource).
/// - The signature covers that member alone, and neither `event` nor new members next to it: confirm each payment
///   with `confirm`, or declare with [`Provider::without_confirmation`] that only `payload` is read.
/// - One event is one payload, by its digest: each change of a payment's status is one.
/// - Its retries are not documented: a day is assumed.
pub fn bitso(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("x-bitso-webhook-event-signature")
        .single("", Encoding::Base64)
        .key_id_at(Place::header("x-bitso-key-id"))
        .content([Component::compact_member("/payload")])
        .content_is_id()
        .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::rsa(Digest::Sha256)))
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), server_errors());
    signed(NAME, scheme, keys, EventRule::signed_id(), contract)
}

keys!(
    "bitso",
    "Bitso's public keys, named by their ids or not at all",
    SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::Rsa)),
    &[]
);

/// The format of Bitso's list of public keys.
///
/// ```
/// use tower_webhook::provider::bitso;
///
/// let document = bitso::key_document();
/// assert!(document.keys("", b"{}").is_err());
/// ```
pub fn key_document() -> KeyDocument {
    KeyDocument::Json {
        list: "".into(),
        key: "/public_key".into(),
        id: Some("/key_id".into()),
        kind: KeyKind::Rsa,
    }
}

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "bitso",
    title: "Bitso, payouts and funding",
    proof: "RSA PKCS#1 SHA-256 over the member `payload` as compact JSON in `x-bitso-webhook-event-signature`; the rest of the body is not covered",
    event: "what is signed",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "docs.bitso.com webhook-event-signatures",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(bitso(keys([secret])?)),
}];

vectors! {
    // The signature by `openssl dgst -sha256 -sign` is of the payload without the white space in
    // the body.
    {
        of: "bitso",
        secret: "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu42Dqyl9SjerwEcLdshp7dTx3e751iQko9aWBkS29JKbA8bveSOaDeCCCETlXGoziJdSks0CfhyQDpgCFIM1ncNx1hYsktH+DUQ8S9FDlTNa88b0jT4RceCxG4+5ySisjW8dDCbKILhLqmZ158bI2KaA8zlOLOYQqznTG1/0jlX1BL6TtCxN/X84RxkASJ6k0yCR+UwbS4e66DhtwomU6EPsUAAfLoI8aHfquWGHuIX/H2zHSwOpixPe70TPPJifCd3nkBCuGFSQsXHhexGs75qvwtabj6eAsyDUYR1e1gGj00K7mHXXD4b5yHsmywmTQ7Rw439F37XE5ZsQbSbdGwIDAQAB",
        headers: &[("x-bitso-key-id", "7c1b"), ("x-bitso-webhook-event-signature", "oTzzx5tD/8OSwaGZKqdLRvhC6ssUaB0bS/Rqt+RcLz/soQhLcc0WifM/PdPOamWLpnNUmFoY6g/h3UC2hcoBXcicMqWBKe31I32pT/85wzO249aV5oRMujjIby3g/X6AqlsgaeqiEMYS2drbs528G7loNzJiVaJFrK/vFfZxNdbJHzBotSFZe7g6FZHGXpsyM5tc5m8lKXgWIAaPQM4XjaRGh6nlW3tYjYjt6gz4+RpfYmgTyr1B97QWpxlrWKHh3jkKNHGZCJygvx+xCvPwWKpDEFR5gTvAN8P8naTvTPh0xCYxPEmzVbjrQ0ifoHo7QgH7OV3IkrQji0ui5U9OBg==")],
        body: r#"{ "event" : "funding", "payload" : { "fid": "c5b8d7f0460c1d8f7b2b6a2c9b9b7f0c", "status": "complete", "created_at": "2026-05-04T13:00:00+00:00", "currency": "mxn", "method": "praxis", "amount": "100.50000000", "details": { "sender_name": "Ana María" } } }"#,
        key: "sha256:04adbc14960a6f1eb18d4f0cad029a8223a53f5cde4ef9c46690a9dc5f5be0d3",
    }
}
