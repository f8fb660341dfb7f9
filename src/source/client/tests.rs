mod single;

use http::HeaderValue;
use proptest::prelude::*;

use super::ClientAddressErrorKind::{
    NoForwardingHeader, ObfuscatedHop, OnlyTrustedHops, UndeclaredProxy, UnparsableHop,
};
use super::*;

type Kind = ClientAddressErrorKind;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn headers<'a>(lines: impl IntoIterator<Item = (&'static str, &'a [u8])>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    map
}

/// Checks these lines from proxies in 10.0.0.0/8 and fd00::/8, received through 10.0.0.1.
#[track_caller]
fn says(header: ForwardingHeader, lines: &[&[u8]], expected: Result<&str, Kind>) {
    let proxies = TrustedProxies::parse(["10.0.0.0/8", "fd00::/8"])
        .unwrap()
        .header(header);
    let name = match header {
        ForwardingHeader::XForwardedFor => "x-forwarded-for",
        ForwardingHeader::Forwarded => "forwarded",
        ForwardingHeader::XRealIp => "x-real-ip",
        ForwardingHeader::CfConnectingIp => "cf-connecting-ip",
        ForwardingHeader::FlyClientIp => "fly-client-ip",
        ForwardingHeader::TrueClientIp => "true-client-ip",
        ForwardingHeader::CloudFrontViewerAddress => "cloudfront-viewer-address",
    };
    let map = headers(lines.iter().map(|line| (name, *line)));
    assert_eq!(
        proxies
            .client_address(ip("10.0.0.1"), &map)
            .map_err(|error| error.kind()),
        expected.map(ip),
        "{map:?}"
    );
}

#[test]
fn x_forwarded_for_is_read_from_the_right_up_to_the_first_stranger() {
    let xff = |lines: &[&str], expected| {
        let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
        says(ForwardingHeader::XForwardedFor, &lines, expected);
    };
    // One hop, in each spelling.
    xff(&["203.0.113.9"], Ok("203.0.113.9"));
    xff(&["\t 203.0.113.9 \t"], Ok("203.0.113.9"));
    xff(&["203.0.113.9:4711"], Ok("203.0.113.9"));
    xff(&["2001:db8::1"], Ok("2001:db8::1"));
    xff(&["[2001:db8::1]"], Ok("2001:db8::1"));
    xff(&["[2001:db8::1]:443"], Ok("2001:db8::1"));
    xff(&["::ffff:203.0.113.9"], Ok("203.0.113.9"));
    xff(&["[::ffff:203.0.113.9]:80"], Ok("203.0.113.9"));
    // Several hops, several lines.
    xff(&["198.51.100.1, 203.0.113.9"], Ok("203.0.113.9"));
    xff(&["203.0.113.9,10.0.0.2 , fd00::2"], Ok("203.0.113.9"));
    xff(&["203.0.113.9, ::ffff:10.0.0.2"], Ok("203.0.113.9"));
    xff(&["198.51.100.1", "203.0.113.9"], Ok("203.0.113.9"));
    xff(&["1.1.1.1, 203.0.113.9", "10.0.0.2"], Ok("203.0.113.9"));
    // Anything that a stranger put on the left is ignored.
    xff(&["127.0.0.1, 203.0.113.9"], Ok("203.0.113.9"));
    xff(&["unknown, \"';DROP, , 203.0.113.9"], Ok("203.0.113.9"));
    xff(&["garbage", ", 203.0.113.9, 10.0.0.2"], Ok("203.0.113.9"));
    // Hops that must be known but are not.
    for hop in [
        "",
        " ",
        "localhost",
        "203.0.113",
        "203.0.113.09",
        "203.0.113.9:",
        "203.0.113.9:http",
        "203.0.113.9:+80",
        "203.0.113.9:65536",
        "203.0.113.9:_p",
        "203.0.113.9 80",
        "[203.0.113.9]",
        "[2001:db8::1",
        "[2001:db8::1]443",
        "[2001:db8::1]:",
        "2001:db8::1]:443",
        "fe80::1%eth0",
        "\"203.0.113.9\"",
        "for=203.0.113.9",
    ] {
        xff(&[hop], Err(UnparsableHop));
        xff(
            &[&format!("203.0.113.9, {hop}, 10.0.0.2")],
            Err(UnparsableHop),
        );
    }
    for hop in ["unknown", "UNKNOWN", "_hidden", "_hidden:80"] {
        xff(&[&format!("203.0.113.9, {hop}")], Err(ObfuscatedHop));
    }
    xff(&["10.0.0.3, 10.0.0.2"], Err(OnlyTrustedHops));
    xff(&[], Err(NoForwardingHeader));
}

