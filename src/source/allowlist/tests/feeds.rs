//! Published feeds, in addition to the list's own entries.

use super::*;
use crate::source::{AddressFeed, FeedErrorKind};

fn github(
    list: &Allowlist,
    body: &str,
    now: u64,
) -> Result<crate::source::FeedChange, FeedErrorKind> {
    list.learn_feed(&AddressFeed::github(), body.as_bytes(), at(now))
        .map_err(|error| error.kind())
}

/// Shortened, with addresses from RFC 5737 and RFC 3849.
const GITHUB: &str = r#"{
    "verifiable_password_authentication": false,
    "ssh_key_fingerprints": {"SHA256_ED25519": "+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"},
    "hooks": ["192.0.2.0/25", "192.0.2.128/25", "2001:db8::/44"],
    "web": ["203.0.113.0/24"]
}"#;

#[test]
fn a_feed_lets_in_what_it_holds_until_it_was_not_read_for_too_long() {
    let list = Allowlist::parse(["198.51.100.1"])
        .unwrap()
        .feed(AddressFeed::github())
        .keep_feeds_for(Duration::from_secs(60))
        .unwrap();
    assert_eq!(list.check(ip("198.51.100.1"), at(0)), Allowed);
    assert_eq!(list.check(ip("192.0.2.1"), at(0)), Unresolved);

    let change = github(&list, GITHUB, 0).unwrap();
    assert!(change.is_change() && !change.has_shrunk());
    assert_eq!(
        (change.networks(), change.added(), change.removed()),
        (2, 2, 0)
    );
    for address in [
        "192.0.2.1",
        "192.0.2.255",
        "2001:db8::1",
        "::ffff:192.0.2.1",
    ] {
        assert_eq!(list.check(ip(address), at(59)), Allowed, "{address}");
        assert_eq!(list.check(ip(address), at(60)), Unresolved, "{address}");
    }
    assert_eq!(list.check(ip("203.0.113.1"), at(59)), Refused);
    assert_eq!(list.check(ip("198.51.100.1"), at(60)), Allowed);
    assert_eq!(
        list.to_string(),
        "198.51.100.1/32, https://api.github.com/meta"
    );
}

#[test]
fn what_cannot_be_a_senders_list_changes_nothing() {
    let list = Allowlist::of_feeds([AddressFeed::github()]).unwrap();
    github(&list, GITHUB, 0).unwrap();
    let many: Vec<_> = (0..4_097)
        .map(|n| format!("\"192.0.{}.{}\"", n / 256, n % 256))
        .collect();
    for (body, kind) in [
        ("", FeedErrorKind::Form),
        ("<html>", FeedErrorKind::Form),
        ("{}", FeedErrorKind::Form),
        (r#"{"hooks":"192.0.2.0/24"}"#, FeedErrorKind::Form),
        (r#"{"hooks":[]}"#, FeedErrorKind::Empty),
        (
            r#"{"hooks":["0.0.0.0/0","10.0.0.0/8","127.0.0.1","hooks.example.com"]}"#,
            FeedErrorKind::Empty,
        ),
        (
            &format!("{{\"hooks\":[{}]}}", many.join(",")),
            FeedErrorKind::TooMany,
        ),
        (&" ".repeat(4 * 1024 * 1024 + 1), FeedErrorKind::TooLong),
    ] {
        let begin = body.get(..40).unwrap_or(body);
        assert_eq!(github(&list, body, 1).unwrap_err(), kind, "{begin}");
        assert_eq!(list.check(ip("192.0.2.1"), at(1)), Allowed, "{begin}");
    }
    let halves: String = (1..=255).map(|n| format!("{n}.0.0.0/8\n")).collect();
    let whole = AddressFeed::lines("https://example.com/all");
    let list = list.feed(whole.clone());
    // The feed may neither admit every network at once nor our own ones.
    let change = list.learn_feed(&whole, halves.as_bytes(), at(1)).unwrap();
    assert!(change.passed_over() > 0);
    assert_eq!(list.check(ip("10.1.2.3"), at(1)), Refused);

    let foreign = list.learn_feed(&AddressFeed::stripe(), b"{}", at(1));
    assert_eq!(foreign.unwrap_err().kind(), FeedErrorKind::Form);
    let foreign = list.learn_feed(
        &AddressFeed::stripe(),
        br#"{"WEBHOOKS":["192.0.2.1"]}"#,
        at(1),
    );
    assert_eq!(foreign.unwrap_err().kind(), FeedErrorKind::Unknown);
}

#[test]
fn a_list_that_loses_more_than_half_is_taken_and_told() {
    let list = Allowlist::of_feeds([AddressFeed::github()]).unwrap();
    let hooks = |entries: &[&str]| format!(r#"{{"hooks":["{}"]}}"#, entries.join("\",\""));
    let all = [
        "192.0.2.0/26",
        "192.0.2.128/26",
        "198.51.100.0/26",
        "203.0.113.0/26",
    ];
    assert!(!github(&list, &hooks(&all), 0).unwrap().has_shrunk());
    assert!(!github(&list, &hooks(&all), 0).unwrap().is_change());
    let half = github(&list, &hooks(&all[..2]), 1).unwrap();
    assert_eq!((half.removed(), half.has_shrunk()), (2, false));
    let other = github(&list, &hooks(&["192.0.2.0/27", "192.0.2.192/26"]), 2).unwrap();
    assert_eq!(
        (other.added(), other.removed(), other.has_shrunk()),
        (1, 2, true)
    );
    assert_eq!(list.check(ip("192.0.2.1"), at(2)), Allowed);
    assert_eq!(list.check(ip("192.0.2.33"), at(2)), Refused);
}

#[test]
fn objects_are_chosen_by_what_they_hold() {
    let list = Allowlist::of_feeds([AddressFeed::atlassian()]).unwrap();
    // The format of https://ip-ranges.atlassian.com/, shortened, with other addresses.
    let body = br#"{"syncToken":1,"items":[
        {"network":"192.0.2.0","mask_len":24,"cidr":"192.0.2.0/24","product":["jira"],"direction":["ingress","egress"]},
        {"network":"198.51.100.0","mask_len":24,"cidr":"198.51.100.0/24","product":["jira"],"direction":["ingress"]},
        {"cidr":"203.0.113.0/24","direction":[]},
        {"direction":["egress"]}
    ]}"#;
    let change = list
        .learn_feed(&AddressFeed::atlassian(), body, at(0))
        .unwrap();
    assert_eq!((change.networks(), change.passed_over()), (1, 1));
    assert_eq!(list.check(ip("192.0.2.1"), at(0)), Allowed);
    assert_eq!(list.check(ip("198.51.100.1"), at(0)), Refused);
}

#[test]
fn settings_that_let_nobody_in_are_refused() {
    assert_eq!(
        Allowlist::of_feeds([]).unwrap_err().to_string(),
        "allowlist: empty, name the sender's feed"
    );
    let list = Allowlist::of_feeds([AddressFeed::github(), AddressFeed::github()]).unwrap();
    assert_eq!(list.feeds(), [AddressFeed::github()]);
    assert_eq!(
        list.keep_feeds_for(Duration::from_secs(59))
            .unwrap_err()
            .to_string(),
        "allowlist: a grace of 59s for feeds is too short, at least 60s is needed"
    );
}
