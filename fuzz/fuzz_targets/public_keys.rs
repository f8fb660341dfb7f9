//! Public keys, documents of keys and tokens as strangers write them: none panics, what is read as a
//! key is written and read again as the same one, and no signature or token that was not made with
//! the key is taken.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use tower_webhook::keys::KeyDocument;
use tower_webhook::provider;
use tower_webhook::signature::{
    Curve, EcdsaForm, Jws, JwsAlgorithm, KeyKind, Place, PublicKey, PublicKeyAlgorithm, Scheme,
    Verifier,
};
use tower_webhook::{Digest, Encoding, UnixTime};

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Key(u8, &'a str),
    Der(&'a [u8]),
    Jwk(&'a [u8]),
    Document(u8, &'a [u8]),
    Signature(&'a [u8], &'a [u8]),
    Header(&'a [u8], &'a [u8]),
    Token(&'a [u8], &'a [u8], &'a [u8]),
}

const KINDS: [KeyKind; 6] = [
    KeyKind::Ed25519,
    KeyKind::Ecdsa(Curve::P256),
    KeyKind::Ecdsa(Curve::P384),
    KeyKind::Ecdsa(Curve::Secp256k1),
    KeyKind::Rsa,
    KeyKind::RsaShort,
];

/// RFC 7515, appendix A.3, and RFC 8032, section 7.1, test 1.
const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const ED25519: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

fn is_written_as_it_was_read(key: &PublicKey) {
    let der = key.to_der();
    let again = PublicKey::from_der(&der).expect("a key that was written");
    assert_eq!(again.to_der(), der);
}

fn refused(verifier: &Verifier, name: &str, value: &[u8], body: &[u8]) {
    let mut headers = http::HeaderMap::new();
    let Ok(value) = http::HeaderValue::from_bytes(value) else {
        return;
    };
    headers.insert(
        http::HeaderName::from_bytes(name.as_bytes()).expect("a name"),
        value,
    );
    headers.insert(
        "x-signature-timestamp",
        "1777899600".parse().expect("a value"),
    );
    let now = UnixTime::from_secs(1_777_899_600);
    assert!(verifier.verify(&headers, body, now).is_err());
}

fuzz_target!(|input: Input<'_>| {
    let point = || PublicKey::from_jwk(P256.as_bytes()).expect("a key");
    match input {
        Input::Key(kind, text) => {
            let kind = KINDS[usize::from(kind) % KINDS.len()];
            if let Ok(key) = PublicKey::parse(kind, text) {
                is_written_as_it_was_read(&key);
            }
        }
        Input::Der(bytes) => {
            if let Ok(key) = PublicKey::from_der(bytes) {
                is_written_as_it_was_read(&key);
            }
        }
        Input::Jwk(bytes) => {
            if let Ok(key) = PublicKey::from_jwk(bytes) {
                is_written_as_it_was_read(&key);
            }
        }
        Input::Document(form, bytes) => {
            let kind = KINDS[usize::from(form) % KINDS.len()];
            let documents = [
                KeyDocument::Jwks,
                KeyDocument::Text(kind),
                KeyDocument::Pem(kind),
                KeyDocument::Json {
                    list: "/a".into(),
                    key: "/b".into(),
                    id: Some("/c".into()),
                    kind,
                },
            ];
            for document in documents {
                if let Ok(keys) = document.keys("an-id", bytes) {
                    assert!(keys.len() <= 64);
                }
            }
        }
        Input::Signature(message, signature) => {
            let key = PublicKey::parse(KeyKind::Ed25519, ED25519).expect("a key");
            let published = message.is_empty() && signature.first() == Some(&0xe5);
            assert!(published || !key.verify(PublicKeyAlgorithm::Ed25519, message, signature));
            for form in [EcdsaForm::Der, EcdsaForm::Fixed] {
                let algorithm = PublicKeyAlgorithm::Ecdsa {
                    curve: Curve::P256,
                    digest: Digest::Sha256,
                    form,
                };
                assert!(!point().verify(algorithm, message, signature));
            }
        }
        Input::Header(value, body) => {
            let key = PublicKey::parse(KeyKind::Ed25519, ED25519).expect("a key");
            let discord = provider::discord(key);
            let verifier = discord.verifier().expect("it signs");
            refused(verifier, "x-signature-ed25519", value, body);
        }
        Input::Token(header, claims, signature) => {
            let rules = Jws::new([JwsAlgorithm::Es256])
                .key_by_kid()
                .body_hash("h", Encoding::Hex);
            let scheme = Scheme::jws(Place::header("x-token"), rules)
                .build()
                .expect("a scheme");
            let verifier = Verifier::new(scheme, point());
            let part = |bytes: &[u8]| data_encoding::BASE64URL_NOPAD.encode(bytes);
            let token = format!("{}.{}.{}", part(header), part(claims), part(signature));
            refused(&verifier, "x-token", token.as_bytes(), claims);
            refused(&verifier, "x-token", header, claims);
        }
    }
});
