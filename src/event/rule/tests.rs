//! How a rule reads bodies and headers.

mod choice;
mod fields;
mod fingerprints;
mod forms;
mod ids;
mod items;
mod shapes;

use http::HeaderMap;

use super::*;

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
fn refuses(body: &str, text: &str) {
    assert_eq!(
        identify(&orders(), body).unwrap_err().to_string(),
        text,
        "{body}"
    );
}
