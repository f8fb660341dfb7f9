//! Keys and fingerprints of JSON bodies, against a naive reading of a `serde_json::Value`: where a
//! body has one meaning, key and time follow from it, and neither the spelling nor the order of its
//! members shows in key or fingerprint, nor do members that nobody reads, whatever they hold; where the
//! meanings of two differ, so do their fingerprints.
//!
//! The first byte of the input chooses between a body as it is and one that is made up.
#![no_main]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use http::HeaderMap;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;
use tower_webhook::event::{EventError, EventErrorKind as Kind, EventRule, Identity, Shape};

static RULE: LazyLock<EventRule> = LazyLock::new(|| {
    let order = Shape::new("order", ["/OrderId|/orderId", "/data/id"])
        .and_then(|shape| shape.when("/data/id"))
        .and_then(|shape| shape.fingerprint(["/Amount|/amount", "/data"]))
        .and_then(|shape| shape.time("/at"))
        .unwrap();
    let card = Shape::new("card", ["/tx"])
        .and_then(|shape| shape.when("/tx"))
        .and_then(|shape| shape.fingerprint(["/kind"]))
        .unwrap();
    EventRule::members([order, card]).unwrap()
});

fn identify(body: &[u8]) -> Result<Identity, EventError> {
    RULE.identify(
        &tower_webhook::Name::new("acme").unwrap(),
        &HeaderMap::new(),
        None,
        body,
    )
}

/// What makes the key must be spelled in one way, and so must the time.
const EXACT: [&str; 5] = ["/OrderId", "/orderId", "/data/id", "/tx", "/at"];

/// Why a model has no answer: the body is refused, or a `Value` has lost what was written.
#[derive(Debug, PartialEq)]
enum No {
    Refused(Kind),
    Inexact,
}

fn model(body: &Value) -> Result<(&'static str, Vec<String>), No> {
    let there = |path: &str| body.pointer(path).is_some_and(|value| !value.is_null());
    if !body.is_object() {
        return Err(No::Refused(Kind::UnknownShape));
    }
    if there("/data/id") && body["data"].is_object() {
        let key = [
            part(body, &["/OrderId", "/orderId"])?,
            part(body, &["/data/id"])?,
        ];
        if let (Some(a), Some(b)) = (body.get("Amount"), body.get("amount"))
            && !a.is_null()
            && !b.is_null()
            && a != b
        {
            let exact = |value: &Value| !value.to_string().contains(['.', 'e', 'E']);
            return Err(if exact(a) && exact(b) {
                No::Refused(Kind::Ambiguous)
            } else {
                No::Inexact
            });
        }
        return Ok(("order", key.to_vec()));
    }
    if there("/tx") {
        return Ok(("card", vec![part(body, &["/tx"])?]));
    }
    Err(No::Refused(Kind::UnknownShape))
}

fn part(body: &Value, spellings: &[&str]) -> Result<String, No> {
    let mut found: Option<String> = None;
    for value in spellings.iter().filter_map(|path| body.pointer(path)) {
        let text = match value {
            // What is longer is no identifier.
            Value::String(text) if (1..=1024).contains(&text.len()) => text.clone(),
            Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
            Value::Number(_) => return Err(No::Inexact),
            _ => return Err(No::Refused(Kind::WrongType)),
        };
        if found
            .replace(text.clone())
            .is_some_and(|other| other != text)
        {
            return Err(No::Refused(Kind::Ambiguous));
        }
    }
    found.ok_or(No::Refused(Kind::UnknownShape))
}

fn agree(ours: &Result<Identity, EventError>, body: &Value, context: &str) {
    match (ours, model(body)) {
        (_, Err(No::Inexact)) => {}
        (Ok(identity), Ok((shape, key))) => {
            assert_eq!(identity.shape.as_deref(), Some(shape), "{context}");
            assert_eq!(identity.key.parts().collect::<Vec<_>>(), key, "{context}");
        }
        (Err(error), Err(No::Refused(kind))) => {
            // What no `Value` shows: a member that stands twice.
            let unseen = error.kind() == Kind::DuplicateMember;
            assert!(
                unseen || error.kind() == kind,
                "{error}, {kind:?}: {context}"
            );
        }
        // What a `Value` does not show, or does not mind.
        (Err(error), Ok(_)) => {
            let kinds = [Kind::DuplicateMember, Kind::Ambiguous];
            // Two spellings of one number that differ by less than a float tells, or `-0`.
            assert!(kinds.contains(&error.kind()), "{error}: {context}");
        }
        (Ok(identity), Err(no)) => panic!("{identity:?}, {no:?}: {context}"),
    }
}

