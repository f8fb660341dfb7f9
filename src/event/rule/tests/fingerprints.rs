//! The input of an event's fingerprint, which never changes.

use super::*;

#[test]
fn the_fingerprint_is_what_the_event_means() {
    let of = |rest: &str| {
        let body = format!(r#"{{"OrderId":1,"Status":"PAID"{rest}}}"#);
        identify(&orders(), &body).unwrap().fingerprint
    };
    assert_eq!(
        of(r#","Amount":100.5"#),
        of(r#","note":"x", "Amount" : 100.50"#)
    );
    assert_eq!(
        of(r#","Amount":100.5"#),
        of(r#","amount":100.5,"Amount":1.005e2"#)
    );
    assert_ne!(of(r#","Amount":100.5"#), of(r#","Amount":100.51"#));
    assert_ne!(of(r#","Amount":100.5"#), of(""));
    assert_eq!(of(r#","Amount":null"#), of(""));
    assert_eq!(
        of(r#","Kind":{"a":1,"b":2}"#),
        of(r#","Kind":{"b":2,"a":1.0}"#)
    );
    // A value in one field is not the same value in the next.
    assert_ne!(of(r#","Amount":1"#), of(r#","Kind":1"#));
}

/// Stored fingerprints must stay valid. These were computed by a few lines of Python, from the
/// table in `canonical.rs` and with `json`, `decimal` and `hashlib`.
#[test]
fn fingerprints_never_change() {
    let n = |len| "n".repeat(len);
    let long = n(1_234);
    for (rest, expected) in [
        ("", "85ad3ec7639dd80499f2a5ef88733b41"),
        (
            r#","Amount":100.50,"Kind":"pix""#,
            "90b6287df672fca0ffe50681f95baf87",
        ),
        (
            r#","Amount":-0.00120e+4,"Kind":[0,-0.0,35,1500,12345678901234567890123.450,1E-7,10e99]"#,
            "46b93a934ef267abab244871028fa6ba",
        ),
        (
            r#","amount":"100.50","Kind":{"z":null,"note_10":true,"note_1":false,"note_09":[],"é":{},"":"","\u007a\u0061":"a\"b\\\/\n\ud83d\ude00é","\ue000":1,"\ud83d\ude00":2}"#,
            "d95f4f65f70b4c5cbc78364ec27d6906",
        ),
        (
            &format!(
                r#","Kind":{{"object":"conversion","id":"cnv_01HX4Y6Z7A8B9C0D1E2F3G4H5J","metadata":{{"longer_than_a_hundred":"{long}","b":[[1,{{"y":2,"x":[3]}}]],"a":"ten chars!"}}}}"#
            ),
            "3e09e09e97d1626dd42cc893939de381",
        ),
        (
            // Strings about as long as one copy step, and as the largest one-byte length.
            &format!(
                r#","Kind":["{}","{}","{}","{}",{{"{p32}b":null,"{p32}a":null,"{p128}b":true,"{p128}a":false}}]"#,
                n(31),
                n(32),
                n(127),
                n(128),
                p32 = "p".repeat(32),
                p128 = "p".repeat(128),
            ),
            "59025879bb6e6681f324f1c75947583f",
        ),
    ] {
        let body = format!(r#"{{"OrderId":1,"Status":"PAID"{rest}}}"#);
        let fingerprint = identify(&orders(), &body).unwrap().fingerprint;
        assert_eq!(
            format!("{fingerprint:?}"),
            format!("Fingerprint({expected})"),
            "{body}"
        );
    }
}

/// A value without a canonical form means its bytes; one that is not text means the whole body's.
#[test]
fn what_has_no_form_means_its_bytes() {
    let of = |kind: &[u8], note: &str| {
        let head = format!(r#"{{"note":{note},"OrderId":1,"Status":"PAID","Amount":1,"Kind":"#);
        let body = [head.as_bytes(), kind, b"}"].concat();
        let event = orders().identify(&provider(), &HeaderMap::new(), None, &body);
        event.unwrap().fingerprint
    };
    let odd = [
        &br#""\ud83d""#[..],
        br#""\uD83D""#,
        br#"{"a":1,"a":1}"#,
        br#"{"a":1, "a":1}"#,
        b"1e99999999999999999999",
        b"\"\xff\"",
        b"\"\xfe\"",
        "\"\u{fffd}\"".as_bytes(),
        br#""\ufffd\ud83d""#,
    ];
    for (n, kind) in odd.iter().enumerate() {
        assert_eq!(of(kind, "0"), of(kind, "0"));
        for other in &odd[..n] {
            assert_ne!(of(kind, "0"), of(other, "0"), "{kind:?} {other:?}");
        }
        let is_text = std::str::from_utf8(kind).is_ok();
        assert_eq!(of(kind, "0") == of(kind, "1"), is_text, "{kind:?}");
    }
    // No text can contain a form, or bytes after their mark, and so share its meaning.
    assert_ne!(
        of(br#"{"a":1,"a":1}"#, "0"),
        of(br#""r{\"a\":1,\"a\":1}""#, "0")
    );
    // `{ printf '\xa31e1;\xf2\0\0\0\0\0\0\0\x0d%s' '{"a":1,"a":1}'; } | openssl dgst -sha256`
    let expected = "fe2f457fa6420fd72fbb61d70b09d5c9";
    assert_eq!(
        format!("{:?}", of(odd[2], "0")),
        format!("Fingerprint({expected})")
    );
}
