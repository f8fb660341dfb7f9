//! Why a signature was refused: of 200 deliveries and more that the kit made wrong, each in one thing, which
//! thing is named.

mod bodies;
mod cases;
mod keys;
mod others;
mod sampled;
mod times;
mod unlisted;
mod urls;

use std::collections::BTreeMap;
use std::fmt::Write;

use bytes::Bytes;
use http::Request;
use tower_webhook::signature::diagnosis::{Cause, Diagnose, Diagnosis};
use tower_webhook::{KeyRing, Provider, SigningKey, SigningSecret, UnixTime};

/// `date -u -d 2026-05-04T13:00:00Z +%s`
const NOW: UnixTime = UnixTime::from_secs(1_777_899_600);
const SECRET: &str = "5hG7kQ2mW9xZ4tB8vN3c";
const BODY: &str = r#"{"id":"evt_1","type":"order.paid","data":{"amount":"100.50","name":"Zoë","url":"https://shop.example/a"},"created":1777899600,"tags":["b","a"]}"#;
const PAGE: &str = include_str!("../../../docs/diagnosis.md");

/// A delivery that is refused, and why.
struct Case {
    made: &'static str,
    cause: Cause,
    diagnose: Diagnose,
    request: Request<Bytes>,
}

impl Case {
    fn new(made: &'static str, cause: Cause, receiver: &Provider, request: Request<Bytes>) -> Self {
        let diagnose = receiver.diagnose().unwrap();
        Self {
            made,
            cause,
            diagnose,
            request,
        }
    }

    fn diagnosis(&self) -> Diagnosis {
        self.diagnose
            .delivery(&self.request, self.request.body(), NOW)
    }
}

/// The same sender with other keys, which are its own.
fn with_keys(provider: &Provider, keys: impl IntoIterator<Item = SigningKey>) -> Provider {
    let provider = cases::anew(provider);
    provider.verifier().unwrap().keys().replace(keys).unwrap();
    provider
}

/// With one key, of these bytes.
fn with_key(provider: &Provider, bytes: &[u8]) -> Provider {
    let secret = SigningSecret::from_bytes(bytes).unwrap();
    with_keys(provider, [SigningKey::new("1", secret)])
}

fn ring(bytes: &[u8]) -> KeyRing {
    SigningSecret::from_bytes(bytes).unwrap().into()
}

/// The same request with another body.
fn with_body(request: Request<Bytes>, body: impl Into<Bytes>) -> Request<Bytes> {
    request.map(|_| body.into())
}

#[test]
fn the_cause_of_a_refusal_is_named() {
    let cases: Vec<Case> = [
        keys::cases(),
        bodies::cases(),
        urls::cases(),
        times::cases(),
        others::cases(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut rows = BTreeMap::<(&str, &str), (usize, usize)>::new();
    let mut of_cause = BTreeMap::<&str, usize>::new();
    let (mut wrong, mut missed) = (Vec::new(), Vec::new());
    for case in &cases {
        let found = case.diagnosis();
        assert!(found.refused().is_some(), "{} is not refused", case.made);
        let (count, right) = rows.entry((case.cause.code(), case.made)).or_default();
        *count += 1;
        *of_cause.entry(case.cause.code()).or_default() += 1;
        match found.cause() {
            Some(cause) if cause == case.cause => *right += 1,
            Some(Cause::Unknown) => missed.push(format!("{}: {found}", case.made)),
            _ => wrong.push(format!("{} {}: {found}", case.cause, case.made)),
        }
        let shown = format!("{found} {found:?}");
        assert!(
            !shown.contains(SECRET) && !shown.contains("order.paid"),
            "{shown}"
        );
    }
    assert!(wrong.is_empty(), "named wrongly: {wrong:#?}");
    let unknown = of_cause.remove("unknown").unwrap();
    let named = cases.len() - unknown;
    assert!(named >= 200, "{named} cases with a cause that can be named");
    assert!(missed.len() * 20 <= named, "not found: {missed:#?}");
    assert!(of_cause.values().all(|count| *count >= 5), "{of_cause:?}");
    let mut table =
        String::from("| cause | made by | refused | named |\n| --- | --- | ---: | ---: |\n");
    for ((cause, made), (count, right)) in rows {
        writeln!(table, "| `{cause}` | {made} | {count} | {right} |").unwrap();
    }
    assert!(
        PAGE.contains(&table),
        "docs/diagnosis.md lacks this table:\n{table}"
    );
    for cause in of_cause.keys() {
        assert!(PAGE.contains(&format!("`{cause}`")), "{cause}");
    }
}
