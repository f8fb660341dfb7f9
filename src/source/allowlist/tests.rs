mod histories;

use super::*;
use Admission::{Allowed, Refused, Unresolved};

const HOUR: Duration = Duration::from_secs(3_600);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| ip(text)).collect()
}

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}

fn host(name: &str) -> HostName {
    HostName::new(name).unwrap()
}

#[track_caller]
fn refuses(entries: &[&str], text: &str) {
    let error = Allowlist::parse(entries).unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::Allowlist);
    assert_eq!(error.to_string(), text);
}

#[test]
fn what_is_no_entry_is_refused_by_name() {
    refuses(
        &[],
        "allowlist: empty, list the networks or host names of the sender",
    );
    for (entry, why) in [
        ("", "empty"),
        (".", "empty"),
        (" 10.0.0.1", "neither a network, an address nor a host name"),
        ("a..b", "neither a network, an address nor a host name"),
        (
            "-a.example",
            "neither a network, an address nor a host name",
        ),
        (
            "a-.example",
            "neither a network, an address nor a host name",
        ),
        (
            "a_b.example",
            "neither a network, an address nor a host name",
        ),
        (
            "*.example.com",
            "neither a network, an address nor a host name",
        ),
        (
            "münchen.example",
            "neither a network, an address nor a host name",
        ),
        ("1.2.3", "ends in a number, but is not an address"),
        ("300.1.1.1", "ends in a number, but is not an address"),
        ("010.0.0.1", "ends in a number, but is not an address"),
        ("2130706433", "ends in a number, but is not an address"),
        ("0x7f.1", "ends in a number, but is not an address"),
        ("0x7F000001", "ends in a number, but is not an address"),
        ("a.0x", "ends in a number, but is not an address"),
        (
            "10.0.0.1:80",
            "has a port, which a list does not look at; write 10.0.0.1",
        ),
        (
            "[2001:db8::1]:443",
            "has a port, which a list does not look at; write 2001:db8::1",
        ),
        (
            "hooks.example.com:443",
            "has a port, which a list does not look at; write hooks.example.com",
        ),
        ("https://hooks.example.com", "a URL; write its host alone"),
        (
            "[::1]",
            "not an IPv6 address, which has no brackets or zone here",
        ),
        (
            "fe80::1%eth0",
            "not an IPv6 address, which has no brackets or zone here",
        ),
        ("10.0.0/8", "what stands before the slash is not an address"),
        (
            "a.example/8",
            "what stands before the slash is not an address",
        ),
        (
            "10.0.0.0/33",
            "what stands behind the slash is not a number from 1 to 32",
        ),
        (
            "10.0.0.0/",
            "what stands behind the slash is not a number from 1 to 32",
        ),
        (
            "10.0.0.0/+8",
            "what stands behind the slash is not a number from 1 to 32",
        ),
        (
            "10.0.0.0/08",
            "what stands behind the slash is not a number from 1 to 32",
        ),
        (
            "10.0.0.0/255.0.0.0",
            "what stands behind the slash is not a number from 1 to 32",
        ),
        (
            "fc00::/129",
            "what stands behind the slash is not a number from 1 to 128",
        ),
        (
            "10.0.0.1/8",
            "has bits set behind its prefix, write 10.0.0.0/8",
        ),
        (
            "::ffff:10.0.0.1/104",
            "has bits set behind its prefix, write 10.0.0.0/8",
        ),
        (
            "2001:db8::1/64",
            "has bits set behind its prefix, write 2001:db8::/64",
        ),
        (
            "0.0.0.0/0",
            "matches every address and so proves nothing, list the sender's own",
        ),
        (
            "::/0",
            "matches every address and so proves nothing, list the sender's own",
        ),
        (
            "::ffff:0.0.0.0/96",
            "matches every address and so proves nothing, list the sender's own",
        ),
        (
            "0.0.0.0",
            "no sender has this address, list the sender's own",
        ),
        ("::", "no sender has this address, list the sender's own"),
    ] {
        refuses(
            &["192.0.2.1", entry],
            &format!("allowlist: number 2, {entry:?}: {why}"),
        );
    }
    let all = "allowlist: the entries together match every address and so prove nothing";
    refuses(&["0.0.0.0/1", "192.0.2.1", "128.0.0.0/1"], all);
    refuses(&["8000::/1", "::/2", "4000::/2"], all);
}

