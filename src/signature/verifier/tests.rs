//! Deliveries that are signed, forged or stale, and the verdict on each.

mod content;
mod properties;
mod roll_over;
mod standard;
mod verdicts;

use http::HeaderMap;

use super::*;
use crate::encoding::{Encoding, MAC_LEN};
use crate::secret::{KeyId, SecretFormat, SigningKey, SigningSecret};

const OLD: &str = "whsec_test_9f8e7d6c5b4a";
const NEW: &str = "whsec_test_the_new_one";
const BODY: &[u8] = br#"{"id":"evt_1"}"#;
const SIGNED: u64 = 1_777_899_600;

// printf '%s' '1777899600.{"id":"evt_1"}' | openssl dgst -sha256 -hmac "$SECRET"
const BY_OLD: &str = "c706533404014f078f7de5b301dcd904b5344a239be2f36ac1e46539b3f51701";
const BY_NEW: &str = "7d0206d93ce4ed2aa88cac91539b846b7088982525e90412fba6059f8b5a74b4";
const OTHER: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn scheme() -> Scheme {
    Scheme::builder("x-acme-signature")
        .pairs("t", "v1", Encoding::Hex)
        .content([
            Component::Timestamp,
            Component::literal("."),
            Component::Body,
        ])
        .build()
        .unwrap()
}

fn verifier(secrets: &[&str]) -> Verifier {
    Verifier::new(
        scheme(),
        KeyRing::parse(&SecretFormat::Text, secrets).unwrap(),
    )
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn signed(value: &str) -> HeaderMap {
    headers(&[("x-acme-signature", value)])
}

fn secs(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}

#[track_caller]
fn verdict(value: &str, body: &[u8], now: u64) -> Result<Verified, Kind> {
    verifier(&[OLD])
        .verify(&signed(value), body, secs(now))
        .map_err(|error| error.kind())
}

#[test]
fn nothing_secret_is_printed() {
    let headers = signed(&format!("t={SIGNED},v1={BY_OLD}"));
    let verifier = verifier(&[OLD]);
    let check = verifier.begin(&headers, secs(SIGNED)).unwrap();
    let error = verifier.verify(&headers, b"", secs(SIGNED)).unwrap_err();
    assert_eq!(
        format!("{check:?}"),
        "Verification { candidates: 1, keys: 1, signed_at: Some(UnixTime(1777899600.000000)), \
         id: None, tolerance: Tolerance(300) }"
    );
    let printed = format!("{verifier:?} {error:?} {error}");
    for secret in [OLD, BY_OLD, "[199, 6, 83"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