#[derive(Arbitrary, Debug, Clone)]
enum Name {
    OrderId,
    LowerOrderId,
    Data,
    Id,
    Amount,
    LowerAmount,
    At,
    Tx,
    Kind,
    Other(String),
}

impl Name {
    fn text(&self) -> &str {
        match self {
            Self::OrderId => "OrderId",
            Self::LowerOrderId => "orderId",
            Self::Data => "data",
            Self::Id => "id",
            Self::Amount => "Amount",
            Self::LowerAmount => "amount",
            Self::At => "at",
            Self::Tx => "tx",
            Self::Kind => "kind",
            Self::Other(text) => text,
        }
    }
}

#[derive(Arbitrary, Debug, Clone)]
enum Json {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(Name, Json)>),
}

impl Json {
    fn value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => (*bool).into(),
            Self::Int(int) => (*int).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Array(items) => items.iter().map(Self::value).collect(),
            Self::Object(_) => self
                .members()
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.value()))
                .collect(),
        }
    }

    /// Each name once.
    fn members(&self) -> Vec<(&str, &Json)> {
        let mut seen = BTreeSet::new();
        match self {
            Self::Object(members) => members
                .iter()
                .map(|(name, value)| (name.text(), value))
                .filter(|(name, _)| seen.insert(*name))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn print(&self, path: &str, taste: &mut Taste<'_>, out: &mut String) {
        out.push_str(taste.space());
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(bool) => out.push_str(&bool.to_string()),
            Self::Int(int) if EXACT.contains(&path) => out.push_str(&int.to_string()),
            Self::Int(int) => out.push_str(&match taste.next() % 4 {
                0 => format!("{int}.0"),
                1 => format!("{int}e+0"),
                2 if *int != 0 => format!("{int}00E-2"),
                _ => int.to_string(),
            }),
            Self::Text(text) => taste.quote(text, out),
            Self::Array(items) => {
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    item.print(&format!("{path}/{position}"), taste, out);
                }
                out.push(']');
            }
            Self::Object(_) => {
                let mut members = self.members();
                if !members.is_empty() {
                    let by = usize::from(taste.next()) % members.len();
                    members.rotate_left(by);
                }
                if taste.next() % 2 == 1 {
                    members.reverse();
                }
                out.push('{');
                for (position, (name, value)) in members.into_iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    out.push_str(taste.space());
                    taste.quote(name, out);
                    out.push_str(taste.space());
                    out.push(':');
                    value.print(&format!("{path}/{name}"), taste, out);
                }
                out.push('}');
            }
        }
        out.push_str(taste.space());
    }

    fn text(&self, taste: &[u8]) -> String {
        let mut out = String::new();
        self.print("", &mut Taste(taste.iter().cycle()), &mut out);
        out
    }
}

/// How a sender happens to write.
struct Taste<'a>(std::iter::Cycle<std::slice::Iter<'a, u8>>);

impl Taste<'_> {
    fn next(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(3)
    }

    fn space(&mut self) -> &'static str {
        ["", "", "", "", " ", "\n", "\t", "\r\n "][usize::from(self.next()) % 8]
    }

    fn quote(&mut self, text: &str, out: &mut String) {
        out.push('"');
        for c in text.chars() {
            if matches!(c, '"' | '\\') || c.is_ascii_control() || self.next() % 8 == 0 {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04X}"));
                }
            } else {
                out.push(c);
            }
        }
        out.push('"');
    }
}

fn as_it_is(body: &[u8]) {
    let ours = identify(body);
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => {
            if let Err(error) = &ours {
                assert_ne!(error.kind(), Kind::NotJson, "{error}");
            }
            agree(&ours, &value, &String::from_utf8_lossy(body));
        }
        // Deep nesting, big exponents, broken text and what is nearly JSON in members that do not
        // count are passed over; nothing else is.
        Err(_) if ours.is_ok() => {
            let brackets = body.iter().filter(|b| matches!(b, b'[' | b'{')).count();
            let escaped = body.contains(&b'\\');
            let control = body.iter().any(|b| *b < b' ');
            let has = |word: &[u8]| body.windows(word.len()).any(|part| part == word);
            let no_number = has(b"NaN") || has(b"Infinity");
            let number = body.iter().any(|b| matches!(b, b'e' | b'E')) || body.len() > 300;
            let utf8 = std::str::from_utf8(body).is_err();
            let mark = body.starts_with(b"\xef\xbb\xbf");
            let nearly = escaped || control || no_number;
            assert!(
                brackets > 127 || nearly || number || utf8 || mark,
                "{ours:?}"
            );
        }
        Err(_) => {}
    }
}

