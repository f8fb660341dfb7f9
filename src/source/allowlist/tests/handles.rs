//! Clones and weak holds of a list, and its replacement.

use super::*;

#[test]
fn a_replaced_list_is_replaced_for_all_clones_and_keeps_the_answers_of_hosts_that_stay() {
    let list = Allowlist::parse(["192.0.2.1", "a.example", "b.example"]).unwrap();
    let list = list.keep_answers_for(Duration::from_secs(60)).unwrap();
    let shared = list.clone();
    // Both names share an address, as with a CDN.
    let _ = list.learn(&host("a.example"), ips(&["203.0.113.1"]), at(0));
    let _ = list.learn(
        &host("b.example"),
        ips(&["203.0.113.1", "203.0.113.2"]),
        at(0),
    );

    assert!(list.replace(["1.2.3"]).is_err());
    assert_eq!(shared.check(ip("192.0.2.1"), at(0)), Allowed);
    list.replace(["192.0.2.2", "a.example"]).unwrap();
    assert_eq!(shared.check(ip("192.0.2.1"), at(0)), Refused);
    assert_eq!(shared.check(ip("192.0.2.2"), at(0)), Allowed);
    assert_eq!(shared.check(ip("203.0.113.1"), at(0)), Allowed);
    assert_eq!(shared.check(ip("203.0.113.2"), at(0)), Refused);
    assert_eq!(shared.check(ip("203.0.113.1"), at(59)), Allowed);
    assert_eq!(shared.check(ip("203.0.113.1"), at(60)), Unresolved);
    list.replace(["a.example", "b.example"]).unwrap();
    assert_eq!(shared.check(ip("203.0.113.2"), at(0)), Unresolved);

    let list = list.keep_answers_for(Duration::from_secs(1)).unwrap();
    assert_eq!(
        list.keep_answers_for(Duration::from_millis(999))
            .unwrap_err()
            .to_string(),
        "allowlist: a host grace of 999ms is too short, at least 1s is needed"
    );
}

#[test]
fn a_weak_hold_lasts_as_long_as_the_list() {
    let list = Allowlist::parse(["192.0.2.1"]).unwrap();
    let weak = list.downgrade();
    let held = weak.upgrade().unwrap();
    held.replace(["192.0.2.2"]).unwrap();
    assert_eq!(list.check(ip("192.0.2.2"), at(0)), Allowed, "the same list");
    drop((list, held));
    assert!(weak.upgrade().is_none());
}
