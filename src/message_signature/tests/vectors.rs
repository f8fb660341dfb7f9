//! The examples of RFC 9421 for requests, and vectors of another implementation.

use super::*;

/// Appendix B.1.2, test-key-rsa-pss.
const RSA_PSS: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHqgDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5WUtzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI2wIDAQAB";
/// Appendix B.1.4, test-key-ed25519.
const ED25519: &str = "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=";

fn pss() -> Verifier {
    let rules = MessageSignatures::new([MessageAlgorithm::RsaPssSha512]).covering::<&str>([]);
    verifier(rules, public("test-key-rsa-pss", KeyKind::Rsa, RSA_PSS))
}

#[track_caller]
fn holds(verifier: &Verifier, input: &str, signature: &str) {
    let request = test_request(input, signature);
    let verified = verifier.verify(&request, BODY.as_bytes(), CREATED).unwrap();
    assert_eq!(verified.signed_at(), Some(CREATED));
    let damaged = signature.replacen("=:", "=:AAAA", 1);
    let damaged = test_request(input, &damaged);
    assert!(verifier.verify(&damaged, BODY.as_bytes(), CREATED).is_err());
    let later = input.replace("1618884473", "1618884474");
    let error = verifier
        .verify(&test_request(&later, signature), BODY.as_bytes(), CREATED)
        .unwrap_err();
    assert_eq!(error.kind(), SignatureErrorKind::Mismatch);
}

#[test]
fn b_2_1_covers_its_parameters_alone() {
    holds(
        &pss(),
        r#"sig-b21=();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd""#,
        "sig-b21=:d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==:",
    );
}

#[test]
fn b_2_2_covers_some_components() {
    holds(
        &pss(),
        r#"sig-b22=("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example""#,
        "sig-b22=:LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==:",
    );
}

#[test]
fn b_2_3_covers_the_whole_request() {
    holds(
        &pss(),
        r#"sig-b23=("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss""#,
        "sig-b23=:bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==:",
    );
}

#[test]
fn b_2_4_is_of_a_response_and_no_proof_here() {
    let request = test_request(
        r#"sig-b24=("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256""#,
        "sig-b24=:wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==:",
    );
    let error = pss()
        .verify(&request, BODY.as_bytes(), CREATED)
        .unwrap_err();
    assert_eq!(error.kind(), SignatureErrorKind::Malformed);
}

#[test]
fn b_2_5_is_of_a_shared_secret() {
    let rules = hmac().covering(["date", "@authority", "content-type"]);
    holds(
        &verifier(rules, shared_secret()),
        r#"sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#,
        "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:",
    );
}

#[test]
fn b_2_6_is_of_ed25519() {
    let rules = MessageSignatures::new([MessageAlgorithm::Ed25519]).covering(["@method", "@path"]);
    let key = public("test-key-ed25519", KeyKind::Ed25519, ED25519);
    holds(
        &verifier(rules, key),
        r#"sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#,
        "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
    );
}

#[test]
fn b_4_holds_through_what_proxies_may_change() {
    let input = r#"transform=("@method" "@path" "@authority" "accept");created=1618884473;keyid="test-key-ed25519""#;
    let signature = "transform=:ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==:";
    let rules = MessageSignatures::new([MessageAlgorithm::Ed25519]).covering(["@method", "accept"]);
    let scheme = Scheme::message_signatures(rules)
        .public_url(PublicUrl::parse("https://example.org/demo").unwrap())
        .build()
        .unwrap();
    let key = public("test-key-ed25519", KeyKind::Ed25519, ED25519);
    let verifier = Verifier::new(scheme, crate::secret::KeyRing::new([key]).unwrap());
    let verdict = |accept: &[&str], uri: &str| {
        let mut request = Request::get(uri);
        for line in accept {
            request = request.header("accept", *line);
        }
        let request = request
            .header("signature-input", input)
            .header("signature", signature)
            .body(())
            .unwrap();
        verifier.verify(&request, b"", CREATED).is_ok()
    };
    // The request as it was signed, with a parameter added, and with its lines joined.
    assert!(verdict(
        &["application/json", "*/*"],
        "/demo?name1=Value1&Name2=value2"
    ));
    assert!(verdict(&["application/json", "*/*"], "/demo?param=added"));
    assert!(verdict(&["  application/json, */* "], "/demo"));
    // Its lines in another order.
    assert!(!verdict(&["*/*", "application/json"], "/demo"));
}

/// One line for each vector: `tests/data/message_signatures.py` wrote them with
/// http-message-signatures 3.0.0.
const OTHERS: &str = include_str!("../../../tests/data/message_signatures.jsonl");

#[derive(serde::Deserialize)]
struct Vector {
    algorithm: String,
    key: String,
    covering: Vec<String>,
    url: String,
    method: String,
    headers: Vec<(String, String)>,
    body: String,
}

#[test]
fn what_another_implementation_signs_is_accepted() {
    let mut seen = Vec::new();
    for line in OTHERS.lines() {
        let vector: Vector = serde_json::from_str(line).unwrap();
        let (algorithm, kind) = match &*vector.algorithm {
            "hmac-sha256" => (MessageAlgorithm::HmacSha256, None),
            "ed25519" => (MessageAlgorithm::Ed25519, Some(KeyKind::Ed25519)),
            "ecdsa-p256-sha256" => {
                let kind = KeyKind::Ecdsa(crate::signature::Curve::P256);
                (MessageAlgorithm::EcdsaP256Sha256, Some(kind))
            }
            "ecdsa-p384-sha384" => {
                let kind = KeyKind::Ecdsa(crate::signature::Curve::P384);
                (MessageAlgorithm::EcdsaP384Sha384, Some(kind))
            }
            "rsa-v1_5-sha256" => (MessageAlgorithm::RsaV15Sha256, Some(KeyKind::Rsa)),
            "rsa-pss-sha512" => (MessageAlgorithm::RsaPssSha512, Some(KeyKind::Rsa)),
            other => panic!("{other}"),
        };
        assert_eq!(algorithm.name(), vector.algorithm);
        let key = match kind {
            Some(kind) => public("key-1", kind, &vector.key),
            None => SigningKey::new("key-1", SigningSecret::from_base64(&vector.key).unwrap()),
        };
        let url = PublicUrl::parse(&vector.url).unwrap();
        let rules = MessageSignatures::new([algorithm]).covering(vector.covering);
        let scheme = Scheme::message_signatures(rules)
            .public_url(url)
            .build()
            .unwrap();
        let verifier = Verifier::new(scheme, crate::secret::KeyRing::new([key]).unwrap());
        let path = vector.url.splitn(4, '/').nth(3).unwrap();
        let mut request = Request::builder()
            .method(&*vector.method)
            .uri(format!("/{path}"));
        for (name, value) in &vector.headers {
            request = request.header(name, value);
        }
        let request = request.body(()).unwrap();
        let verified = verifier.verify(&request, vector.body.as_bytes(), CREATED);
        assert!(verified.is_ok(), "{verified:?} of {line}");
        // The digest of another body does not match this one.
        let other = format!("{} ", vector.body);
        assert!(
            verifier
                .verify(&request, other.as_bytes(), CREATED)
                .is_err(),
            "{line}"
        );
        seen.push(vector.algorithm);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 6, "{seen:?}");
}