#[test]
fn forwarded_is_read_as_rfc_7239_writes_it() {
    let fwd = |lines: &[&str], expected| {
        let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
        says(ForwardingHeader::Forwarded, &lines, expected);
    };
    // The examples of sections 4, 6, 6.3 and 7.
    fwd(&["for=\"_gazonk\""], Err(ObfuscatedHop));
    fwd(
        &["For=\"[2001:db8:cafe::17]:4711\""],
        Ok("2001:db8:cafe::17"),
    );
    fwd(
        &["for=192.0.2.60;proto=http;by=203.0.113.43"],
        Ok("192.0.2.60"),
    );
    fwd(&["for=192.0.2.43, for=198.51.100.17"], Ok("198.51.100.17"));
    fwd(&["for=\"192.0.2.43:47011\""], Ok("192.0.2.43"));
    fwd(
        &["for=\"[2001:db8:cafe::17]:47011\""],
        Ok("2001:db8:cafe::17"),
    );
    fwd(&["for=_hidden, for=_SEVKISEK"], Err(ObfuscatedHop));
    fwd(
        &["for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown"],
        Err(ObfuscatedHop),
    );
    fwd(
        &[
            "for=192.0.2.43",
            "for=198.51.100.17;by=203.0.113.60;proto=http;host=example.com",
        ],
        Ok("198.51.100.17"),
    );
    // Variations of the grammar.
    fwd(&["proto=https; for=192.0.2.60 ;;"], Ok("192.0.2.60"));
    fwd(&["FOR=\"192.0.2.60:_port\""], Ok("192.0.2.60"));
    fwd(&["for=\"192.0.2.60:80\";proto=https"], Ok("192.0.2.60"));
    fwd(&["for=\"[::ffff:192.0.2.60]\""], Ok("192.0.2.60"));
    fwd(
        &["for=192.0.2.60;host=\"a,b;for=1.1.1.1\""],
        Ok("192.0.2.60"),
    );
    fwd(&["for=192.0.2.60, for=\"[fd00::2]\""], Ok("192.0.2.60"));
    // A quote that a stranger left open.
    fwd(&["for=\"1.1.1.1, for=192.0.2.60"], Ok("192.0.2.60"));
    fwd(&["for=\"1.1.1.1, for=\"192.0.2.60:1\""], Ok("192.0.2.60"));
    fwd(
        &["\\\"for=\"", "for=192.0.2.60, for=10.0.0.2"],
        Ok("192.0.2.60"),
    );
    for hop in [
        "",
        ";",
        "192.0.2.60",
        "proto=https",
        "for=",
        "for=\"\"",
        "for=\"",
        "for =192.0.2.60",
        "for= 192.0.2.60",
        "for=192.0.2.60:80",
        "for=2001:db8::1",
        "for=[2001:db8::1]",
        "for=\"2001:db8::1\"",
        "for=\"192.0.2.60",
        "for=192.0.2.60\"",
        "for=\"192.0.2.60\"x",
        "for=\"192.0.2.60\\\"",
        "for=\"192.0.2\\.60\"",
        "for=192.0.2.60;host=\"a\\b\"",
        "for=192.0.2.60;host=\"a\"b\"",
        "for=\"192.0.2.60:_\"",
        "for=192.0.2.60;for=192.0.2.60",
        "for=192.0.2.60;For=10.0.0.2",
        "for=192.0.2.60;host",
        "for=192.0.2.60;=x",
        "for=192.0.2.60;host=example.com:80",
        // A proxy that records the received `Host`, with its quotes escaped.
        "for=192.0.2.60;host=\"a\\\", for=1.1.1.1;x=\\\"b\"",
    ] {
        fwd(&[hop], Err(UnparsableHop));
        let behind = format!("for=1.1.1.1, {hop}, for=10.0.0.2");
        // An odd quote spoils everything to its left, which is refused with it.
        fwd(&[&behind], Err(UnparsableHop));
    }
    fwd(&["for=10.0.0.3", "for=10.0.0.2"], Err(OnlyTrustedHops));
    fwd(&[], Err(NoForwardingHeader));
}

