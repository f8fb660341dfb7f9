//! The cost of a verification with a public key, relative to a bare one with the same library:
//!
//! ```sh
//! cargo bench --bench public_keys --features jwt,testing            # prints a row for each
//! cargo bench --bench public_keys --features jwt,testing -- --check # fails where a bound is missed
//! ```
//!
//! Both take turns in short rounds, and a ratio is the median of the rounds' ratios.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a bench that panics has done its work"
)]

#[path = "common/mod.rs"]
mod common;

use std::hint::black_box;
use std::time::Instant;

use common::measured::{Bound, Table};
use common::medians::Medians;
use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::pkcs8::DecodePublicKey;
use p256::ecdsa::signature::Verifier as _;
use sha2::{Digest as _, Sha256};
use tower_webhook::signature::{
    Algorithm, Component, Jws, JwsAlgorithm, KeyKind, Place, PublicKeyAlgorithm, Scheme, Verifier,
};
use tower_webhook::testing::{PrivateKey, TestDelivery};
use tower_webhook::{Digest, Encoding, Provider, UnixTime, provider};

const NOW: UnixTime = UnixTime::from_secs(1_777_899_600);
const ROUNDS: usize = 41;
const IN_A_ROUND: usize = 60;

/// The nanoseconds per call.
fn time(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..IN_A_ROUND {
        call();
    }
    start.elapsed().as_nanos() as f64 / IN_A_ROUND as f64
}

/// A row of the table; returns whether the bound is met.
fn compare(
    table: &Table,
    name: &str,
    bound: f64,
    mut ours: impl FnMut(),
    mut bare: impl FnMut(),
) -> bool {
    let rounds = (0..ROUNDS).map(|_| (time(&mut bare), time(&mut ours)));
    let medians = Medians::of(rounds.collect::<Vec<_>>());
    table.put(name, "bare", "µs", medians.first / 1_000.0);
    table.put(name, "ours", "µs", medians.second / 1_000.0);
    let ratio = "of the bare verification";
    table.require(name, ratio, "", medians, Bound::AtMost(bound))
}

fn signed(algorithm: PublicKeyAlgorithm) -> (Provider, http::Request<bytes::Bytes>) {
    let scheme = Scheme::builder("x-signature")
        .single("", Encoding::Base64)
        .timestamp_header("x-time")
        .content([
            Component::Timestamp,
            Component::literal("."),
            Component::Body,
        ])
        .algorithm(Algorithm::PublicKey(algorithm))
        .build()
        .unwrap();
    let keys = PrivateKey::for_tests(algorithm);
    let plain = provider::telnyx(PrivateKey::for_tests(PublicKeyAlgorithm::Ed25519));
    let provider = Provider::signed(
        plain.name().clone(),
        Verifier::new(scheme, keys),
        plain.rule().clone(),
        plain.contract().clone(),
    );
    let delivery = TestDelivery::new(&provider, body()).at(NOW);
    let request = delivery.request().unwrap();
    (provider, request)
}

fn body() -> String {
    format!("{{\"data\":\"{}\"}}", "x".repeat(1_013))
}

fn message(request: &http::Request<bytes::Bytes>) -> (Vec<u8>, Vec<u8>) {
    let header = |name: &str| request.headers()[name].as_bytes().to_vec();
    let message = [&*header("x-time"), b".", request.body()].concat();
    let signature = data_encoding::BASE64
        .decode(&header("x-signature"))
        .unwrap();
    (message, signature)
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("skipped: run it with `cargo bench --bench public_keys`");
        return;
    }
    let check = std::env::args().any(|argument| argument == "--check");
    let mut holds = true;
    let table = Table::new("public-keys", "One delivery of 1 KiB by a public key");
    let ours = |provider: &Provider, request: &http::Request<bytes::Bytes>| {
        let verifier = provider.verifier().unwrap().clone();
        let request = request.clone();
        move || {
            let verified = verifier.verify(black_box(&request), request.body(), NOW);
            black_box(verified).unwrap();
        }
    };

    let (provider, request) = signed(PublicKeyAlgorithm::Ed25519);
    let (text, signature) = message(&request);
    let der = PrivateKey::for_tests(PublicKeyAlgorithm::Ed25519)
        .public()
        .to_der();
    let key = ed25519_dalek::VerifyingKey::from_public_key_der(&der).unwrap();
    let parsed = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    holds &= compare(&table, "Ed25519", 1.05, ours(&provider, &request), || {
        black_box(key.verify_strict(black_box(&text), &parsed)).unwrap();
    });

    let (provider, request) = signed(PublicKeyAlgorithm::ES256_DER);
    let (text, signature) = message(&request);
    let der = PrivateKey::for_tests(PublicKeyAlgorithm::ES256_DER)
        .public()
        .to_der();
    let key = p256::ecdsa::VerifyingKey::from_public_key_der(&der).unwrap();
    let parsed = p256::ecdsa::Signature::from_der(&signature).unwrap();
    holds &= compare(
        &table,
        "ECDSA P-256",
        1.05,
        ours(&provider, &request),
        || {
            black_box(key.verify(black_box(&text), &parsed)).unwrap();
        },
    );

    let algorithm = PublicKeyAlgorithm::rsa(Digest::Sha256);
    let (provider, request) = signed(algorithm);
    let (text, signature) = message(&request);
    let der = PrivateKey::for_tests(algorithm).public().to_der();
    let key = rsa::PublicKey::from_public_key_der(&der).unwrap();
    holds &= compare(&table, "RSA 2048", 1.05, ours(&provider, &request), || {
        black_box(key.pkcs1v15_verify::<Sha256>(black_box(&text), &signature)).unwrap();
    });

    let token = Jws::new([JwsAlgorithm::Es256])
        .body_hash("request_body_sha256", Encoding::Hex)
        .issued_at();
    let scheme = Scheme::jws(Place::header("x-token"), token)
        .build()
        .unwrap();
    let key = PrivateKey::for_tests(PublicKeyAlgorithm::ES256_DER);
    assert!(matches!(key.public().kind(), KeyKind::Ecdsa(_)));
    let plain = provider::plaid(key.clone());
    let provider = Provider::signed(
        plain.name().clone(),
        Verifier::new(scheme, key.clone()),
        plain.rule().clone(),
        plain.contract().clone(),
    );
    let request: http::Request<bytes::Bytes> = TestDelivery::new(&provider, body())
        .at(NOW)
        .request()
        .unwrap();
    let token = request.headers()["x-token"].to_str().unwrap();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    let parsed = p256::ecdsa::Signature::from_slice(&signature).unwrap();
    let key = p256::ecdsa::VerifyingKey::from_public_key_der(&key.public().to_der()).unwrap();
    holds &= compare(
        &table,
        "JWT by ES256, with the body's hash",
        1.15,
        ours(&provider, &request),
        || {
            black_box(Sha256::digest(black_box(request.body())));
            black_box(key.verify(black_box(input.as_bytes()), &parsed)).unwrap();
        },
    );
    assert!(holds || !check, "a bound is missed");
}
