//! Bodies that are forms.

use super::*;

fn ids() -> EventRule {
    EventRule::members([Shape::new("event", ["/id", "/to"]).unwrap()]).unwrap()
}

fn key(rule: &EventRule, body: &[u8]) -> String {
    match rule.identify(&provider(), &HeaderMap::new(), None, body) {
        Ok(identity) => identity.key.encoded(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_field_can_hold_the_event() {
    let rule = ids().or_form_field("payload");
    // As Python's `urllib.parse.urlencode` writes it, alone and among other fields.
    for body in [
        "payload=%7B%22id%22%3A+%22evt+1%22%2C+%22to%22%3A+%22a%26b%22%7D",
        r#"{"id":"evt 1","to":"a&b"}"#,
        "token=x&payload=%7b%22id%22:%22evt%201%22,%22to%22:%22a%26b%22%7d&",
    ] {
        assert_eq!(key(&rule, body.as_bytes()), "acme:evt 1:a&b", "{body}");
    }
    for (body, problem) in [
        ("token=x", "the body is not JSON"),
        ("payload=%7B%7D&payload=%7B%7D", "the body is not JSON"),
        (
            "payload=%7B%7D",
            "/id: not there: the event has no known shape",
        ),
        ("payload=x", "the body is not JSON"),
        ("", "the body is not JSON"),
    ] {
        assert_eq!(key(&rule, body.as_bytes()), problem, "{body}");
    }
    assert_eq!(
        key(&ids(), b"payload=%7B%7D"),
        "the body is not JSON",
        "unless it is said"
    );
}

#[test]
fn fields_can_be_the_members_of_the_event() {
    let rule = ids().or_form();
    assert_eq!(
        key(&rule, b"id=SM1&to=%2B14158675309&body=a+b%0A%22%5C"),
        "acme:SM1:+14158675309"
    );
    assert_eq!(key(&rule, b"id=SM%3A1&to=x"), "acme:SM%3A1:x");
    // Ambiguous or invalid text is no key.
    assert_eq!(
        key(&rule, b"id=1&to=x&id=2"),
        "/id: there twice, or in an object that is"
    );
    let no_text = "/id: not text: bytes that are not UTF-8, or half of a surrogate pair";
    assert_eq!(key(&rule, b"id=%FF&to=x"), no_text);
    assert_eq!(
        key(&rule, b"id=%EF%BF%BD&to=x"),
        "acme:\u{fffd}:x",
        "that character itself is one"
    );
    assert_eq!(
        key(&rule, b"id=1&to=x&note=%FF%00"),
        "acme:1:x",
        "of no interest"
    );
    assert_eq!(
        key(&rule, b"id=&to=x"),
        "/id: neither an integer nor a string with content"
    );
}

#[test]
fn the_digest_of_a_form_is_that_of_its_bytes() {
    let body = b"payload=%7B%22id%22%3A7%7D";
    let rule = EventRule::body().or_form_field("payload");
    // `printf '%s' 'payload=%7B%22id%22%3A7%7D' | openssl dgst -sha256`
    assert_eq!(key(&rule, body), key(&EventRule::body(), body));
    // Every proved body has a digest.
    assert!(key(&rule, b"Hello, World!").starts_with("acme:sha256:"));
    let gone = Shape::recognized("gone").only(["id"]);
    let rule = rule.unsigned_id_for(["x-id"], [gone]).unwrap();
    let headers = HeaderMap::from_iter([("x-id".parse().unwrap(), "d1".parse().unwrap())]);
    let identity = rule.identify(&provider(), &headers, None, body).unwrap();
    assert_eq!(
        identity.shape.as_deref(),
        Some("gone"),
        "by what the form holds"
    );
    assert!(identity.key.to_string().ends_with(":d1"));
}
