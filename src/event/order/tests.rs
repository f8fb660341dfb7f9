use proptest::prelude::*;

use super::*;

fn order(rule: &OrderRule, body: &str) -> Option<(String, Option<i64>)> {
    let order = rule.of(body.as_bytes())?;
    Some((order.key.to_string(), order.version.map(Version::number)))
}

fn by_id() -> OrderRule {
    OrderRule::by(["/order/id|/orderId"]).unwrap()
}

#[test]
fn an_event_is_about_what_its_members_name() {
    let of = |body| order(&by_id(), body).map(|(key, _)| key);
    assert_eq!(of(r#"{"order":{"id":1042}}"#).as_deref(), Some("1042"));
    assert_eq!(of(r#"{"orderId":"1042"}"#).as_deref(), Some("1042"));
    for none in [
        "{}",
        "[]",
        "no JSON",
        r#"{"orderId":null}"#,
        r#"{"orderId":""}"#,
        r#"{"orderId":1.5}"#,
        r#"{"orderId":["1042"]}"#,
        r#"{"orderId":"1","order":{"id":"2"}}"#,
        r#"{"orderId":"1","orderId":"1"}"#,
    ] {
        assert_eq!(of(none), None, "{none}");
    }
    let two = OrderRule::by(["/a", "/b"]).unwrap();
    assert_ne!(
        order(&two, r#"{"a":"1:2","b":"3"}"#),
        order(&two, r#"{"a":"1","b":"2:3"}"#)
    );
    assert_eq!(order(&two, r#"{"a":"1"}"#), None);
}

#[test]
fn a_version_is_read_as_the_rule_says() {
    let version = |rule: &OrderRule, json: &str| {
        order(rule, &format!(r#"{{"orderId":1,"v":{json}}}"#))
            .unwrap()
            .1
    };
    // date --date 2026-05-04T13:00:00Z +%s
    let second = 1_777_899_600_i64;
    let time = by_id().version_time("/v").unwrap();
    for (json, nanos) in [
        (r#""2026-05-04T13:00:00Z""#, second * 1_000_000_000),
        (
            r#""2026-05-04T15:00:00.000000001+02:00""#,
            second * 1_000_000_000 + 1,
        ),
        (r#""1969-12-31T23:59:59Z""#, -1_000_000_000),
    ] {
        assert_eq!(version(&time, json), Some(nanos), "{json}");
    }
    for json in [
        "null",
        r#""yesterday""#,
        "1777899600",
        r#""3000-01-01T00:00:00Z""#,
    ] {
        assert_eq!(version(&time, json), None, "{json}");
    }

    let seconds = by_id().version_seconds("/v").unwrap();
    for (json, nanos) in [
        ("1777899600", second * 1_000_000_000),
        (r#""1777899600""#, second * 1_000_000_000),
        ("1777899600.25", second * 1_000_000_000 + 250_000_000),
        ("-1.5", -1_500_000_000),
        ("0.0000000019", 1),
    ] {
        assert_eq!(version(&seconds, json), Some(nanos), "{json}");
    }
    for json in [
        "1e9",
        r#""1.""#,
        "true",
        "99999999999",
        r#""- 1""#,
        r#""+1""#,
        "{}",
    ] {
        assert_eq!(version(&seconds, json), None, "{json}");
    }
    let millis = by_id().version_millis("/v").unwrap();
    assert_eq!(
        version(&millis, "1777899600250"),
        version(&seconds, "1777899600.25")
    );

    let number = by_id().version_number("/v").unwrap();
    assert_eq!(version(&number, "9223372036854775807"), Some(i64::MAX));
    assert_eq!(version(&number, r#""-3""#), Some(-3));
    for json in ["9223372036854775808", "1.0", "1e1", r#""""#] {
        assert_eq!(version(&number, json), None, "{json}");
    }

    let rank = by_id().version_rank("/v", ["NEW", "PAID"]).unwrap();
    assert_eq!(version(&rank, r#""NEW""#), Some(0));
    assert_eq!(version(&rank, r#""PAID""#), Some(1));
    assert_eq!(version(&rank, r#""paid""#), None);
}

#[test]
fn two_spellings_of_a_version_must_agree() {
    let rule = by_id().version_number("/v|/w").unwrap();
    let version = |body: &str| order(&rule, body).unwrap().1;
    assert_eq!(version(r#"{"orderId":1,"v":null,"w":7}"#), Some(7));
    assert_eq!(version(r#"{"orderId":1,"v":7,"w":"7"}"#), Some(7));
    assert_eq!(version(r#"{"orderId":1,"v":7,"w":8}"#), None);
    assert_eq!(version(r#"{"orderId":1,"v":7,"v":7}"#), None);
}

#[test]
fn the_first_senders_say_what_their_events_are_about() {
    let time = |key: &str, at: &str| OrderRule::by([key]).unwrap().version_time(at).unwrap();
    // date --date 2026-05-04T13:00:00Z +%s
    let nanos = 1_777_899_600_000_000_000;
    for (rule, body, key) in [
        (
            time("/data/id", "/created_at"),
            r#"{"id":"evt_1","created_at":"2026-05-04T13:00:00Z","data":{"id":"cnv_1"}}"#,
            "cnv_1",
        ),
        (
            time("/OrderId", "/FinalizedAt"),
            r#"{"OrderId":1042,"Status":"COMPLETED","FinalizedAt":"2026-05-04T13:00:00Z"}"#,
            "1042",
        ),
        (
            time("/checkoutId", "/timestamp"),
            r#"{"checkoutId":"8f14e45f","timestamp":"2026-05-04T13:00:00.000Z"}"#,
            "8f14e45f",
        ),
        (
            time("/account_urn", "/timestamp"),
            r#"{"account_urn":"did:bloque:acc-1","timestamp":"2026-05-04T13:00:00.000Z"}"#,
            "did%3Abloque%3Aacc-1",
        ),
    ] {
        let expected = Some((key.to_owned(), Some(nanos)));
        assert_eq!(order(&rule, body), expected, "{body}");
    }
}

#[test]
fn a_rule_that_cannot_work_is_refused() {
    let none: [&str; 0] = [];
    assert!(OrderRule::by(none).is_err());
    assert!(OrderRule::by(["orderId"]).is_err());
    assert!(by_id().version_time("v").is_err());
    assert!(by_id().version_rank("/v", none).is_err());
    assert!(by_id().version_rank("/v", ["A", "A"]).is_err());
    let twice = by_id().version_time("/v").unwrap().version_number("/w");
    assert_eq!(
        twice.unwrap_err().to_string(),
        "event rule: an order has one version: it is set already"
    );
}

#[test]
fn a_long_key_is_hashed() {
    let key = |part: &str| OrderKey::new([part]).unwrap().to_string();
    assert_eq!(key(&"x".repeat(96)), "x".repeat(96));
    // printf 'é' | openssl dgst -sha256 -binary | basenc --base64url
    assert_eq!(key("é"), "%~SplVfkAzw1Od4utlRyAXytX5VX96BiWgnxw_biumnEw");
    assert_eq!(key(&"x".repeat(97)).len(), 45);
}

proptest! {
    #[test]
    fn keys_of_different_parts_differ_and_read_back(
        a in prop::collection::vec("[a:%]{1,3}", 1..4),
        b in prop::collection::vec("[a:%]{1,3}", 1..4),
    ) {
        let (x, y) = (OrderKey::new(&a).unwrap(), OrderKey::new(&b).unwrap());
        prop_assert_eq!(a == b, x == y);
        prop_assert_eq!(OrderKey::parse(x.as_str()), Some(x.clone()));
    }
}
