use http::{HeaderName, Request};

use super::body::KeptBody;
use super::line::JournalLine;
use super::mask::Masks;
use super::{Recorded, RecordedRequest};
use crate::clock::UnixTime;
use crate::path::PathTokens;

fn recorded(request: Request<()>, masks: &Masks) -> RecordedRequest {
    let (parts, ()) = request.into_parts();
    let Recorded { head, .. } = Recorded::new(&parts, UnixTime::from_secs(7));
    masks.request(&head, None)
}

fn body(masks: &Masks, text: &str, is_proved: bool) -> (Option<String>, bool) {
    let kept = KeptBody {
        len: text.len(),
        kept: text.as_bytes().to_vec(),
    };
    let recorded = masks.body(&kept, is_proved);
    (recorded.text, recorded.masked)
}

#[test]
fn a_header_comes_back_byte_for_byte() {
    let request = Request::post("/hooks").header("x-text", &b"caf\xc3\xa9 \xff"[..]);
    let recorded = recorded(request.body(()).unwrap(), &Masks::default());
    let line = serde_json::to_string(&recorded).unwrap();
    let read: RecordedRequest = serde_json::from_str(&line).unwrap();
    assert_eq!(read.header_map()["x-text"].as_bytes(), b"caf\xc3\xa9 \xff");
}

#[test]
fn only_the_last_segment_is_a_token_and_what_may_follow_stays() {
    let masks = Masks {
        has_token: true,
        tail: Some("pix".to_owned()),
        ..Masks::default()
    };
    for (uri, masked) in [
        ("/a/a", "/a/[REDACTED]"),
        ("/a/3f9d/pix", "/a/[REDACTED]/pix"),
        ("/a/3f9d/pix?x=1", "/a/[REDACTED]/pix?x=1"),
        ("/3f9d", "/[REDACTED]"),
        ("/", "/"),
    ] {
        assert_eq!(masks.uri(uri), masked, "{uri}");
    }
    assert_eq!(
        Masks::default().uri("/a/b?to%6ben=s&key&b=c"),
        "/a/b?to%6ben=[REDACTED]&key&b=c"
    );
}

