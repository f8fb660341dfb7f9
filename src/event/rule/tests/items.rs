//! Lists of events in a body.

use super::*;
use crate::clock::UnixTime;
use crate::event::{ItemIdentity, OrderRule};

fn pix() -> EventRule {
    let shape = Shape::new("pix", ["/endToEndId"])
        .and_then(|shape| shape.fingerprint(["/valor"]))
        .and_then(|shape| shape.time("/horario"))
        .unwrap();
    EventRule::members([shape]).unwrap()
}

fn items<'b>(rule: &EventRule, body: &'b str) -> Result<Option<Vec<ItemIdentity<'b>>>, EventError> {
    rule.identify_items(&provider(), &HeaderMap::new(), body.as_bytes(), 3)
}

/// The key of each item, or its error.
#[track_caller]
fn keys(rule: &EventRule, body: &str) -> Vec<String> {
    let items = items(rule, body).unwrap().unwrap();
    let key = |item: ItemIdentity<'_>| match item.identity {
        Ok(identity) => identity.key.to_string(),
        Err(error) => error.to_string(),
    };
    items.into_iter().map(key).collect()
}

#[track_caller]
fn refused(rule: &EventRule, body: &str) -> String {
    items(rule, body).unwrap_err().to_string()
}

#[test]
fn each_item_says_what_it_is_about() {
    let rule = EventRule::each("/pix", pix()).unwrap();
    let order = OrderRule::by(["/account"]).unwrap();
    let rule = rule.ordered(order.version_time("/horario").unwrap());
    let body = r#"{"account":"outside","pix":[
        {"endToEndId":"E1","account":"a","horario":"2026-05-04T13:00:00Z"},
        {"endToEndId":"E2"}]}"#;
    let orders: Vec<_> = (items(&rule, body).unwrap().unwrap().into_iter())
        .map(|item| item.identity.unwrap().order)
        .map(|order| order.map(|order| (order.key.to_string(), order.version.is_some())))
        .collect();
    assert_eq!(orders, [Some(("a".to_owned(), true)), None]);
}

