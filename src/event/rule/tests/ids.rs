//! Ids outside the body: in a header, signed or not.

use super::*;
use crate::event::Fingerprint;

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
    // A captured body under a new header is a new event, which makes this rule insecure.
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
