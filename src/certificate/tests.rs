//! Certificates that others made, in each place in which a proxy writes them.

mod envoy;

use std::net::IpAddr;

use http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;
use crate::clock::UnixTime;
use crate::error::ConfigError;

/// RFC 9440, figures 1 to 3.
const RFC: &str = ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:";
/// `openssl x509 -noout -fingerprint -sha256` of it.
const RFC_SHA256: &str = "BF:AF:1F:7E:07:0F:9F:A8:DD:62:90:5F:15:8D:A7:3F:84:A1:13:66:24:FB:AF:CC:93:93:C8:F7:28:7A:69:EB";
/// `openssl x509 -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64`
const RFC_KEY: &str = "yTvZJqPkG+BQJ5mvQ1IbLCgU5bxrZXhlGEHQDp3uad4=";
/// While it is valid: from 2020-01-14T22:55:33Z to 2021-01-23T22:55:33Z.
const THEN: u64 = 1_600_000_000;
const LEAF: &str = include_str!("../../tests/data/certificates/leaf.pem");
const FOREIGN: &str = include_str!("../../tests/data/certificates/foreign.pem");
const ROOT: &str = include_str!("../../tests/data/certificates/root.pem");
/// While those are.
const NOW: u64 = 1_900_000_000;

fn proof(matches: impl IntoIterator<Item = CertificateMatch>) -> CertificateProof {
    CertificateProof::of(matches).unwrap()
}

fn by_sha256(sha256: &str) -> CertificateProof {
    proof([CertificateMatch::sha256(sha256).unwrap()])
}

