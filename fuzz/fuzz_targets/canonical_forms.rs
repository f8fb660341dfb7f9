//! The forms that senders make of parts of a request before they sign them, against naive readings: the member of a body
//! as compact JSON is signed however many blanks it was sent with; the headers that a list names are signed in one way
//! only, so that what was signed names the same headers with the same values again; and of an envelope that is JSON in
//! base64 the one signature counts. A changed byte of any of them is never accepted.
//!
//! The input is text: `c` and JSON, `h` and lines `name: value`, or `e` and JSON.
#![no_main]

use std::collections::BTreeMap;

use data_encoding::{BASE64, HEXLOWER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use libfuzzer_sys::fuzz_target;
use ring::hmac;
use serde_json::Value;
use tower_webhook::signature::{Component, Place, Scheme, SchemeBuilder, Verifier};
use tower_webhook::{Encoding, RequestHead, SigningSecret, UnixTime};

const NOW: UnixTime = UnixTime::from_secs(1_777_899_600);
const SECRET: &[u8] = b"a secret of some length";

fn mac(content: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    HEXLOWER.encode(hmac::sign(&key, content).as_ref())
}

fn accepts(scheme: SchemeBuilder, headers: &HeaderMap, body: &[u8]) -> bool {
    let secret = SigningSecret::from_bytes(SECRET).unwrap();
    let verifier = Verifier::new(scheme.build().unwrap(), secret);
    let uri = Uri::from_static("/hooks");
    let head = RequestHead::new(&Method::POST, &uri, headers);
    verifier.verify(head, body, NOW).is_ok()
}

fn signed(text: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("s", HeaderValue::from_str(text).unwrap());
    headers
}

fn compact(input: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(input) else {
        return;
    };
    if value.is_null() {
        return;
    }
    let scheme = || {
        Scheme::builder("s")
            .content([Component::compact_member("/payload")])
            .content_is_id()
    };
    let text = serde_json::to_string(&value).unwrap();
    let headers = signed(&mac(text.as_bytes()));
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    for payload in [&text, &pretty, &pretty.replace('\n', "\r\n\t")] {
        let body = format!("{{ \"event\" : 1, \"payload\" : {payload} }}");
        assert!(accepts(scheme(), &headers, body.as_bytes()), "{body}");
    }
    for at in 0..text.len().min(64) {
        let mut changed = text.clone().into_bytes();
        changed[at] ^= 1;
        let body = [b"{\"payload\":", changed.as_slice(), b"}"].concat();
        // A blank that was none, and the other way round, between two tokens.
        let same = serde_json::from_slice::<Value>(&changed).ok().as_ref() == Some(&value);
        assert!(
            same || !accepts(scheme(), &headers, &body),
            "{text} at {at}"
        );
    }
}

fn listed(input: &[u8]) {
    let mut map = BTreeMap::new();
    for line in input.split(|byte| *byte == b'\n').take(16) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = parts
            .next()
            .and_then(|name| HeaderName::from_bytes(name).ok());
        let value = parts
            .next()
            .and_then(|value| std::str::from_utf8(value).ok());
        let value = value.filter(|value| value.is_ascii() && HeaderValue::from_str(value).is_ok());
        if let (Some(name), Some(value)) = (name, value)
            && name != "s"
        {
            map.insert(name.as_str().to_owned(), value.trim_ascii().to_owned());
        }
    }
    map.insert("time".to_owned(), NOW.to_string());
    map.insert("list".to_owned(), String::new());
    let names = map.keys().cloned().collect::<Vec<_>>().join(",");
    map.insert("list".to_owned(), names);
    let text = map.iter().map(|(name, value)| format!("{name}:{value}"));
    let text = text.collect::<Vec<_>>().join(";");

    let mut headers = signed(&mac(format!("{text}\n{{}}").as_bytes()));
    for (name, value) in &map {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    let scheme = || {
        let content = [
            Component::headers_listed_in("list"),
            Component::literal("\n"),
            Component::Body,
        ];
        Scheme::builder("s")
            .timestamp_at(Place::header("time"), Default::default())
            .content(content)
    };
    // Read again: an entry begins at a name with a colon.
    let mut again: BTreeMap<String, String> = BTreeMap::new();
    let mut last = String::new();
    for part in text.split(';') {
        match part.split_once(':') {
            Some((name, value)) if HeaderName::from_bytes(name.as_bytes()).is_ok() => {
                last = name.to_owned();
                again.insert(last.clone(), value.to_owned());
            }
            _ => {
                let value = again.entry(last.clone()).or_default();
                value.push(';');
                value.push_str(part);
            }
        }
    }
    assert_eq!(accepts(scheme(), &headers, b"{}"), again == map, "{text}");
    for name in map.keys() {
        let mut changed = headers.clone();
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        let value = [changed[&name].as_bytes(), b"0"].concat();
        changed.insert(&name, HeaderValue::from_bytes(&value).unwrap());
        assert!(!accepts(scheme(), &changed, b"{}"), "{name}: {text}");
        changed.remove(&name);
        assert!(!accepts(scheme(), &changed, b"{}"), "{name}: {text}");
    }
}

fn enveloped(input: &[u8]) {
    let scheme = || Scheme::builder("s").base64_json("/signature", "/kid", Encoding::Hex);
    let right = mac(b"{}");
    let made = format!(r#"{{"kid":"1","alg":"x","signature":"{right}"}}"#);
    let header = |json: &[u8]| signed(&BASE64.encode(json));
    assert!(accepts(scheme(), &header(made.as_bytes()), b"{}"));
    assert!(!accepts(scheme(), &header(made.as_bytes()), b"{ }"));
    // Whatever it is: only what holds the right signature is taken. Text that nobody asks for may be no JSON, as
    // where a control character stands in a name.
    let json = String::from_utf8_lossy(input).replace("RIGHT", &right);
    if accepts(scheme(), &header(json.as_bytes()), b"{}")
        && let Ok(object) = serde_json::from_str::<Value>(&json)
    {
        assert_eq!(object["signature"], *right, "{json}");
        assert!(
            object["kid"].is_string() || object["kid"].is_number(),
            "{json}"
        );
    }
}

fuzz_target!(|input: &[u8]| {
    match input {
        [b'c', rest @ ..] => compact(rest),
        [b'h', rest @ ..] => listed(rest),
        [b'e', rest @ ..] => enveloped(rest),
        _ => {}
    }
});
