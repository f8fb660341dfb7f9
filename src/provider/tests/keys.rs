//! Keys are permanent: a store that an older version filled must still be readable.

use http::{HeaderMap, HeaderValue};

use super::{presets, tokens};
use crate::event::{EventRule, Name, Shape};
use crate::provider::blox;

/// Bodies of every preset and of some custom rules, with their keys: the rule, an id outside the
/// body or `-`, the key, the fingerprint, the body. In a body, `%` precedes the two hex digits of
/// each byte that is not printable ASCII, or is a `%`.
///
/// The first version wrote the keys and fingerprints, before any other code could read them. Its
/// lines are never changed.
const CORPUS: &str = include_str!("../../../tests/data/keys.tsv");

/// The rule of this name, and the sender whose events it reads.
fn rule(name: &str) -> (EventRule, Name) {
    let [
        blendfi,
        bloquo,
        blox_status,
        accounts,
        payments,
        github,
        shopify,
        slack,
        standard,
        stripe,
    ] = presets();
    let preset = match name {
        "blendfi" => blendfi,
        "bloquo" => bloquo,
        "blox" => blox_status,
        "blox-documented" => (blox(tokens()).documented_key()).without_status_check(),
        "bloque_accounts" => accounts,
        "bloque_payments" => payments,
        "github" => github,
        "shopify" => shopify,
        "slack" => slack,
        "standard_webhooks" => standard,
        "stripe" => stripe,
        _ => return (custom(name), Name::new("custom").unwrap()),
    };
    (preset.rule, preset.name)
}

fn custom(name: &str) -> EventRule {
    let shape = |name, key: &[&'static str]| Shape::new(name, key.iter().copied()).unwrap();
    let shapes = match name {
        "nested" => vec![
            (shape("order", &["/order/id|/order/ID", "/status"]))
                .fingerprint(["/amount"])
                .and_then(|shape| shape.time("/at"))
                .unwrap(),
        ],
        "deep" => vec![shape("deep", &["/a/b/c/d/e/f/g/h"])],
        "names" => vec![shape("names", &["/a~1b", "/m~0n", "/", "/\"quoted\""])],
        "unicode" => vec![
            (shape("unicode", &["/ключ|/鍵", "/😀/\u{1}"]))
                .fingerprint(["/😀"])
                .unwrap(),
        ],
        "shapes" => {
            let account = shape("account", &["/urn", "/kind"]).when("/kind").unwrap();
            let card = shape("card", &["/tx"]).when("/tx").unwrap();
            return EventRule::members([account, card])
                .unwrap()
                .or_body("other");
        }
        "header" => return EventRule::with_insecure_header_key("X-Acme-Delivery").unwrap(),
        "body" => return EventRule::body(),
        _ => panic!("no rule {name}"),
    };
    EventRule::members(shapes).unwrap()
}

fn bytes(text: &str) -> Vec<u8> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}

#[test]
fn the_corpus_keeps_its_keys_and_fingerprints() {
    for line in CORPUS.lines() {
        let [name, id, key, fingerprint, body] = line
            .split('\t')
            .collect::<Vec<_>>()
            .try_into()
            .unwrap_or_else(|_| panic!("{line}"));
        let (rule, provider) = rule(name);
        let mut headers = HeaderMap::new();
        if name == "header" {
            headers.insert("x-acme-delivery", HeaderValue::from_str(id).unwrap());
        }
        let event = rule.identify(&provider, &headers, Some(id), &bytes(body));
        let event = event.unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(event.key.encoded(), key, "{line}");
        assert_eq!(
            format!("{:?}", event.fingerprint),
            format!("Fingerprint({fingerprint})"),
            "{line}"
        );
    }
    assert_eq!(CORPUS.lines().count(), 500);
}