fn headers<const N: usize>(lines: [(&'static str, &str); N]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// The verdict on these headers from a declared proxy.
fn told(
    proof: &CertificateProof,
    headers: &HeaderMap,
    now: u64,
) -> Result<(), CertificateErrorKind> {
    told_by(proof, headers, now, "10.0.0.7", true)
}

fn told_by(
    proof: &CertificateProof,
    headers: &HeaderMap,
    now: u64,
    peer: &str,
    is_proxy: bool,
) -> Result<(), CertificateErrorKind> {
    let peer: IpAddr = peer.parse().unwrap();
    let seen = Seen {
        extensions: &Extensions::new(),
        headers,
        peer: Some(peer),
        is_proxy,
    };
    (proof.check_seen(seen, UnixTime::from_secs(now))).map_err(|error| error.kind())
}

fn escaped(pem: &str) -> String {
    utf8_percent_encode(pem, NON_ALPHANUMERIC).to_string()
}

use CertificateErrorKind::{Expired, Fault, Malformed, Missing, Refused};

#[test]
fn the_example_of_rfc_9440_is_read() {
    let headers = headers([("client-cert", RFC)]);
    for right in [
        CertificateMatch::sha256(RFC_SHA256),
        CertificateMatch::sha256(&RFC_SHA256.replace(':', "").to_lowercase()),
        CertificateMatch::public_key_sha256(RFC_KEY),
    ] {
        let proof = proof([right.unwrap()]).written_in(CertificateHeader::rfc9440());
        assert_eq!(told(&proof, &headers, THEN), Ok(()));
    }
    let other = by_sha256(&RFC_SHA256.replace("BF", "BE")).written_in(CertificateHeader::rfc9440());
    assert_eq!(told(&other, &headers, THEN), Err(Refused));
}

#[test]
fn a_certificate_counts_from_its_first_second_to_its_last() {
    let proof = by_sha256(RFC_SHA256).written_in(CertificateHeader::rfc9440());
    // `date -d 2020-01-14T22:55:33Z +%s` and the like.
    for (now, judged) in [
        (1_579_042_532, Err(Expired)),
        (1_579_042_533, Ok(())),
        (1_611_442_533, Ok(())),
        (1_611_442_534, Err(Expired)),
    ] {
        assert_eq!(
            told(&proof, &headers([("client-cert", RFC)]), now),
            judged,
            "{now}"
        );
    }
}

#[test]
fn a_sender_is_known_by_name_key_or_issuer() {
    let shown = ClientCertificate::from_pem(LEAF).unwrap();
    let check = |wanted: Result<CertificateMatch, ConfigError>| {
        proof([wanted.unwrap()])
            .check(&shown, UnixTime::from_secs(NOW))
            .is_ok()
    };
    assert!(check(CertificateMatch::certificate(LEAF)));
    assert!(!check(CertificateMatch::certificate(FOREIGN)));
    assert!(check(CertificateMatch::public_key_of(LEAF)));
    // Both are for one key.
    assert!(check(CertificateMatch::public_key_of(FOREIGN)));
    assert!(!check(CertificateMatch::public_key_of(ROOT)));
    assert!(check(CertificateMatch::dns("Certs.Sender.Example")));
    assert!(!check(CertificateMatch::dns("sender.example")));
    assert!(!check(CertificateMatch::uri("certs.sender.example")));
    assert!(check(CertificateMatch::issued_by(ROOT)));
    // Its subject is not an authority's.
    assert!(!check(CertificateMatch::issued_by(LEAF)));
    assert!(check(CertificateMatch::issued_to(
        ROOT,
        "certs.sender.example"
    )));
    assert!(!check(CertificateMatch::issued_to(ROOT, "certs.sender")));
    assert!(check(CertificateMatch::renewals_of(LEAF)));
    // The same subject from another issuer.
    assert!(!check(CertificateMatch::renewals_of(FOREIGN)));
    // During a rotation, either one.
    let both = [FOREIGN, LEAF].map(|pem| CertificateMatch::certificate(pem).unwrap());
    assert!(proof(both).check(&shown, UnixTime::from_secs(NOW)).is_ok());
}

#[test]
fn what_is_no_fingerprint_is_refused_when_it_is_set() {
    let refused = |text: &str| CertificateMatch::sha256(text).unwrap_err().to_string();
    assert!(refused("a9993e364706816aba3e25717850c26c9cd0d89d").contains("SHA-1"));
    let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert!(refused(of_nothing).contains("of nothing"));
    assert!(refused("").contains("64 digits"));
    for wrong in [
        "",
        "no PEM",
        "-----BEGIN CERTIFICATE-----AAAA-----END CERTIFICATE-----",
    ] {
        assert!(CertificateMatch::certificate(wrong).is_err(), "{wrong}");
    }
    assert!(CertificateMatch::certificate(format!("{LEAF}{ROOT}")).is_err());
    assert!(CertificateMatch::dns("").is_err());
    assert!(CertificateProof::of([]).is_err());
}

#[test]
fn nginx_tells_in_two_headers() {
    let proof =
        proof([CertificateMatch::issued_by(ROOT).unwrap()]).written_in(CertificateHeader::nginx());
    let pem = escaped(LEAF);
    let told = |cert: &str, verify: &str| {
        let headers = headers([("x-ssl-client-cert", cert), ("x-ssl-client-verify", verify)]);
        told(&proof, &headers, NOW)
    };
    assert_eq!(told(&pem, "SUCCESS"), Ok(()));
    assert_eq!(
        told(&pem, "FAILED:unable to verify the first certificate"),
        Err(Refused)
    );
    assert_eq!(told(&pem, "NONE"), Err(Refused));
    assert_eq!(told(&pem, ""), Err(Refused));
    assert_eq!(told("", "NONE"), Err(Missing));
    assert_eq!(told(&escaped(FOREIGN), "SUCCESS"), Err(Refused));
    // Apache's spaces for line ends.
    assert_eq!(told(&LEAF.trim().replace('\n', " "), "SUCCESS"), Ok(()));
    // A form's `+` for a space, a chain, and text that is not a certificate.
    assert_eq!(told(&pem.replace("%20", "+"), "SUCCESS"), Err(Malformed));
    assert_eq!(
        told(&escaped(&format!("{LEAF}{ROOT}")), "SUCCESS"),
        Err(Malformed)
    );
    assert_eq!(told(&pem.replace("END", "E"), "SUCCESS"), Err(Malformed));
    assert_eq!(told("MIIB", "SUCCESS"), Err(Malformed));
    let alone = headers([("x-ssl-client-cert", pem.as_str())]);
    assert_eq!(super::tests::told(&proof, &alone, NOW), Err(Refused));
}

#[test]
fn no_certificate_is_told_in_the_words_of_each_proxy() {
    let proof = by_sha256(RFC_SHA256).written_in(CertificateHeader::rfc9440());
    // The values of nginx, HAProxy, Apache and Caddy.
    for none in [
        "",
        "::",
        "(null)",
        ":<nil>:",
        ":{http.request.tls.client.certificate_der_base64}:",
    ] {
        assert_eq!(
            told(&proof, &headers([("client-cert", none)]), THEN),
            Err(Missing),
            "{none}"
        );
    }
    assert_eq!(told(&proof, &HeaderMap::new(), THEN), Err(Missing));
    for wrong in [
        ":AAAA:",
        "AAAA",
        ":!:",
        &format!("{RFC}, {RFC}"),
        &format!("{RFC};a=1"),
        "\"a\"",
    ] {
        assert_eq!(
            told(&proof, &headers([("client-cert", wrong)]), THEN),
            Err(Malformed),
            "{wrong}"
        );
    }
}

#[test]
fn a_header_that_stands_twice_is_refused_even_where_both_are_alike() {
    let pem = escaped(LEAF);
    let by_issuer = |header| proof([CertificateMatch::issued_by(ROOT).unwrap()]).written_in(header);
    let twice = headers([("client-cert", RFC), ("client-cert", RFC)]);
    let rfc = by_sha256(RFC_SHA256).written_in(CertificateHeader::rfc9440());
    assert_eq!(told(&rfc, &twice, THEN), Err(Malformed));
    for lines in [
        [
            ("x-ssl-client-cert", pem.as_str()),
            ("x-ssl-client-cert", &pem),
            ("x-ssl-client-verify", "SUCCESS"),
        ],
        [
            ("x-ssl-client-cert", &pem),
            ("x-ssl-client-verify", "SUCCESS"),
            ("x-ssl-client-verify", "SUCCESS"),
        ],
    ] {
        let proof = by_issuer(CertificateHeader::nginx());
        assert_eq!(told(&proof, &headers(lines), NOW), Err(Malformed));
    }
    let element = format!("Cert=\"{pem}\"");
    let twice = headers([
        ("x-forwarded-client-cert", element.as_str()),
        ("x-forwarded-client-cert", &element),
    ]);
    assert_eq!(
        told(&by_issuer(CertificateHeader::xfcc()), &twice, NOW),
        Err(Malformed)
    );
}

#[test]
fn a_header_counts_from_declared_proxies_alone() {
    let proof = by_sha256(RFC_SHA256).written_in(CertificateHeader::rfc9440());
    let shown = headers([("client-cert", RFC)]);
    assert_eq!(told_by(&proof, &shown, THEN, "10.0.0.7", true), Ok(()));
    assert_eq!(
        told_by(&proof, &shown, THEN, "198.51.100.7", false),
        Err(Missing)
    );
    // A peer in a private network is most likely an undeclared proxy.
    assert_eq!(told_by(&proof, &shown, THEN, "10.0.0.7", false), Err(Fault));
    assert_eq!(
        told_by(&proof, &HeaderMap::new(), THEN, "10.0.0.7", false),
        Err(Missing)
    );
    let nobody = Seen {
        extensions: &Extensions::new(),
        headers: &shown,
        peer: None,
        is_proxy: false,
    };
    let judged = proof.check_seen(nobody, UnixTime::from_secs(THEN));
    assert_eq!(judged.unwrap_err().kind(), Fault);
    // If the connection's certificate counts, no header does, and the reverse.
    let direct = by_sha256(RFC_SHA256);
    assert_eq!(
        told_by(&direct, &shown, THEN, "10.0.0.7", true),
        Err(Missing)
    );
    let mut extensions = Extensions::new();
    extensions.insert(ClientCertificate::from_pem(LEAF).unwrap());
    let by_issuer = super::tests::proof([CertificateMatch::issued_by(ROOT).unwrap()]);
    let seen = Seen {
        extensions: &extensions,
        headers: &HeaderMap::new(),
        peer: None,
        is_proxy: true,
    };
    assert!(by_issuer.check_seen(seen, UnixTime::from_secs(NOW)).is_ok());
    let seen = Seen {
        peer: Some("10.0.0.7".parse().unwrap()),
        ..seen
    };
    let by_header = by_issuer.written_in(CertificateHeader::rfc9440());
    assert_eq!(
        by_header
            .check_seen(seen, UnixTime::from_secs(NOW))
            .unwrap_err()
            .kind(),
        Missing
    );
}

#[test]
fn what_is_long_is_not_parsed() {
    let proof = by_sha256(RFC_SHA256);
    let long = ClientCertificate::from_der(vec![0x30; 16 * 1024 + 1]);
    let refused = proof.check(&long, UnixTime::from_secs(NOW)).unwrap_err();
    assert!(refused.to_string().contains("16 KiB"), "{refused}");
    for header in [
        CertificateHeader::rfc9440(),
        CertificateHeader::pem(HeaderName::from_static("client-cert")),
    ] {
        let long = format!(":{}:", "A".repeat(100_000));
        let proof = proof.clone().written_in(header);
        assert_eq!(
            told(&proof, &headers([("client-cert", &long)]), NOW),
            Err(Malformed)
        );
    }
}

#[test]
fn an_error_says_what_was_shown_and_no_more_than_a_line() {
    let shown = ClientCertificate::from_pem(FOREIGN).unwrap();
    let refused = by_sha256(RFC_SHA256)
        .check(&shown, UnixTime::from_secs(NOW))
        .unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains("of CN=certs.sender.example by CN=Other"),
        "{text}"
    );
    assert!(text.contains("is none of the sender's"), "{text}");
    assert!(!text.contains('\n'), "{text}");
}
