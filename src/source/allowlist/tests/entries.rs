//! What an entry may be, and what it matches.

use super::*;

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
        // Not mapped, only similar.
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
fn the_entries_are_printed() {
    let list = Allowlist::parse(["192.0.2.128/25", "192.0.2.0/25", "::1", "a.example"]).unwrap();
    let _ = list.learn(&host("a.example"), ips(&["203.0.113.1"]), at(0));
    assert_eq!(
        format!("{list:?}"),
        "Allowlist { networks: [192.0.2.0/24, ::1/128], hosts: {\"a.example\": [203.0.113.1]}, \
         host_grace: 3600s, feeds: {}, feed_grace: 604800s }"
    );
}

#[test]
fn a_hundred_thousand_entries_of_each_kind_are_no_burden() {
    // Every other address, so that nothing merges. A linear search would take 10^10 steps.
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
    // Each list has its own answers.
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
