//! Host names that are learned, refreshed, lost and learned again.

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn a_host_name_is_learned_refreshed_lost_and_learned_again() {
    let list =
        Allowlist::parse(["192.0.2.0/24", "Hooks.example.com", "hooks.example.com."]).unwrap();
    let hooks = host("hooks.example.com");
    assert_eq!(list.hosts(), std::slice::from_ref(&hooks));
    assert_eq!(list.host_grace(), HOUR);
    let check = |address, secs| list.check(ip(address), at(secs));

    // Never resolved: only the network is known.
    assert_eq!(check("192.0.2.1", 100), Allowed);
    assert_eq!(check("203.0.113.1", 100), Unresolved);
    let failed = list.fail(&hooks, at(100));
    assert_eq!(failed, HostChange::default());
    assert_eq!(check("203.0.113.1", 100), Unresolved);

    let first = list.learn(&hooks, ips(&["203.0.113.2", "203.0.113.1"]), at(100));
    assert_eq!(first.added(), ips(&["203.0.113.1", "203.0.113.2"]));
    assert!(first.removed().is_empty() && first.dropped().is_empty() && first.is_change());
    assert_eq!(first.good_until(), Some(at(3_700)));
    assert_eq!(check("203.0.113.1", 100), Allowed);
    assert_eq!(check("::ffff:203.0.113.1", 100), Allowed);
    assert_eq!(check("203.0.113.3", 100), Refused);

    let moved = list.learn(&hooks, ips(&["::ffff:203.0.113.3", "203.0.113.2"]), at(200));
    assert_eq!(moved.added(), ips(&["203.0.113.3"]));
    assert_eq!(moved.removed(), ips(&["203.0.113.1"]));
    assert_eq!(check("203.0.113.1", 200), Refused);

    // Failures, and answers that cannot be a sender's, keep the good answer for an hour.
    let failed = list.fail(&hooks, at(3_799));
    assert!(!failed.is_change());
    assert_eq!(failed.good_until(), Some(at(3_800)));
    let rebound = list.learn(&hooks, ips(&["127.0.0.1", "10.0.0.1"]), at(3_799));
    assert!(!rebound.is_change());
    assert_eq!(rebound.dropped(), ips(&["10.0.0.1", "127.0.0.1"]));
    assert_eq!(check("203.0.113.3", 3_799), Allowed);
    assert_eq!(check("10.0.0.1", 3_799), Refused);
    assert_eq!(
        check("203.0.113.3", 3_800),
        Unresolved,
        "with no refresh at all"
    );
    assert_eq!(check("192.0.2.1", 3_800), Allowed);

    let lost = list.fail(&hooks, at(3_800));
    assert_eq!(lost.removed(), ips(&["203.0.113.2", "203.0.113.3"]));
    assert_eq!(lost.good_until(), None);
    let again = list.learn(&hooks, ips(&["203.0.113.3"]), at(4_000));
    assert_eq!(again.added(), ips(&["203.0.113.3"]));
    assert_eq!(check("203.0.113.3", 4_000), Allowed);

    let stranger = list.learn(&host("example.net"), ips(&["198.51.100.1"]), at(4_000));
    assert_eq!(stranger, HostChange::default());
    assert_eq!(check("198.51.100.1", 4_000), Refused);
}

#[test]
fn only_what_can_be_a_senders_address_is_kept() {
    let list = Allowlist::parse(["hooks.example.com", "localhost"]).unwrap();
    let (hooks, localhost) = (host("hooks.example.com"), host("localhost"));
    let never = ips(&[
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fc00::1",
        "fe80::1",
        "ff02::1",
    ]);
    let change = list.learn(&hooks, never.clone(), at(0));
    assert_eq!(change.dropped(), never);
    assert_eq!(change.good_until(), None);
    let mapped = list.learn(&hooks, ips(&["::ffff:127.0.0.1"]), at(0));
    assert_eq!(mapped.dropped(), ips(&["127.0.0.1"]));

    let change = list.learn(
        &localhost,
        ips(&["::1", "127.0.0.1", "10.0.0.1", "203.0.113.1"]),
        at(0),
    );
    assert_eq!(change.added(), ips(&["127.0.0.1", "::1"]));
    assert_eq!(change.dropped(), ips(&["10.0.0.1", "203.0.113.1"]));
    assert_eq!(list.check(ip("127.0.0.1"), at(0)), Allowed);

    let many = (0..=255).rev().map(|n| IpAddr::from([203, 0, 113, n]));
    let change = list.learn(&hooks, many.clone().chain(many), at(0));
    assert_eq!(change.added().len(), 64);
    assert_eq!(change.over_cap(), 192);
    assert_eq!(list.check(ip("203.0.113.63"), at(0)), Allowed);
    assert_eq!(list.check(ip("203.0.113.64"), at(0)), Refused);
}

/// Every pair of a list and a moment, with some host names resolved, expired or never queried.
#[test]
fn the_time_is_asked_for_only_where_it_makes_a_difference() {
    let (early, late) = (at(1_000), at(1_000 + 2 * 3_600));
    let networks: &[&str] = &["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"];
    let both: &[&str] = &["192.0.2.0/24", "hooks.example", "never.example"];
    let resolved: &[&str] = &["hooks.example"];
    let addresses = [
        "192.0.2.1",
        "192.0.3.1",
        "198.51.100.7",
        "198.51.100.8",
        "::ffff:192.0.2.1",
        "::ffff:203.0.113.5",
        "2001:db8::1",
        "2001:db9::1",
        "203.0.113.5",
        "203.0.113.6",
        "::",
    ];
    for entries in [networks, both, resolved] {
        let list = Allowlist::parse(entries).unwrap();
        let has_hosts = !list.hosts().is_empty();
        list.learn(&host("hooks.example"), ips(&["203.0.113.5"]), early);
        assert_eq!(list.check(ip("203.0.113.5"), early) == Allowed, has_hosts);
        for address in addresses.map(ip) {
            for now in [at(0), early, at(1_000 + 3_599), at(1_000 + 3_600), late] {
                let mut asked = 0;
                let clock = || {
                    asked += 1;
                    now
                };
                assert_eq!(
                    list.check_at(address, clock),
                    list.check(address, now),
                    "{entries:?} {address} {now:?}"
                );
                assert_eq!(asked, usize::from(has_hosts), "{entries:?}");
            }
        }
    }
    // If the clock itself replaces the list during a check, the new list counts.
    let list = Allowlist::parse(resolved).unwrap();
    let replaced = || {
        list.replace(networks).unwrap();
        early
    };
    assert_eq!(list.check_at(ip("192.0.2.1"), replaced), Allowed);
}