#[test]
fn bytes_beyond_ascii_matter_only_where_they_are_reached() {
    let (xff, fwd) = (ForwardingHeader::XForwardedFor, ForwardingHeader::Forwarded);
    says(xff, &[b"\xff\x80, 203.0.113.9"], Ok("203.0.113.9"));
    says(xff, &[b"203.0.113.9\xa0"], Err(UnparsableHop));
    says(xff, &["２０３.0.113.9".as_bytes()], Err(UnparsableHop));
    says(fwd, &[b"\xff\"\x80, for=203.0.113.9"], Ok("203.0.113.9"));
    says(fwd, &[b"for=203.0.113.9;host=\"\xe9\""], Err(UnparsableHop));
}

#[test]
fn a_peer_that_is_no_trusted_proxy_speaks_for_itself() {
    let proxies = TrustedProxies::parse(["192.0.2.1", "10.0.0.0/8"]).unwrap();
    let xff = headers([("x-forwarded-for", b"203.0.113.9".as_slice())]);
    let from = |proxies: &TrustedProxies, peer, headers: &HeaderMap| {
        proxies
            .client_address(ip(peer), headers)
            .map_err(|error| error.kind())
    };
    assert_eq!(from(&proxies, "198.51.100.4", &xff), Ok(ip("198.51.100.4")));
    assert_eq!(
        from(&proxies, "::ffff:198.51.100.4", &xff),
        Ok(ip("198.51.100.4"))
    );
    assert_eq!(
        from(&proxies, "::ffff:192.0.2.1", &xff),
        Ok(ip("203.0.113.9")),
        "a mapped peer is the proxy it is"
    );
    // A header that is not configured was written by a stranger, whatever it says.
    let fwd = headers([("forwarded", b"for=203.0.113.9".as_slice())]);
    assert_eq!(from(&proxies, "192.0.2.1", &fwd), Err(NoForwardingHeader));

    let none = TrustedProxies::none();
    for peer in [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.0.1",
        "fd00::1",
        "fe80::1",
    ] {
        assert_eq!(
            from(&none, peer, &HeaderMap::new()),
            Ok(ip(peer).to_canonical())
        );
        for name in ["x-forwarded-for", "forwarded", "x-real-ip"] {
            let headers = headers([(name, b"\xff".as_slice())]);
            assert_eq!(from(&none, peer, &headers), Err(UndeclaredProxy));
        }
        // Decided by address range, not by the list: a local peer next to the declared proxies.
        let others = TrustedProxies::parse(["10.0.0.0/8"]).unwrap();
        assert_eq!(from(&others, peer, &xff), Err(UndeclaredProxy));
    }
}

#[test]
fn an_error_says_what_to_do_and_repeats_nothing_of_the_request() {
    let proxies = TrustedProxies::parse(["10.0.0.1"]).unwrap();
    let error = |proxies: &TrustedProxies, peer, lines: &[&str]| {
        let lines = lines
            .iter()
            .map(|line| ("x-forwarded-for", line.as_bytes()));
        proxies
            .client_address(ip(peer), &headers(lines))
            .unwrap_err()
    };
    for (lines, fault, text) in [
        (
            ["<script>"].as_slice(),
            false,
            "a hop that 10.0.0.1 forwarded in X-Forwarded-For is not an address: have the proxy \
             write addresses, or replace what strangers send",
        ),
        (
            &["_<script>"],
            false,
            "a hop that 10.0.0.1 forwarded in X-Forwarded-For is hidden: have the proxy write the \
             address",
        ),
        (
            &[],
            true,
            "the trusted proxy 10.0.0.1 sent no X-Forwarded-For: have it write that header, or \
             configure the one that it writes",
        ),
        (
            &["10.0.0.1"],
            true,
            "every hop that 10.0.0.1 forwarded in X-Forwarded-For is a trusted proxy: declare the \
             proxies alone, not the networks of clients",
        ),
    ] {
        let error = error(&proxies, "10.0.0.1", lines);
        assert_eq!(error.to_string(), text);
        assert_eq!(error.is_configuration_fault(), fault, "{error}");
        assert!(!format!("{error:?}").contains("script"));
    }
    let undeclared = error(&TrustedProxies::none(), "127.0.0.1", &["<script>"]);
    assert_eq!(
        undeclared.to_string(),
        "the peer 127.0.0.1 sends a forwarding header but is not a trusted proxy: declare it as \
         one, or have it send none"
    );
    assert!(undeclared.is_configuration_fault());
}

