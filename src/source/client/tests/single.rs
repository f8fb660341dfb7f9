//! Headers that hold a single address.

use super::*;

#[test]
fn a_header_of_one_address_holds_that_address_and_nothing_else() {
    for header in [
        ForwardingHeader::XRealIp,
        ForwardingHeader::CfConnectingIp,
        ForwardingHeader::FlyClientIp,
        ForwardingHeader::TrueClientIp,
    ] {
        let one = |lines: &[&str], expected| {
            let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
            says(header, &lines, expected);
        };
        one(&["203.0.113.9"], Ok("203.0.113.9"));
        one(&[" 2001:db8::1 "], Ok("2001:db8::1"));
        one(&["::ffff:203.0.113.9"], Ok("203.0.113.9"));
        // An adapter that repeats lines; a stranger's line before or after the proxy's.
        one(&["203.0.113.9", "203.0.113.9"], Ok("203.0.113.9"));
        one(&["198.51.100.1", "203.0.113.9"], Err(UnparsableHop));
        one(&["198.51.100.1, 203.0.113.9"], Err(UnparsableHop));
        for other in ["", "203.0.113.9:80", "[2001:db8::1]", "unknown", "1.2.3"] {
            one(&[other], Err(UnparsableHop));
        }
        one(&["10.0.0.7"], Err(OnlyTrustedHops));
        one(&[], Err(NoForwardingHeader));
    }
}

/// Amazon appends the port to every address, and writes no brackets around IPv6 (developer guide of
/// CloudFront, "CloudFront request headers").
#[test]
fn cloudfront_writes_a_port_behind_every_address() {
    let viewer = |line: &str, expected| {
        says(
            ForwardingHeader::CloudFrontViewerAddress,
            &[line.as_bytes()],
            expected,
        );
    };
    viewer("198.51.100.10:46532", Ok("198.51.100.10"));
    viewer(
        "2001:db8:85a3::8a2e:370:7334:443",
        Ok("2001:db8:85a3::8a2e:370:7334"),
    );
    viewer("[2001:db8::1]:443", Ok("2001:db8::1"));
    for line in [
        "198.51.100.10",
        "198.51.100.10:",
        "198.51.100.10:65536",
        "198.51.100.10:https",
        "2001:db8:1:2:3:4:5:6",
        "[2001:db8::1]",
        "[198.51.100.10]:80",
        ":443",
    ] {
        viewer(line, Err(UnparsableHop));
    }
}

#[test]
fn a_header_is_set_by_its_name() {
    for name in [
        "X-Forwarded-For",
        "Forwarded",
        "X-Real-IP",
        "CF-Connecting-IP",
        "Fly-Client-IP",
        "True-Client-IP",
        "CloudFront-Viewer-Address",
    ] {
        let header: ForwardingHeader = name.to_ascii_lowercase().parse().unwrap();
        assert_eq!(header.as_str(), name);
        assert_eq!(header.name().as_str(), name.to_ascii_lowercase());
    }
    let error = "X-Client-IP".parse::<ForwardingHeader>().unwrap_err();
    assert!(error.to_string().contains("X-Real-IP"), "{error}");
}

#[test]
fn every_header_that_proxies_write_gives_an_undeclared_one_away() {
    let proxies = TrustedProxies::none();
    for name in [
        "x-forwarded-for",
        "forwarded",
        "x-real-ip",
        "cf-connecting-ip",
        "fly-client-ip",
        "true-client-ip",
        "cloudfront-viewer-address",
    ] {
        let map = headers([(name, &b"203.0.113.9"[..])]);
        let refused = proxies.client_address(ip("127.0.0.1"), &map);
        assert_eq!(
            refused.map_err(|error| error.kind()),
            Err(UndeclaredProxy),
            "{name}"
        );
    }
}