#[test]
fn a_host_name_is_held_to_its_limits() {
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    assert_eq!(longest.len(), 253);
    for (text, name) in [
        ("localhost", "localhost"),
        ("Hooks.EXAMPLE.com.", "hooks.example.com"),
        ("1and1.example", "1and1.example"),
        ("3com", "3com"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        (&longest, &longest),
        (&format!("{longest}."), &longest),
    ] {
        assert_eq!(host(text).as_str(), name);
        assert_eq!(host(text).to_string(), name);
    }
    assert!(HostName::new(&format!("{longest}a")).is_err());
    assert!(HostName::new(&format!("{label}a.example")).is_err());
    assert_eq!(
        HostName::new("10.1").unwrap_err().to_string(),
        "allowlist: \"10.1\": ends in a number, but is not an address"
    );
}

#[test]
fn a_mapped_address_is_the_address_it_maps() {
    let list =
        Allowlist::parse(["::ffff:10.0.0.0/104", "::ffff:192.0.2.1", "2001:db8::1"]).unwrap();
    for (address, admission) in [
        ("10.255.0.1", Allowed),
        ("::ffff:10.255.0.1", Allowed),
        ("11.0.0.1", Refused),
        ("192.0.2.1", Allowed),
        ("::ffff:192.0.2.1", Allowed),
        ("::ffff:192.0.2.2", Refused),
        ("2001:db8::1", Allowed),
        ("2001:db8::2", Refused),
        // Not mapped, merely alike.
        ("::10.0.0.1", Refused),
    ] {
        assert_eq!(list.check(ip(address), at(0)), admission, "{address}");
    }
    // An IPv6 network that spans the mapped range holds no IPv4 address.
    let wide = Allowlist::parse(["::/8"]).unwrap();
    assert_eq!(wide.check(ip("192.0.2.1"), at(0)), Refused);
    assert_eq!(wide.check(ip("::2"), at(0)), Allowed);
}

#[test]
fn a_host_name_is_learned_refreshed_lost_and_learned_again() {
    let list =
        Allowlist::parse(["192.0.2.0/24", "Hooks.example.com", "hooks.example.com."]).unwrap();
    let hooks = host("hooks.example.com");
    assert_eq!(list.hosts(), std::slice::from_ref(&hooks));
    assert_eq!(list.host_grace(), HOUR);
    let check = |address, secs| list.check(ip(address), at(secs));

    // Never resolved: the network is known, all else is not yet.
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

    // Failures, and answers that are no sender's, keep the good one until an hour after it.
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

#[test]
fn a_replaced_list_is_replaced_for_all_clones_and_keeps_the_answers_of_hosts_that_stay() {
    let list = Allowlist::parse(["192.0.2.1", "a.example", "b.example"]).unwrap();
    let list = list.keep_answers_for(Duration::from_secs(60)).unwrap();
    let shared = list.clone();
    // Both names share an address, as on one CDN.
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

#[test]
fn the_entries_are_printed() {
    let list = Allowlist::parse(["192.0.2.128/25", "192.0.2.0/25", "::1", "a.example"]).unwrap();
    let _ = list.learn(&host("a.example"), ips(&["203.0.113.1"]), at(0));
    assert_eq!(
        format!("{list:?}"),
        "Allowlist { networks: [192.0.2.0/24, ::1/128], hosts: {\"a.example\": [203.0.113.1]}, \
         host_grace: 3600s }"
    );
}

#[test]
fn a_hundred_thousand_entries_of_each_kind_are_no_burden() {
    // Every other address, so that nothing merges; a list that is walked would take 10^10 steps.
    let addresses: Vec<_> = (0..100_000_u32)
        .map(|n| std::net::Ipv4Addr::from_bits(0x5000_0000 | (n * 2)))
        .collect();
    let names = (0..100_000).map(|n| format!("h{n}.example"));
    let list = Allowlist::parse(addresses.iter().map(ToString::to_string).chain(names)).unwrap();
    for name in list.hosts() {
        let _ = list.learn(&name, ips(&["203.0.113.1"]), at(0));
    }
    for &address in &addresses {
        let next = std::net::Ipv4Addr::from_bits(address.to_bits() + 1);
        assert_eq!(list.check(address.into(), at(0)), Allowed);
        assert_eq!(list.check(next.into(), at(0)), Refused);
    }
}

/// Every pair of a list and a moment, with the host names of some resolved, ended or never asked.
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
    // With a clock of its own that replaces the list meanwhile, it is the new list that counts.
    let list = Allowlist::parse(resolved).unwrap();
    let replaced = || {
        list.replace(networks).unwrap();
        early
    };
    assert_eq!(list.check_at(ip("192.0.2.1"), replaced), Allowed);
}

#[test]
fn a_name_that_holds_a_dot_stands_for_itself_unless_it_is_to_be_searched_for() {
    let entries = [
        "Hooks.Example.",
        "localhost",
        "search(hooks.example)",
        "search(queue)",
    ];
    let list = Allowlist::parse(entries).unwrap();
    let mut hosts: Vec<_> = (list.hosts().iter())
        .map(|host| (host.to_string(), host.is_absolute()))
        .collect();
    hosts.sort();
    let expected = [
        ("hooks.example", true),
        ("localhost", false),
        ("search(hooks.example)", false),
        ("search(queue)", false),
    ];
    assert_eq!(
        hosts,
        expected.map(|(text, absolute)| (text.to_owned(), absolute))
    );
    // Each has answers of its own.
    let now = UnixTime::from_secs(1);
    let searched = HostName::new("search(hooks.example)").unwrap();
    let address = "203.0.113.9".parse().unwrap();
    list.learn(&searched, [address], now);
    assert_eq!(list.unresolved(now).len(), 3);
    assert!(!list.unresolved(now).contains(&searched));
    assert_eq!(list.check(address, now), Admission::Allowed);
    for text in [
        "search()",
        "search(",
        "search(192.0.2.1)",
        "search(a b)",
        "search(a.b",
        "(a.b)",
    ] {
        assert!(Allowlist::parse([text]).is_err(), "{text}");
    }
}
