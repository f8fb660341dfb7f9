//! Published address lists: whatever is served, a list that is read lets in no address of our own
//! network and none that no entry names; and what is read is read alike again.
//!
//! The input is what is served.
#![no_main]

use std::net::IpAddr;

use ipnet::IpNet;
use libfuzzer_sys::fuzz_target;
use tower_webhook::UnixTime;
use tower_webhook::source::{AddressFeed, Admission, Allowlist};

/// Addresses that no sender has, and some that one may have.
const OURS: [&str; 6] = [
    "10.1.2.3",
    "127.0.0.1",
    "192.168.0.1",
    "169.254.1.1",
    "::1",
    "fd00::1",
];
const OTHERS: [&str; 4] = ["192.0.2.1", "203.0.113.9", "2001:db8::1", "8.8.8.8"];

fuzz_target!(|served: &[u8]| {
    let now = UnixTime::from_secs(1_777_899_600);
    let feeds = [
        AddressFeed::lines("https://example.com/ips.txt"),
        AddressFeed::json("https://example.com/ips.json", "/hooks"),
        AddressFeed::json("https://example.com/ranges.json", "")
            .member("/cidr")
            .only("/direction", "egress"),
    ];
    for feed in feeds {
        let Ok(content) = feed.read(served) else {
            continue;
        };
        let named: Vec<IpNet> = content
            .networks()
            .map(|network| network.to_string().parse().expect("a network"))
            .collect();
        assert!(!named.is_empty() && named.len() + content.passed_over() <= 4_096);
        let list = Allowlist::of_feeds([feed.clone()]).expect("one feed");
        let Ok(change) = list.learn_feed(&feed, served, now) else {
            continue;
        };
        assert!(change.networks() <= named.len() && !change.has_shrunk());
        let again = list.learn_feed(&feed, served, now).expect("the same");
        assert!(!again.is_change(), "{again:?}");
        for text in OURS {
            let address: IpAddr = text.parse().expect("an address");
            assert_eq!(list.check(address, now), Admission::Refused, "{text}");
        }
        for text in OTHERS {
            let address: IpAddr = text.parse().expect("an address");
            let is_named = named.iter().any(|network| network.contains(&address));
            let expected = if is_named {
                Admission::Allowed
            } else {
                Admission::Refused
            };
            assert_eq!(list.check(address, now), expected, "{text}");
        }
    }
});
