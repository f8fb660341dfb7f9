//! Which events are for this receiver.

use super::*;

fn orders_for(ours: &[&str]) -> EventRule {
    orders().only_for("/to|/For", ours.iter().copied()).unwrap()
}

/// The error for an order with these members, or that it is accepted.
fn said(rule: &EventRule, members: &str) -> String {
    let body = format!(r#"{{"OrderId":1,"Status":"PAID"{members}}}"#);
    match identify(rule, &body) {
        Ok(_) => "taken".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn an_event_is_anothers_only_where_it_names_another() {
    let rule = orders_for(&["acct_1", "7", "true"]);
    let others = "/to: the event is somebody else's";
    let unread = "/to: neither an integer nor a string with content";
    for (to, what) in [
        (r#""acct_1""#, "taken"),
        (r#""acct\u005f1""#, "taken"),
        ("7", "taken"),
        (r#""7""#, "taken"),
        ("true", "taken"),
        ("null", "taken"),
        (r#""""#, "taken"),
        (r#""acct_2""#, others),
        (r#""ACCT_1""#, others),
        ("8", others),
        ("false", others),
        // It may name this receiver as well.
        (r#"["acct_1","acct_2"]"#, unread),
        (r#"{"id":"acct_1"}"#, unread),
        ("7.0", unread),
    ] {
        assert_eq!(said(&rule, &format!(r#","to":{to}"#)), what, "{to}");
    }
    assert_eq!(said(&rule, ""), "taken", "it names nobody");
    assert_eq!(said(&rule, r#","to":"acct_1","For":"acct_2""#), others);
    let twice = "/to: there twice, or in an object that is";
    assert_eq!(said(&rule, r#","to":"acct_1","to":"acct_1""#), twice);
}

#[test]
fn an_event_is_filtered_only_where_its_type_can_be_read() {
    let rule = orders().types_at("/type").unwrap();
    let rule = rule.only_types(["paid", "refunded"]).unwrap();
    let filtered = "/type: the event is of a type that is not wanted";
    let unread = "/type: neither an integer nor a string with content";
    for (members, what) in [
        (r#","type":"paid""#, "taken"),
        (r#","type":"sent""#, filtered),
        ("", filtered),
        (r#","type":null"#, filtered),
        (r#","type":"""#, filtered),
        (r#","type":["paid"]"#, unread),
        (r#","type":{"name":"paid"}"#, unread),
    ] {
        assert_eq!(said(&rule, members), what, "{members}");
    }
}

/// Otherwise events of every type would be handled if there is no list.
#[test]
fn types_are_chosen_only_where_each_event_tells_its_own() {
    let typed = || orders().types_at("/type").unwrap();
    for (rule, is_chosen) in [
        (orders().or_each("/list", typed()).unwrap(), false),
        (typed().or_each("/list", orders()).unwrap(), false),
        (typed().or_each("/list", typed()).unwrap(), true),
        (EventRule::each("/list", typed()).unwrap(), true),
    ] {
        assert_eq!(rule.only_types(["paid"]).is_ok(), is_chosen);
    }
}

#[test]
fn a_choice_of_nothing_is_refused() {
    let typed = orders().types_at("/type").unwrap();
    let error = typed.only_types([]).unwrap_err().to_string();
    let none = "event rule: no type is wanted: name those that are handled";
    assert_eq!(error, none);
    let error = orders().only_for("/to", []).unwrap_err().to_string();
    let nobody = "event rule: for nobody: name whose events are handled";
    assert_eq!(error, nobody);
}
