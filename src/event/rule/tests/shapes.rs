//! The shape of an event, and the handling of one without a shape.

use super::*;

#[test]
fn shapes_are_told_apart_by_their_fields_and_the_unknown_can_be_kept() {
    let account = Shape::new("account", ["/urn", "/kind"])
        .and_then(|s| s.when("/kind"))
        .unwrap();
    let card = Shape::new("card", ["/tx"])
        .and_then(|s| s.when("/tx"))
        .unwrap();
    let strict = EventRule::members([account, card]).unwrap();
    let shape = |rule: &EventRule, body: &str| {
        identify(rule, body).map(|event| (event.shape.map(Cow::into_owned), event.key.to_string()))
    };
    let account = (Some("account".to_owned()), "u:k".to_owned());
    assert_eq!(shape(&strict, r#"{"urn":"u","kind":"k"}"#), Ok(account));
    assert_eq!(
        shape(&strict, r#"{"kind":null,"tx":"t"}"#),
        Ok((Some("card".to_owned()), "t".to_owned()))
    );

    let lenient = strict.clone().or_body("unknown");
    for body in [
        "{}",
        r#"{"kind":"k"}"#,
        r#"{"urn":{},"kind":"k"}"#,
        "[]",
        "7",
    ] {
        assert!(shape(&strict, body).is_err(), "{body}");
        let (shape, key) = shape(&lenient, body).unwrap();
        assert!(
            shape.is_none() && key.starts_with("unknown:unknown:sha256:"),
            "{key}"
        );
    }
    // `printf '{}' | openssl dgst -sha256`
    assert_eq!(
        shape(&lenient, "{}").unwrap().1,
        "unknown:unknown:sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    );
    for body in ["", "{", r#"{"tx":1,"tx":2}"#] {
        assert!(
            shape(&lenient, body).is_err(),
            "broken, not unknown: {body}"
        );
    }
}

/// Found by the fuzz target `event_key`.
#[test]
fn an_event_of_no_known_shape_is_one_whatever_it_would_mean() {
    let body = r#"{"OrderId":[],"Status":"PAID","Amount":1,"amount":2}"#;
    refuses(
        body,
        "/OrderId: neither an integer nor a string with content",
    );
    let kept = identify(&orders().or_body("unknown"), body).unwrap();
    assert!(kept.key.to_string().contains(":sha256:"));
}

#[test]
fn a_rule_without_fields_is_not_built() {
    assert_eq!(
        EventRule::members([]).unwrap_err().to_string(),
        "event rule: needs at least one shape"
    );
    assert!(Shape::new("none", []).is_err());
    assert!(Shape::new("none", ["id"]).is_err());
    assert!(EventRule::body().checked_header("no header").is_err());
}
