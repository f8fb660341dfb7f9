//! Vectors of pieces and places that few senders use.

use super::*;
use SignatureErrorKind::Mismatch;
#[test]
fn a_crc_of_the_body_stands_in_decimal() {
    // 3421780262 is the check value of CRC-32 in the catalog of parametrized CRC algorithms. printf
    // 'tx-7|3421780262' | openssl dgst -sha256 -hmac 'a secret of some length'
    let scheme = || {
        Scheme::builder("x-signature")
            .content([
                Component::header("x-transmission"),
                Component::literal("|"),
                Component::BodyCrc32,
            ])
            .content_is_id()
    };
    let sent = |body: &str| {
        let sent = Sent {
            uri: "/",
            headers: &[
                ("x-transmission", "tx-7"),
                (
                    "x-signature",
                    "bfac5ea2cbcc1976f88198957a0f2e3529c05e971cbad215dc592da489e39ef5",
                ),
            ],
            body,
            now: 0,
        };
        sent.by(scheme(), &key("a secret of some length"))
    };
    let verified = sent("123456789").unwrap();
    assert_eq!(verified.id(), Some("tx-7|3421780262"));
    assert_eq!(sent("123456780").unwrap_err(), Mismatch);
}

#[test]
fn a_path_is_signed_without_its_query() {
    // printf '/hooks/acme\nbody' | openssl dgst -sha256 -hmac 'a secret of some length'
    let scheme = || {
        Scheme::builder("x-signature").content([
            Component::Path,
            Component::literal("\n"),
            Component::Body,
        ])
    };
    let sent = |uri: &str| {
        let sent = Sent {
            uri,
            headers: &[(
                "x-signature",
                "c6c415b92da649ca221ddf5aa2d0251fdb13b18ef4c64fbf4eb8772013c8ae62",
            )],
            body: "body",
            now: 0,
        };
        sent.by(scheme(), &key("a secret of some length"))
            .map(|_| ())
    };
    assert_eq!(sent("/hooks/acme"), Ok(()));
    assert_eq!(sent("/hooks/acme?tried=2"), Ok(()));
    for other in ["/hooks/acme/", "/hooks/Acme", "/acme"] {
        assert_eq!(sent(other), Err(Mismatch), "{other}");
    }
}

#[test]
fn one_of_the_numbered_headers_is_enough() {
    // printf '{"event":"envelope-completed"}' | openssl dgst -sha256 -hmac 'a secret of some length'
    // -binary | base64
    let right = "f6MmxgAj4gUWPuLkzBRLHfkqv56k5QiElq/Llwe3/FM=";
    let wrong = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let sent = |headers: &[(&str, &str)]| {
        // DocuSign writes one header for each of its keys.
        let scheme = Scheme::at(Place::numbered_headers("x-docusign-signature-", 100));
        let sent = Sent {
            uri: "/",
            headers,
            body: r#"{"event":"envelope-completed"}"#,
            now: 0,
        };
        let scheme = scheme.single("", Encoding::Base64);
        sent.by(scheme, &key("a secret of some length")).map(|_| ())
    };
    assert_eq!(sent(&[("x-docusign-signature-1", right)]), Ok(()));
    for last in ["x-docusign-signature-2", "x-docusign-signature-100"] {
        assert_eq!(
            sent(&[("x-docusign-signature-1", wrong), (last, right)]),
            Ok(())
        );
        assert_eq!(
            sent(&[("x-docusign-signature-1", wrong), (last, wrong)]),
            Err(Mismatch)
        );
    }
    for none in [
        "x-docusign-signature-101",
        "x-docusign-signature-0",
        "x-docusign-signature-",
    ] {
        assert_eq!(
            sent(&[(none, right)]),
            Err(SignatureErrorKind::MissingHeader),
            "{none}"
        );
    }
}

#[test]
fn a_field_of_a_form_holds_the_signature_of_another_field() {
    // braintree_python, tests/unit/test_webhooks.py: the key is the SHA-1 of the private key.
    let scheme = || {
        Scheme::at(Place::form_field("bt_signature"))
            .single("integration_public_key|", Encoding::Hex)
            .algorithm(Algorithm::HmacOfHashedSecret(Digest::Sha1))
            .content([Component::form_field("bt_payload")])
            .content_is_id()
    };
    let signature = "integration_public_key%7Cd9b899556c966b3f06945ec21311865d35df3ce4";
    let payload = "20f9f8ed05f77439fe955c977e4c8a53";
    let sent = |body: &str| {
        let sent = Sent {
            uri: "/",
            headers: &[],
            body,
            now: 0,
        };
        let verified = sent.by(scheme(), &key("integration_private_key"))?;
        Ok(verified.id().map(str::to_owned))
    };
    let right = format!("bt_signature={signature}&bt_payload={payload}");
    assert_eq!(sent(&right), Ok(Some(payload.to_owned())));
    assert_eq!(sent(&right.replace("8a53", "8a54")), Err(Mismatch));
    assert_eq!(sent(&right.replace("3ce4", "3ce5")), Err(Mismatch));
    assert_eq!(
        sent(&format!("bt_payload={payload}")),
        Err(SignatureErrorKind::NoCandidate)
    );
    assert_eq!(
        sent(&format!("{right}&bt_payload=x")),
        Err(SignatureErrorKind::AmbiguousContent)
    );
}

/// As SendGrid signs inbound mail: a time in digits, and a multipart form.
#[test]
fn behind_a_time_in_digits_a_body_begins_with_anything_else() {
    // printf '1777899600--xyz…' | openssl dgst -sha256 -hmac 'a secret of some length'
    let form = "--xyz\r\nContent-Disposition: form-data; name=\"from\"\r\n\r\na@example.com\r\n--xyz--\r\n";
    let sent = |mac: &str, body: &str| {
        let sent = Sent {
            uri: "/",
            headers: &[("x-signature", mac), ("x-time", "1777899600")],
            body,
            now: 1_777_899_600,
        };
        let scheme = Scheme::builder("x-signature").algorithm(Algorithm::Hmac(Digest::Sha256));
        let scheme = scheme
            .timestamp_at(Place::header("x-time"), TimeFormat::Seconds)
            .content([Component::Timestamp, Component::Body]);
        sent.by(scheme, &key("a secret of some length")).map(|_| ())
    };
    let of_form = "867671b72270f86c38844aabe906f29e3c7e2c22e2025b13ca054bb60180d9a9";
    assert_eq!(sent(of_form, form), Ok(()));
    // printf '17778996005' | openssl dgst -sha256 -hmac 'a secret of some length'
    let of_digit = "9ca2e5bc7ec07914a03a571f1ced0543163fa39363b46a62656c7e844e89b983";
    let two_ways = Err(SignatureErrorKind::AmbiguousContent);
    assert_eq!(sent(of_digit, "5"), two_ways);
}
