mod fields;
mod ids;
mod properties;
mod refused;
mod schemes;
mod vectors;

use http::{Method, Request};

use super::{MessageAlgorithm, MessageSignatures};
use crate::clock::UnixTime;
use crate::secret::{SigningKey, SigningSecret};
use crate::signature::{
    KeyKind, PublicKey, PublicUrl, Scheme, SignatureError, SignatureErrorKind, Verified, Verifier,
};

/// When the examples of RFC 9421 were signed.
const CREATED: UnixTime = UnixTime::from_secs(1_618_884_473);
const SECRET: &str =
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
const BODY: &str = r#"{"hello": "world"}"#;

/// The test-request of RFC 9421, appendix B.2.
fn test_request(input: &str, signature: &str) -> Request<()> {
    Request::builder()
        .method(Method::POST)
        .uri("/foo?param=Value&Pet=dog")
        .header("host", "example.com")
        .header("date", "Tue, 20 Apr 2021 02:07:55 GMT")
        .header("content-type", "application/json")
        .header("content-digest", "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:")
        .header("content-length", "18")
        .header("signature-input", input)
        .header("signature", signature)
        .body(())
        .unwrap()
}

/// Test-shared-secret of RFC 9421, appendix B.1.5.
fn shared_secret() -> SigningKey {
    let secret = SigningSecret::from_base64(SECRET).unwrap();
    SigningKey::new("test-shared-secret", secret)
}

fn public(name: &str, kind: KeyKind, text: &str) -> SigningKey {
    SigningKey::public(name, PublicKey::parse(kind, text).unwrap())
}

fn scheme(rules: MessageSignatures) -> Scheme {
    Scheme::message_signatures(rules)
        .public_url(PublicUrl::parse("https://example.com/foo").unwrap())
        .build()
        .unwrap()
}

fn verifier(rules: MessageSignatures, key: SigningKey) -> Verifier {
    let keys = crate::secret::KeyRing::new([key]).unwrap();
    Verifier::new(scheme(rules), keys)
}

fn hmac() -> MessageSignatures {
    MessageSignatures::new([MessageAlgorithm::HmacSha256])
}

/// Signs this base with the shared secret, as RFC 9421 (section 3.3.3) says.
fn mac(base: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};

    let key = data_encoding::BASE64.decode(SECRET.as_bytes()).unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    mac.update(base.as_bytes());
    let tag = mac.finalize().into_bytes();
    format!(":{}:", data_encoding::BASE64.encode(&tag))
}

fn verify(
    rules: MessageSignatures,
    request: &Request<()>,
    body: &str,
) -> Result<Verified, SignatureError> {
    verifier(rules, shared_secret()).verify(request, body.as_bytes(), CREATED)
}

#[track_caller]
fn refuses(rules: MessageSignatures, request: &Request<()>, kind: SignatureErrorKind) {
    let error = verify(rules, request, BODY).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
}
