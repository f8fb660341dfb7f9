use http::HeaderMap;

use super::*;
use crate::clock::UnixTime;

fn provider() -> Name {
    Name::new("acme").unwrap()
}

fn orders() -> EventRule {
    let shape = Shape::new("order", ["/OrderId|/orderId", "/Status|/status"])
        .and_then(|shape| shape.fingerprint(["/Amount|/amount", "/Kind"]))
        .and_then(|shape| shape.time("/At"))
        .unwrap();
    EventRule::members([shape]).unwrap()
}

fn identify(rule: &EventRule, body: &str) -> Result<Identity, EventError> {
    rule.identify(&provider(), &HeaderMap::new(), None, body.as_bytes())
}

#[track_caller]
fn key_of(body: &str) -> String {
    identify(&orders(), body).unwrap().key.to_string()
}

#[track_caller]
fn refuses(body: &str, text: &str) {
    assert_eq!(
        identify(&orders(), body).unwrap_err().to_string(),
        text,
        "{body}"
    );
}

#[test]
fn integers_count_by_their_digits_and_equal_their_strings() {
    assert_eq!(key_of(r#"{"OrderId":1042,"Status":"PAID"}"#), "1042:PAID");
    assert_eq!(key_of(r#"{"orderId":"1042","status":"PAID"}"#), "1042:PAID");
    assert_eq!(
        key_of(r#"{"OrderId":1042,"orderId":"1042","Status":"PAID"}"#),
        "1042:PAID"
    );
    assert_eq!(key_of(r#"{"OrderId":-7,"Status":"\u0050AID"}"#), "-7:PAID");
    let long = "9".repeat(1_024);
    for id in [long.clone(), format!("\"{long}\"")] {
        assert_eq!(
            key_of(&format!(r#"{{"OrderId":{id},"Status":0}}"#)),
            format!("{long}:0")
        );
    }
    for id in [format!("9{long}"), format!("\"9{long}\"")] {
        refuses(
            &format!(r#"{{"OrderId":{id},"Status":0}}"#),
            "/OrderId: neither an integer nor a string with content",
        );
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let status = r#""Status":"PAID""#;
    for id in [
        "1.0", "1e3", "-0", "1E3", "true", "null", "{}", "[1]", "\"\"",
    ] {
        refuses(
            &format!(r#"{{"OrderId":{id},{status}}}"#),
            "/OrderId: neither an integer nor a string with content",
        );
    }
    refuses(
        &format!(r#"{{"OrderId":1,"orderId":2,{status}}}"#),
        "/OrderId: two spellings of the field are there and differ",
    );
    refuses(
        &format!(r#"{{"OrderId":1,{status},"Amount":1,"amount":2}}"#),
        "/Amount: two spellings of the field are there and differ",
    );
    for twice in ["OrderId", "Status", "Amount", "Kind", "At"] {
        refuses(
            &format!(r#"{{"{twice}":1,"OrderId":1,{status},"Amount":1,"Kind":1,"At":1}}"#),
            &format!("/{twice}: there twice, or in an object that is"),
        );
    }
    refuses(
        r#"{"OrderId":"\ud83d","Status":1}"#,
        "/OrderId: not text: bytes that are not UTF-8, or half of a surrogate pair",
    );
    refuses(
        &format!("{{{status}}}"),
        "/OrderId: not there: the event has no known shape",
    );
    refuses("[]", "not there: the event has no known shape");
    refuses("<xml/>", "the body is not JSON");
}

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

/// What a store holds must be found again: these were computed by a few lines of Python, from the
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
            // Strings about as long as what is copied at once, and as a length of one byte.
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

/// What has no canonical form means its bytes; what is no text, the whole body's.
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
    // Nobody can write a form, or bytes under their mark, as a text that means it.
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

/// A body of which only what does not count is odd is read; what is odd on the way is refused.
#[test]
fn odd_bodies_are_read_where_nobody_reads_what_is_odd() {
    let rule = EventRule::members([Shape::new("event", ["/data/id"]).unwrap()]).unwrap();
    let kind = |body: &[u8]| {
        let event = rule.identify(&provider(), &HeaderMap::new(), None, body);
        event.map(|_| ()).map_err(|error| error.kind())
    };
    for (body, expected) in [
        (&br#"{"data":{"id":1}}"#[..], Ok(())),
        (b"{\"data\":{\"id\":1,\"x\":\"\xff\"}}", Ok(())),
        (b"{\"x\":\"\xff\",\"data\":{\"id\":1}}", Ok(())),
        (b"{\"x\":{\"\xff\":1},\"data\":{\"id\":1}}", Ok(())),
        (b"{\"\xff\":1,\"data\":{\"id\":1}}", Ok(())),
        (br#"{"x":{"\ud800":"\ud800"},"data":{"id":1}}"#, Ok(())),
        (br#"{"\ud800":1,"data":{"id":1}}"#, Ok(())),
        (br#"{"data":{"id":1,"\ud800":1}}"#, Ok(())),
        (br#"{"data":{"id":1},"x":1,"x":1}"#, Ok(())),
        (b"\xef\xbb\xbf{\"data\":{\"id\":1}}", Ok(())),
        (b"{\"data\":{\"id\":\"\xff\"}}", Err(Kind::NotText)),
        ("{\"data\":{\"id\":\"\u{fffd}\"}}".as_bytes(), Ok(())),
        (br#"{"data":{"id":"\ud800"}}"#, Err(Kind::NotText)),
        (br#"{"data":{"id":"\ud800\u0041"}}"#, Err(Kind::NotText)),
        (br#"{"data":{"\ud800":1},"x":}"#, Err(Kind::NotJson)),
        (br#"{"data":{"id":1,"id":1}}"#, Err(Kind::DuplicateMember)),
        (br#"{"data":{"id":1,"id":1}} x"#, Err(Kind::NotJson)),
        (br#"{"data":{"id":1,"id":1,}}"#, Err(Kind::NotJson)),
        (br#"{"data":1,"data""#, Err(Kind::NotJson)),
        (b"1e400", Err(Kind::UnknownShape)),
        (br#""\ud800""#, Err(Kind::UnknownShape)),
        (br#"["\ud800"]"#, Err(Kind::UnknownShape)),
    ] {
        let text = String::from_utf8_lossy(body);
        assert_eq!(kind(body), expected, "{text}");
    }
}

/// A member that another shape would read is none of this one's business.
#[test]
fn what_only_another_shape_reads_may_be_there_twice() {
    let account = Shape::new("account", ["/urn"])
        .and_then(|s| s.when("/kind"))
        .and_then(|s| s.fingerprint(["/data"]))
        .unwrap();
    let card = Shape::new("card", ["/tx"]).unwrap();
    let rule = EventRule::members([account, card]).unwrap();
    let read = |body: &str| {
        let event = identify(&rule, body);
        event
            .map(|event| event.key.to_string())
            .map_err(|error| error.kind())
    };
    assert_eq!(
        read(r#"{"tx":"t","urn":1,"urn":2,"data":1,"data":2}"#),
        Ok("t".to_owned())
    );
    assert_eq!(
        read(r#"{"urn":"u","kind":1,"tx":1,"tx":2,"data":1}"#),
        Ok("u".to_owned())
    );
    let twice = Err(Kind::DuplicateMember);
    assert_eq!(read(r#"{"urn":"u","kind":1,"data":1,"data":2}"#), twice);
    // Which shape it has must be sure.
    assert_eq!(read(r#"{"urn":"u","kind":1,"kind":null,"tx":"t"}"#), twice);
}

#[test]
fn an_event_tells_its_time_if_it_can_be_read() {
    let time = |at: &str| {
        let body = format!(r#"{{"OrderId":1,"Status":"PAID","At":{at}}}"#);
        identify(&orders(), &body)
            .unwrap()
            .time
            .map(UnixTime::as_secs)
    };
    // `date -u -d 2026-05-04T13:00:00Z +%s`
    assert_eq!(time("\"2026-05-04T13:00:00Z\""), Some(1_777_899_600));
    assert_eq!(
        time("\"2026-05-04T15:00:00.123+02:00\""),
        Some(1_777_899_600)
    );
    assert_eq!(time("1777899600"), Some(1_777_899_600));
    assert_eq!(time("\"1900-01-01T00:00:00Z\""), Some(0));
    assert_eq!(time("9999999999999999999"), Some(9_999_999_999_999_999_999));
    for other in [
        "null",
        "\"\"",
        "\"yesterday\"",
        "{}",
        "1.5",
        "-1",
        "\"+5\"",
        "10000000000000000000",
    ] {
        assert_eq!(time(other), None, "{other}");
    }
}

#[test]
fn an_id_header_is_checked_and_never_trusted() {
    let rule = EventRule::members([Shape::new("event", ["/id"]).unwrap()])
        .and_then(|rule| rule.checked_header("X-Acme-Id"))
        .unwrap();
    let check = |values: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-acme-id", value.parse().unwrap());
        }
        rule.identify(&provider(), &headers, None, br#"{"id":"evt_1"}"#)
            .map(|identity| identity.key.to_string())
            .map_err(|error| error.to_string())
    };
    let disagrees = Err("x-acme-id: the id header disagrees with the body".to_owned());
    assert_eq!(check(&[]), Ok("evt_1".to_owned()));
    assert_eq!(check(&["evt_1"]), Ok("evt_1".to_owned()));
    assert_eq!(check(&["evt_2"]), disagrees);
    assert_eq!(check(&[""]), disagrees);
    assert_eq!(check(&["evt_1", "evt_2"]), disagrees);
    assert_eq!(check(&["evt_2", "evt_1"]), disagrees);
    assert_eq!(check(&["evt_1, evt_2"]), disagrees);
    // One line that an adapter has repeated, or joined with itself.
    assert_eq!(check(&["evt_1", "evt_1"]), Ok("evt_1".to_owned()));
    assert_eq!(check(&["evt_1, evt_1"]), Ok("evt_1".to_owned()));
}

#[test]
fn shapes_are_told_apart_by_their_fields_and_the_unknown_can_be_kept() {
    let account = Shape::new("account", ["/urn", "/kind"])
        .and_then(|s| s.when("/kind"))
        .unwrap();
    let card = Shape::new("card", ["/tx"])
        .and_then(|s| s.when("/tx"))
        .unwrap();
    let strict = EventRule::members([account, card]).unwrap();
    let shape = |rule: &EventRule, body: &str| {
        identify(rule, body).map(|event| (event.shape.map(Cow::into_owned), event.key.to_string()))
    };
    let account = (Some("account".to_owned()), "u:k".to_owned());
    assert_eq!(shape(&strict, r#"{"urn":"u","kind":"k"}"#), Ok(account));
    assert_eq!(
        shape(&strict, r#"{"kind":null,"tx":"t"}"#),
        Ok((Some("card".to_owned()), "t".to_owned()))
    );

    let lenient = strict.clone().or_body("unknown");
    for body in [
        "{}",
        r#"{"kind":"k"}"#,
        r#"{"urn":{},"kind":"k"}"#,
        "[]",
        "7",
    ] {
        assert!(shape(&strict, body).is_err(), "{body}");
        let (shape, key) = shape(&lenient, body).unwrap();
        assert!(
            shape.is_none() && key.starts_with("unknown:unknown:sha256:"),
            "{key}"
        );
    }
    // `printf '{}' | openssl dgst -sha256`
    assert_eq!(
        shape(&lenient, "{}").unwrap().1,
        "unknown:unknown:sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    );
    for body in ["", "{", r#"{"tx":1,"tx":2}"#] {
        assert!(
            shape(&lenient, body).is_err(),
            "broken, not unknown: {body}"
        );
    }
}

/// Found by the fuzz target `event_key`.
#[test]
fn an_event_of_no_known_shape_is_one_whatever_it_would_mean() {
    let body = r#"{"OrderId":[],"Status":"PAID","Amount":1,"amount":2}"#;
    refuses(
        body,
        "/OrderId: neither an integer nor a string with content",
    );
    let kept = identify(&orders().or_body("unknown"), body).unwrap();
    assert!(kept.key.to_string().contains(":sha256:"));
}

#[test]
fn a_signed_id_or_the_body_can_be_the_key() {
    let by_id = |id| {
        let event = EventRule::signed_id().identify(&provider(), &HeaderMap::new(), id, b"a");
        event.map(|event| event.key.to_string())
    };
    assert_eq!(by_id(Some("msg_1")), Ok("msg_1".to_owned()));
    assert_eq!(by_id(None).unwrap_err().kind(), Kind::NoSignedId);
    let by_body = |body: &str| identify(&EventRule::body(), body).unwrap().key;
    assert_eq!(by_body("not JSON"), by_body("not JSON"));
    assert_ne!(by_body("not JSON"), by_body("not  JSON"));
}

#[test]
fn an_unsigned_header_is_the_key_under_an_insecure_name_only() {
    let rule = EventRule::with_insecure_header_key("X-Acme-Delivery").unwrap();
    let by_header = |values: &[&[u8]], body: &[u8]| {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = http::HeaderValue::from_bytes(value).unwrap();
            headers.append("x-acme-delivery", value);
        }
        rule.identify(&provider(), &headers, None, body)
    };
    let event = by_header(&[b"72d3162e:1"], b"not JSON").unwrap();
    assert_eq!(event.key.to_string(), "72d3162e:1");
    assert_eq!(event.key.encoded(), "acme:72d3162e%3A1");
    assert_eq!(event.fingerprint, Fingerprint::of(b"not JSON"));
    // A captured body under a new header is a new event: this is what is insecure.
    let replayed = by_header(&[b"2"], b"not JSON").unwrap();
    assert_ne!(replayed.key, event.key);
    // A line that an adapter has repeated is one line.
    let doubled = by_header(&[b"2", b"2"], b"not JSON").unwrap();
    assert_eq!(doubled.key, replayed.key);
    // Another body under a known id is not a duplicate.
    let other = by_header(&[b"72d3162e:1"], b"other").unwrap();
    assert_eq!(other.key, event.key);
    assert_ne!(other.fingerprint, event.fingerprint);

    let long = [b'x'; 257];
    let refused: [&[&[u8]]; 6] = [
        &[],
        &[b""],
        &[b"a b"],
        &[b"caf\xe9"],
        &[&long],
        &[b"1", b"2"],
    ];
    for values in refused {
        let error = by_header(values, b"").unwrap_err();
        assert_eq!(
            error.to_string(),
            "x-acme-delivery: not there once with 1 to 256 visible ASCII characters"
        );
    }
    assert!(by_header(&[&long[..256]], b"").is_ok());
    assert!(EventRule::with_insecure_header_key("no header").is_err());
}

#[test]
fn a_rule_without_fields_is_not_built() {
    assert_eq!(
        EventRule::members([]).unwrap_err().to_string(),
        "event rule: needs at least one shape"
    );
    assert!(Shape::new("none", []).is_err());
    assert!(Shape::new("none", ["id"]).is_err());
    assert!(EventRule::body().checked_header("no header").is_err());
}
