//! How a member is read: which values count as an id, which are refused, and which are ignored.

use super::*;
use crate::clock::UnixTime;

#[track_caller]
fn key_of(body: &str) -> String {
    identify(&orders(), body).unwrap().key.to_string()
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
    let in_a_list = "/OrderId (it is no object): not there: the event has no known shape";
    refuses("[]", in_a_list);
    refuses(r#"[{"OrderId":1}]"#, in_a_list);
    refuses("<xml/>", "the body is not JSON");
}

/// A body that is invalid only in ignored parts is read; an invalid part on the path is refused.
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

/// A member that only another shape reads does not affect this one.
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
    // The shape of a body must be certain.
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
    // Offsets with minutes, offsets west of UTC, and those of two nonzero digits.
    for same in [
        "\"2026-05-04T18:30:00+05:30\"",
        "\"2026-05-04T10:30:00-02:30\"",
        "\"2026-05-05T03:00:00+14:00\"",
        "\"2026-05-04T01:00:00-12:00\"",
    ] {
        assert_eq!(time(same), Some(1_777_899_600), "{same}");
    }
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