#[test]
fn each_item_is_told_apart_by_itself() {
    let rule = EventRule::each("/pix", pix()).unwrap();
    let body = r#"{"pix": [{"endToEndId":"E1","valor":"1.00","horario":"2026-05-04T13:00:00Z"} ,
        {"valor":"2.00"}, {"endToEndId":"E\u0031","valor":"3.00"}]}"#;
    let found = items(&rule, body).unwrap().unwrap();
    assert_eq!(
        keys(&rule, body),
        [
            "E1",
            "/endToEndId: not there: the event has no known shape",
            "E1"
        ]
    );
    assert_eq!(found[1].body, br#"{"valor":"2.00"}"#);
    let [first, third] = [0, 2].map(|at| found[at].identity.clone().unwrap());
    assert_ne!(first.fingerprint, third.fingerprint, "another amount");
    assert_eq!(first.time, Some(UnixTime::from_secs(1_777_899_600)));
    assert_eq!(keys(&rule, r#"{"pix":[]}"#), [""; 0]);
}

#[test]
fn the_list_stands_in_one_of_the_places_that_are_named() {
    let rule = EventRule::each("/pix|/data/pix|", pix()).unwrap();
    for body in [
        r#"{"pix":[{"endToEndId":"E1"}]}"#,
        r#"{"pix":null,"data":{"pix":[{"endToEndId":"E1"}]}}"#,
        r#"[{"endToEndId":"E1"}]"#,
        "\u{feff} [{\"endToEndId\":\"E1\"}]",
    ] {
        assert_eq!(keys(&rule, body), ["E1"], "{body}");
    }
    let two = r#"{"pix":[],"data":{"pix":[]}}"#;
    assert_eq!(
        refused(&rule, two),
        "/pix: two spellings of the field are there and differ"
    );
    let twice = r#"{"pix":[],"pix":[]}"#;
    assert_eq!(
        refused(&rule, twice),
        "/pix: there twice, or in an object that is"
    );
    assert_eq!(
        refused(&rule, r#"[{"endToEndId":"E1"}"#),
        "the body is not JSON"
    );
    assert_eq!(
        items(&EventRule::each("/pix", pix()).unwrap(), "[]"),
        Ok(None)
    );
    // Without a list there is no event, unless another rule identifies one.
    for body in ["{}", r#"{"pix":{}}"#, "7"] {
        assert_eq!(items(&rule, body), Ok(None), "{body}");
        let error = identify(&rule, body).unwrap_err().to_string();
        assert_eq!(
            error, "/pix: not there: the event has no known shape",
            "{body}"
        );
    }
    let ping = EventRule::members([Shape::new("ping", ["/ping"]).unwrap()]).unwrap();
    let both = ping.or_each("/pix", pix()).unwrap();
    assert_eq!(items(&both, r#"{"ping":1}"#), Ok(None));
    assert_eq!(
        identify(&both, r#"{"ping":1}"#).unwrap().key.to_string(),
        "1"
    );
}

#[test]
fn no_more_items_are_looked_at_than_are_taken() {
    let rule = EventRule::each("", pix()).unwrap();
    let of = |count: usize| format!("[{}]", vec![r#"{"endToEndId":"E1"}"#; count].join(","));
    assert_eq!(keys(&rule, &of(3)), ["E1"; 3]);
    let many = "the list has more items than are taken at once";
    assert_eq!(refused(&rule, &of(4)), many);
    let empty = format!("[{}{{}}]", "{},".repeat(300_000));
    assert_eq!(refused(&rule, &empty), many);
}

#[test]
fn a_key_can_take_members_of_the_envelope() {
    let line = Shape::new("line", ["^/order/id", "/line"]).unwrap();
    let rule = EventRule::each("/lines", EventRule::members([line]).unwrap()).unwrap();
    let body = r#"{"order":{"id":7},"lines":[{"line":1},{"line":2,"order":{"id":8}}]}"#;
    assert_eq!(keys(&rule, body), ["7:1", "7:2"]);
    let without = r#"{"lines":[{"line":1}]}"#;
    let missing = "/order/id: not there: the event has no known shape";
    assert_eq!(keys(&rule, without), [missing]);
    let either = Shape::new("line", ["/id|^/id"]).unwrap();
    let rule = EventRule::each("/all", EventRule::members([either]).unwrap()).unwrap();
    let body = r#"{"id":"a","all":[{"id":"a"},{},{"id":"b"}]}"#;
    let differ = "/id: two spellings of the field are there and differ";
    assert_eq!(keys(&rule, body), ["a", "a", differ]);
}

#[test]
fn what_an_item_means_falls_back_to_its_own_bytes() {
    let rule = EventRule::each("", EventRule::body()).unwrap();
    let body = br#"[{"a":1},{"a":1},{"a":2}]"#;
    let found = rule
        .identify_items(&provider(), &HeaderMap::new(), body, 9)
        .unwrap()
        .unwrap();
    let digest = |at: usize| found[at].identity.clone().unwrap();
    assert_eq!(digest(0), digest(1));
    assert_ne!(digest(0).key, digest(2).key);
    // `printf '{"a":1}' | openssl dgst -sha256`
    let key = "sha256:015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862";
    assert_eq!(digest(0).key.to_string(), key);
    // If a fingerprint cannot be read, it is taken over the item, never over the body around it.
    let rule = EventRule::each("/pix", pix()).unwrap();
    let of = |rest: &[u8]| {
        let body = [
            b"{\"pix\":[{\"endToEndId\":\"E1\",\"valor\":\"\xff\"}]".as_slice(),
            rest,
        ]
        .concat();
        let found = rule.identify_items(&provider(), &HeaderMap::new(), &body, 9);
        found.unwrap().unwrap()[0]
            .identity
            .clone()
            .unwrap()
            .fingerprint
    };
    assert_eq!(of(b"}"), of(br#","sent":2}"#));
}

#[test]
fn a_rule_that_cannot_tell_items_apart_is_refused() {
    let said = |item: EventRule| EventRule::each("/pix", item).unwrap_err().to_string();
    for item in [
        EventRule::signed_id(),
        EventRule::with_insecure_header_key("x-id").unwrap(),
        EventRule::each("/pix", pix()).unwrap(),
        pix().checked_header("x-id").unwrap(),
        EventRule::members([Shape::new("q", ["/id"]).unwrap().answered()]).unwrap(),
    ] {
        assert!(said(item).starts_with("event rule: "));
    }
    let error = EventRule::each("pix", pix()).unwrap_err().to_string();
    assert_eq!(error, "event rule: pointer \"pix\" does not begin with '/'");
    let envelope = Shape::new("line", ["^/id"]).unwrap();
    assert!(envelope.clone().own_id().is_err(), "no id of the item");
    assert!(EventRule::members([envelope]).unwrap().lacks_envelope());
}
