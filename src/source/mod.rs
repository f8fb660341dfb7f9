//! The origin of a delivery: the client's address through proxies, and the addresses allowed.
//!
//! [`TrustedProxies`] finds the address that a request was sent from; [`Allowlist`] says whether a
//! sender may have it. Both normalize IPv4-mapped IPv6, so that `::ffff:192.0.2.1` is `192.0.2.1`.

mod allowlist;
mod client;
mod feed;
mod feeds;
mod forwarded;
mod hosts;
pub(crate) mod hosts_file;
mod networks;

use std::net::IpAddr;

pub(crate) use allowlist::WeakAllowlist;
pub use allowlist::{Admission, Allowlist};
pub use client::{ClientAddressError, ClientAddressErrorKind, TrustedProxies};
pub use feed::{AddressFeed, FeedContent, FeedError, FeedErrorKind};
pub use feeds::FeedChange;
pub use forwarded::ForwardingHeader;
pub use hosts::{HostChange, HostName};

/// Whether an address belongs to this machine or its own network, and so never to an outside
/// sender: loopback, private (RFC 1918), shared (RFC 6598), link-local and unique local (RFC 4193).
pub(crate) fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let shared = matches!(v4.octets(), [100, 64..=127, _, _]);
            v4.is_loopback() || v4.is_private() || shared || v4.is_link_local()
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First and last address of each block in the IANA special-purpose registries (RFC 6890),
    /// and their neighbours.
    #[test]
    fn an_address_is_local_inside_the_registered_blocks_only() {
        let local = |text: &str| is_local(text.parse().unwrap());
        for text in [
            "127.0.0.0",
            "127.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.0.0",
            "192.168.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "169.254.0.0",
            "169.254.255.255",
            "::1",
            "fc00::",
            "fdff:ffff::1",
            "fe80::",
            "febf:ffff::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(local(text), "{text}");
        }
        for text in [
            "126.255.255.255",
            "128.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "::2",
            "fbff:ffff::1",
            "fe00::",
            "fe7f:ffff::1",
            "fec0::",
            "2001:db8::1",
            "::ffff:192.0.2.1",
        ] {
            assert!(!local(text), "{text}");
        }
    }
}
