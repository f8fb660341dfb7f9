//! Forwarding headers: against a naive reading where there is one, and whatever a stranger writes
//! to the left of what the trusted proxies wrote changes nothing.
//!
//! The input is text: the peer, then the header's lines, then after an empty line what a stranger
//! prepends.
#![no_main]

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use tower_webhook::TrustedProxies;
use tower_webhook::source::{ClientAddressErrorKind as Kind, ForwardingHeader};

const TRUSTED: [&str; 3] = ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"];

fn trusted(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.octets()[0] == 10 || v4.octets() == [192, 0, 2, 1],
        IpAddr::V6(v6) => v6.segments()[..2] == [0x2001, 0xdb8],
    }
}

/// `X-Forwarded-For` in one go: split, trim, parse.
fn model(lines: &[&[u8]]) -> Result<IpAddr, Kind> {
    let mut any = false;
    for line in lines.iter().rev() {
        for element in line.rsplit(|b| *b == b',') {
            any = true;
            let Ok(text) = std::str::from_utf8(element) else {
                return Err(Kind::UnparsableHop);
            };
            let address = address(text.trim_matches([' ', '\t']))?;
            if !trusted(address) {
                return Ok(address.to_canonical());
            }
        }
    }
    Err(if any {
        Kind::OnlyTrustedHops
    } else {
        Kind::NoForwardingHeader
    })
}

fn address(text: &str) -> Result<IpAddr, Kind> {
    let port = |text: &str| text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok();
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (v6, after) = rest.split_once(']').ok_or(Kind::UnparsableHop)?;
        let right = after.is_empty() || after.strip_prefix(':').is_some_and(port);
        let address: std::net::Ipv6Addr = v6.parse().map_err(|_| Kind::UnparsableHop)?;
        return if right {
            Ok(address.into())
        } else {
            Err(Kind::UnparsableHop)
        };
    }
    let name = text.split(':').next().unwrap_or_default();
    if name.starts_with('_') || name.eq_ignore_ascii_case("unknown") {
        // Seven hex groups and more than one colon are still no name.
        return Err(if text.is_ascii() {
            Kind::ObfuscatedHop
        } else {
            Kind::UnparsableHop
        });
    }
    match text.split_once(':') {
        Some((v4, after)) if port(after) => v4
            .parse::<std::net::Ipv4Addr>()
            .map(IpAddr::V4)
            .map_err(|_| Kind::UnparsableHop),
        _ => Err(Kind::UnparsableHop),
    }
}

fn headers(name: &'static str, lines: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(name, HeaderValue::from_bytes(line).unwrap());
    }
    headers
}

fuzz_target!(|input: &[u8]| {
    let mut lines = input.split(|b| *b == b'\n');
    let peer: IpAddr = lines
        .next()
        .and_then(|line| std::str::from_utf8(line).ok()?.parse().ok())
        .unwrap_or(IpAddr::from([10, 0, 0, 1]));
    let right = |line: &&[u8]| HeaderValue::from_bytes(line).is_ok();
    let written: Vec<&[u8]> = lines
        .by_ref()
        .take_while(|line| !line.is_empty())
        .filter(right)
        .collect();
    let stranger: Vec<&[u8]> = lines.filter(right).collect();

    for header in [ForwardingHeader::XForwardedFor, ForwardingHeader::Forwarded] {
        let name = match header {
            ForwardingHeader::XForwardedFor => "x-forwarded-for",
            _ => "forwarded",
        };
        let proxies = TrustedProxies::parse(TRUSTED).unwrap().header(header);
        let ask = |lines: &[&[u8]]| {
            proxies
                .client_address(peer, &headers(name, lines))
                .map_err(|error| error.kind())
        };
        let outcome = ask(&written);
        if !trusted(peer) {
            match outcome {
                Ok(client) => assert_eq!(client, peer.to_canonical(), "a stranger's header counts"),
                Err(kind) => assert_eq!(kind, Kind::UndeclaredProxy),
            }
            continue;
        }
        if header == ForwardingHeader::XForwardedFor {
            assert_eq!(outcome, model(&written));
        }
        let Ok(client) = outcome else { continue };
        assert!(!trusted(client));
        assert_eq!(client, client.to_canonical());

        // Lines before, and elements before the first of our own.
        let mut more = stranger.clone();
        more.extend(&written);
        assert_eq!(ask(&more), Ok(client), "a line of a stranger counts");
        let mut first = stranger.join(b",".as_slice());
        first.push(b',');
        first.extend_from_slice(written.first().copied().unwrap_or_default());
        let mut joined = vec![first.as_slice()];
        joined.extend(written.iter().skip(1));
        assert_eq!(ask(&joined), Ok(client), "an element of a stranger counts");

        // One more trusted proxy behind the last.
        let hop: &[u8] = if header == ForwardingHeader::XForwardedFor {
            b"10.9.9.9"
        } else {
            b"For=\"10.9.9.9:80\""
        };
        let mut behind = written.clone();
        behind.push(hop);
        assert_eq!(ask(&behind), Ok(client));
    }
});