#[test]
fn a_token_in_each_item_of_a_list_is_masked_in_each() {
    let masks = Masks {
        each: vec![("/value".to_owned(), "/clientState".to_owned())],
        ..Masks::default()
    };
    let body = |text: &str| {
        let kept = KeptBody {
            len: text.len(),
            kept: text.as_bytes().to_vec(),
        };
        masks.body(&kept, true).text
    };
    let item = |state: &str| format!(r#"{{"clientState":"{state}","id":"1"}}"#);
    let list = |state: &str| format!(r#"{{"value":[{0},{0}]}}"#, item(state));
    assert_eq!(body(&list("5hG7kQ2m")), Some(list("[REDACTED]")));
    assert_eq!(body(r#"{"value":1}"#).as_deref(), Some(r#"{"value":1}"#));
    assert_eq!(
        body(r#"{"value":[{"clientState":"5hG7"#),
        None,
        "what is cut"
    );
}

#[test]
fn a_signature_is_kept_whatever_its_header_is_called() {
    let masks = Masks {
        kept_headers: vec![HeaderName::from_static("x-token-signature")],
        headers: vec![HeaderName::from_static("x-acme")],
        ..Masks::default()
    };
    let request = Request::post("/")
        .header("x-token-signature", "kept")
        .header("x-acme", "secret")
        .header("proxy-authorization", "secret")
        .header("stripe-signature", "kept");
    let recorded = recorded(request.body(()).unwrap(), &masks);
    let values: Vec<_> = recorded.headers.iter().map(|(_, value)| &**value).collect();
    assert_eq!(values, ["kept", "[REDACTED]", "[REDACTED]", "kept"]);
}

#[test]
fn a_body_of_which_it_is_not_known_what_it_holds_is_not_shown_where_something_is_secret() {
    let masks = Masks {
        members: vec!["/auth/token".to_owned()],
        ..Masks::default()
    };
    let right = r#"{"auth":{"token":"s"},"id":1}"#;
    let masked = r#"{"auth":{"token":"[REDACTED]"},"id":1}"#;
    assert_eq!(body(&masks, right, true), (Some(masked.to_owned()), true));
    assert_eq!(body(&masks, r#"{"auth":{"token":"s""#, true), (None, true));
    let other = r#"{"id":1}"#;
    assert_eq!(body(&masks, other, true), (Some(other.to_owned()), false));
    // Authentic content is stored unchanged, whatever its members are called.
    assert_eq!(
        body(&Masks::default(), right, true),
        (Some(right.to_owned()), false)
    );
    assert!(body(&Masks::default(), right, false).1);
}

#[test]
fn a_head_is_kept_up_to_a_bound() {
    let mut request = Request::post("/hooks");
    for number in 0..40 {
        request = request.header(format!("x-{number}"), "v".repeat(1_000));
    }
    let recorded = recorded(request.body(()).unwrap(), &Masks::default());
    assert!(recorded.headers_cut);
    assert_eq!(recorded.headers.len(), 16);
}

#[test]
fn a_line_of_another_version_is_told() {
    let line = r#"{"v":1,"id":"1","at":0,"provider":"a","verdict":"handled","later":{"a":1}}"#;
    assert!(JournalLine::parse(line).is_ok());
    let told = |text: &str| JournalLine::parse(text).unwrap_err().to_string();
    assert_eq!(
        told(&line.replace(r#""v":1"#, r#""v":2"#)),
        "journal: a line of version 2; this tower-webhook reads 1"
    );
    assert!(told("{}").starts_with("journal: no line of a journal: "));
}

#[test]
fn a_right_token_is_masked_wherever_a_request_has_it() {
    let token = "3f9d1c0b7a5e48d26c90b1f4";
    let masks = Masks {
        has_token: true,
        tail: Some("pix".to_owned()),
        tokens: vec![PathTokens::parse([token]).unwrap()],
        ..Masks::default()
    };
    for (uri, masked) in [
        ("/a/{}/", "/a/[REDACTED]/"),
        ("/a/guessed//", "/a/[REDACTED]//"),
        ("/a/{}/pix/", "/a/[REDACTED]/pix/"),
        ("/a/{}/PIX", "/a/[REDACTED]/[REDACTED]"),
        ("/a/{}/b/c", "/a/[REDACTED]/b/[REDACTED]"),
        ("/a/b?from={}&c=d", "/a/[REDACTED]?from=[REDACTED]&c=d"),
        ("/a/pi/pix", "/a/[REDACTED]/pix"),
    ] {
        assert_eq!(masks.uri(&uri.replace("{}", token)), masked, "{uri}");
    }
    // A proxy that rewrites the path repeats the old one in a header.
    let request = Request::post("/hooks")
        .header("x-original-uri", format!("/a/{token}?b=c"))
        .header("referer", "https://a.example/b?c=d");
    let recorded = recorded(request.body(()).unwrap(), &masks);
    let values: Vec<_> = recorded.headers.iter().map(|(_, value)| &**value).collect();
    assert_eq!(values, ["[REDACTED]", "https://a.example/b?c=d"]);
}

#[test]
fn a_token_of_the_query_is_masked_where_a_header_repeats_the_url() {
    let masks = Masks {
        parameters: vec!["v".to_owned()],
        ..Masks::default()
    };
    let request = Request::post("/hooks?v=hunter2-hunter2")
        .header(
            "x-original-url",
            "https://a.example/hooks?b=c&v=hunter2-hunter2",
        )
        .header("x-forwarded-uri", "/hooks?api%5Ftoken=hunter2-hunter2")
        .header("x-other", "/hooks?b=c");
    let recorded = recorded(request.body(()).unwrap(), &masks);
    let values: Vec<_> = recorded.headers.iter().map(|(_, value)| &**value).collect();
    assert_eq!(values, ["[REDACTED]", "[REDACTED]", "/hooks?b=c"]);
}

#[test]
fn no_form_of_a_strangers_body_shows_what_is_called_a_secret() {
    let deep = format!(
        "{}{}{}",
        "{\"a\":".repeat(60),
        r#"{"token":"s3cret"}"#,
        "}".repeat(60)
    );
    for text in [
        deep.as_bytes(),
        // Broken, with the name escaped.
        br#"{"tok\u0065n":"s3cret","#,
        br#"{"payload":"{\"token\":\"s3cret\"}"}"#,
        b"payload=%7B%22token%22%3A%22s3cret%22%7D&a=b",
        b"{\"token\":\"s3cret\",\"a\":\"\xff\"}",
        b"<a><token>s3cret</token></a>",
        b"--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\ns3cret\r\n--b--",
    ] {
        let kept = KeptBody {
            len: text.len(),
            kept: text.to_vec(),
        };
        let recorded = Masks::default().body(&kept, false);
        let shown = serde_json::to_string(&recorded).unwrap();
        let is_shown = shown.contains("s3cret") || recorded.base64.is_some();
        assert!(recorded.masked && !is_shown, "{shown}");
        // Authentic content without such a place is stored unchanged.
        assert!(!Masks::default().body(&kept, true).masked);
    }
}

#[test]
fn of_a_doubled_member_nothing_is_shown_that_is_masked_where_it_comes_last() {
    let masks = Masks {
        members: vec!["/pin".to_owned()],
        ..Masks::default()
    };
    for (text, is_proved, shown) in [
        // The last one looks as if it were already masked.
        (
            r#"{"token":"s3cret","token":"[REDACTED]"}"#,
            false,
            r#"{"token":"[REDACTED]"}"#,
        ),
        (
            r#"{"pin":"1234","pin":"[REDACTED]"}"#,
            true,
            r#"{"pin":"[REDACTED]"}"#,
        ),
        // The last of the equal members has no such member.
        (r#"{"a":{"token":"s3cret"},"a":1}"#, false, r#"{"a":1}"#),
        (r#"[{"pin":"1234","\u0070in":1}]"#, true, r#"[{"pin":1}]"#),
    ] {
        assert_eq!(
            body(&masks, text, is_proved),
            (Some(shown.to_owned()), true)
        );
    }
    // A value that equals the mask is masked too: it cannot be distinguished.
    let plain = r#"{"token":"[REDACTED]"}"#;
    assert_eq!(body(&masks, plain, false), (Some(plain.to_owned()), true));
}