#[test]
fn what_is_no_proxy_is_refused_by_name() {
    let refusal = |networks: &[&str]| TrustedProxies::parse(networks).unwrap_err().to_string();
    assert_eq!(
        refusal(&[]),
        "trusted proxy: empty, where there is no proxy say TrustedProxies::none()"
    );
    assert_eq!(
        refusal(&["10.0.0.1", "proxy.example.com"]),
        "trusted proxy: number 2, \"proxy.example.com\": a host name, a network or address \
         belongs here"
    );
    assert_eq!(
        refusal(&["0.0.0.0/0"]),
        "trusted proxy: number 1, \"0.0.0.0/0\": matches every address and so proves nothing, \
         list the sender's own"
    );
}

/// Header values that a stranger can send, rich in characters that matter to the grammar.
fn spoofed() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![
        Just(b"for=".to_vec()),
        Just(b"10.0.0.2".to_vec()),
        Just(b"1.1.1.1".to_vec()),
        Just(b"unknown".to_vec()),
        prop::sample::select(b"\",;\\=[]: _".to_vec()).prop_map(|b| vec![b]),
        prop::sample::select(vec![0x20_u8, 0x7e, 0x80, 0xff]).prop_map(|b| vec![b]),
    ];
    prop::collection::vec(bytes, 0..12).prop_map(|parts| parts.concat())
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from),
    ]
}

proptest! {
    #[test]
    fn what_a_stranger_sends_never_changes_the_answer(
        client in address(),
        port in prop::option::of(any::<u16>()),
        behind in prop::collection::vec(any::<[u8; 3]>(), 0..4),
        lines in prop::collection::vec(spoofed(), 0..3),
        left in prop::option::of(spoofed()),
        own_lines in any::<bool>(),
        header in prop::sample::select(vec![
            ForwardingHeader::XForwardedFor,
            ForwardingHeader::Forwarded,
        ]),
    ) {
        let proxies = TrustedProxies::parse(["10.0.0.0/8"]).unwrap().header(header);
        prop_assume!(!matches!(client.to_canonical(), IpAddr::V4(v4) if v4.octets()[0] == 10));
        // The first proxy's entry, and those of the proxies after it.
        let node = match (client, port) {
            (IpAddr::V4(v4), None) => v4.to_string(),
            (IpAddr::V4(v4), Some(port)) => format!("{v4}:{port}"),
            (IpAddr::V6(v6), None) => format!("[{v6}]"),
            (IpAddr::V6(v6), Some(port)) => format!("[{v6}]:{port}"),
        };
        let written = |node: &str| match header {
            ForwardingHeader::Forwarded => format!("proto=https;for=\"{node}\""),
            _ => node.to_owned(),
        };
        let proxied = behind.iter().map(|[a, b, c]| written(&format!("10.{a}.{b}.{c}")));
        let honest: Vec<_> = std::iter::once(written(&node)).chain(proxied).collect();

        let mut all = lines;
        let mut last = left.map(|mut left| { left.extend(b", "); left }).unwrap_or_default();
        if own_lines {
            last.extend(honest[0].as_bytes());
            all.push(last);
            all.extend(honest[1..].iter().map(|hop| hop.clone().into_bytes()));
        } else {
            last.extend(honest.join(", ").as_bytes());
            all.push(last);
        }
        let name = match header {
            ForwardingHeader::Forwarded => "forwarded",
            _ => "x-forwarded-for",
        };
        let map = headers(all.iter().map(|line| (name, line.as_slice())));
        prop_assert_eq!(
            proxies.client_address(ip("10.0.0.1"), &map),
            Ok(client.to_canonical())
        );
    }
}
