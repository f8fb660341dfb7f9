//! Bodies that were changed after they were signed.

use data_encoding::BASE64;
use tower_webhook::signature::SignatureErrorKind;
use tower_webhook::signature::diagnosis::Cause;
use tower_webhook::testing::TestDelivery;

use super::cases::{request, right, ten};
use super::{BODY, Case, NOW, with_body};

/// What Python 3.11 writes of [`BODY`]: `json.dumps(json.loads(body))`.
const PYTHON: &str = r#"{"id": "evt_1", "type": "order.paid", "data": {"amount": "100.50", "name": "Zo\u00eb", "url": "https://shop.example/a"}, "created": 1777899600, "tags": ["b", "a"]}"#;
/// What PHP 8.2 does: `json_encode(json_decode($body))`.
const PHP: &str = r#"{"id":"evt_1","type":"order.paid","data":{"amount":"100.50","name":"Zo\u00eb","url":"https:\/\/shop.example\/a"},"created":1777899600,"tags":["b","a"]}"#;
/// What Node 18 does: `JSON.stringify(JSON.parse(body), null, 2)`.
const NODE: &str = "{\n  \"id\": \"evt_1\",\n  \"type\": \"order.paid\",\n  \"data\": {\n    \"amount\": \"100.50\",\n    \"name\": \"Zoë\",\n    \"url\": \"https://shop.example/a\"\n  },\n  \"created\": 1777899600,\n  \"tags\": [\n    \"b\",\n    \"a\"\n  ]\n}";
/// What jq 1.6 does: `jq -cjS .`.
const SORTED: &str = r#"{"created":1777899600,"data":{"amount":"100.50","name":"Zoë","url":"https://shop.example/a"},"id":"evt_1","tags":["b","a"],"type":"order.paid"}"#;

pub(super) fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    let line = format!("{BODY}\n");
    let windows = NODE.replace('\n', "\r\n");
    let bom = format!("\u{feff}{BODY}");
    let base64 = BASE64.encode(BODY.as_bytes());
    // Signed as this, received as that.
    let pairs: [(&str, Cause, &str, &str); 13] = [
        ("a line end added", Cause::BodyWhiteSpace, BODY, &line),
        ("a line end taken off", Cause::BodyWhiteSpace, &line, BODY),
        (
            "line ends of Windows made",
            Cause::BodyLineEnds,
            NODE,
            &windows,
        ),
        (
            "line ends of Unix made",
            Cause::BodyLineEnds,
            &windows,
            NODE,
        ),
        ("a byte order mark added", Cause::BodyBom, BODY, &bom),
        ("a byte order mark taken off", Cause::BodyBom, &bom, BODY),
        (
            "written anew by Python",
            Cause::BodyReserialised,
            BODY,
            PYTHON,
        ),
        ("written anew by PHP", Cause::BodyReserialised, BODY, PHP),
        (
            "written anew by Node with blanks",
            Cause::BodyReserialised,
            BODY,
            NODE,
        ),
        (
            "of Python, written anew by Node",
            Cause::BodyReserialised,
            PYTHON,
            BODY,
        ),
        (
            "of PHP, written anew by Node",
            Cause::BodyReserialised,
            PHP,
            BODY,
        ),
        (
            "signed with its members sorted",
            Cause::BodyReserialised,
            SORTED,
            BODY,
        ),
        ("wrapped in base64", Cause::BodyEncoding, BODY, &base64),
    ];
    for (made, cause, signed, received) in pairs {
        for sender in ten().into_iter().take(5) {
            let delivery = TestDelivery::new(&sender, signed.to_owned()).at(NOW);
            let request = with_body(request(&delivery), received.to_owned());
            all.push(Case::new(made, cause, &sender, request));
        }
    }
    for sender in ten().into_iter().take(5) {
        let changed = request(&right(&sender).body_changed());
        let made = "a blank added by the kit";
        all.push(Case::new(made, Cause::BodyWhiteSpace, &sender, changed));
    }
    for sender in ten() {
        let signed = request(&right(&sender));
        let text = String::from_utf8(signed.body().to_vec()).unwrap();
        let mut cut = with_body(signed.clone(), text[..text.len() - 20].to_owned());
        cut.headers_mut()
            .insert("content-length", text.len().into());
        // A time in the body is cut off with it.
        if sender
            .verifier()
            .unwrap()
            .verify(&cut, cut.body(), NOW)
            .unwrap_err()
            .kind()
            == SignatureErrorKind::Mismatch
        {
            all.push(Case::new("cut off", Cause::BodyLength, &sender, cut));
        }
        let changed = with_body(signed, text.replace("100.50", "900.50"));
        all.push(Case::new(
            "another amount",
            Cause::Unknown,
            &sender,
            changed,
        ));
    }
    all
}