static DEEP: LazyLock<Vec<u8>> =
    LazyLock::new(|| format!("\"x\":{}{}", "[".repeat(1_000), "]".repeat(1_000)).into_bytes());

/// Members that no rule here reads, and that some reader of JSON trips over.
const UNREAD: [&[u8]; 8] = [
    b"\"x\":\"a\tb\\'c\0\"",
    b"\"x\":[NaN,-Infinity]",
    br#""\ud83d":"\ude00""#,
    b"\"\xff\":\"\xed\xa0\xbd\"",
    br#""x":1e99999999999999999999"#,
    br#""x":1,"x":2,"\u0078":3"#,
    br#""x":{"data":{"id":1,"id":2}}"#,
    br#""x":"{\"tx\":1""#,
];

/// An object with these members before or behind its own, the former behind a byte order mark.
fn beside(object: &str, members: &[u8], before: bool) -> Vec<u8> {
    let object = object.trim();
    let own = &object[1..object.len() - 1];
    let comma = if own.trim().is_empty() { "" } else { "," };
    let (own, comma) = (own.as_bytes(), comma.as_bytes());
    if before {
        [b"\xef\xbb\xbf {", members, comma, own, b"}"].concat()
    } else {
        [b"{", own, comma, members, b"}"].concat()
    }
}

fn made_up(bytes: &[u8]) -> arbitrary::Result<()> {
    let mut input = Unstructured::new(bytes);
    let (one, other) = (
        Vec::<u8>::arbitrary(&mut input)?,
        Vec::<u8>::arbitrary(&mut input)?,
    );
    let whole = Json::Object(Arbitrary::arbitrary(&mut input)?);
    let (text, again) = (whole.text(&one), whole.text(&other));
    // What is nested deeper than 128 levels means the bytes that it was written in.
    if text.bytes().filter(|b| matches!(b, b'[' | b'{')).count() > 127 {
        return Ok(());
    }
    let (first, second) = (identify(text.as_bytes()), identify(again.as_bytes()));
    match (&first, &second) {
        (Ok(a), Ok(b)) => assert_eq!(a, b, "{text} and {again}"),
        (Err(a), Err(b)) => assert_eq!(a, b, "{text} and {again}"),
        _ => panic!("{first:?} and {second:?}: {text} and {again}"),
    }
    agree(&first, &whole.value(), &text);
    let unread = (UNREAD.get(input.choose_index(UNREAD.len() + 1)?)).map_or(&**DEEP, |it| it);
    // Beside what is no UTF-8, a replacement character could stand for anything.
    let replaced = text.contains('\u{fffd}') || text.contains("\\uFFFD");
    // Beside what is read as a copy, a replacement character in the key may stand for anything.
    let is_json =
        |members: &str| serde_json::from_str::<&RawValue>(&format!("{{{members}}}")).is_ok();
    if !replaced || std::str::from_utf8(unread).is_ok_and(is_json) {
        let body = beside(&text, unread, bool::arbitrary(&mut input)?);
        let with = identify(&body);
        assert_eq!(with, first, "{} and {text}", String::from_utf8_lossy(&body));
    }

    let kinds = (Json::arbitrary(&mut input)?, Json::arbitrary(&mut input)?);
    let event = |kind: &Json, taste: &[u8]| {
        let body = format!(r#"{{"tx":"1","kind":{}}}"#, kind.text(taste));
        (identify(body.as_bytes()), body)
    };
    if let ((Ok(a), x), (Ok(b), y)) = (event(&kinds.0, &one), event(&kinds.1, &other)) {
        let same = kinds.0.value() == kinds.1.value();
        assert_eq!(same, a.fingerprint == b.fingerprint, "{x} and {y}");
        assert_eq!(a.key, b.key);
    }
    Ok(())
}

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((b'+', rest)) => {
            let _ = made_up(rest);
        }
        _ => as_it_is(input),
    }
});
