//! Entries of a list, and the set of networks they form.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};

use super::hosts::HostName;

/// Why an entry was refused; the list adds its position.
pub(super) type Refusal = Cow<'static, str>;

/// One entry of a list.
///
/// ```text
/// entry   = network / address / host
/// network = address "/" prefix       ; no bit set behind the prefix, not every address
/// prefix  = decimal, no leading zero
/// ```
pub(super) enum Entry {
    Network(IpNet),
    Host(HostName),
}

impl Entry {
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        if text.contains("://") {
            return Err("a URL; write its host alone".into());
        }
        if let Some((address, prefix)) = text.split_once('/') {
            return network(address, prefix).map(Self::Network);
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            let address = address.to_canonical();
            if address.is_unspecified() {
                return Err("no sender has this address, list the sender's own".into());
            }
            return Ok(Self::Network(address.into()));
        }
        if let Some(host) = before_port(text) {
            return Err(format!("has a port, which a list does not look at; write {host}").into());
        }
        if text.contains(':') {
            return Err("not an IPv6 address, which has no brackets or zone here".into());
        }
        HostName::check(text).map(Self::Host)
    }
}

/// The part before the port: an IPv4 address, a name, or an IPv6 address in brackets.
fn before_port(text: &str) -> Option<&str> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let is_port = !host.is_empty() && !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    is_port.then_some(host)
}

fn network(address: &str, prefix: &str) -> Result<IpNet, Refusal> {
    let address: IpAddr = address
        .parse()
        .map_err(|_| "what stands before the slash is not an address")?;
    let plain =
        prefix.bytes().all(|b| b.is_ascii_digit()) && (prefix == "0" || !prefix.starts_with('0'));
    let network = prefix
        .parse()
        .ok()
        .filter(|_| plain)
        .and_then(|len| IpNet::new(address, len).ok())
        .map(unmapped)
        .ok_or_else(|| {
            let most = if address.is_ipv4() { 32 } else { 128 };
            format!("what stands behind the slash is not a number from 1 to {most}")
        })?;
    if network.prefix_len() == 0 {
        return Err("matches every address and so proves nothing, list the sender's own".into());
    }
    if network.trunc() != network {
        let meant = network.trunc();
        return Err(format!("has bits set behind its prefix, write {meant}").into());
    }
    Ok(network)
}

/// `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
fn unmapped(network: IpNet) -> IpNet {
    let v4 = match network {
        IpNet::V4(_) => None,
        IpNet::V6(v6) => v6
            .addr()
            .to_ipv4_mapped()
            .zip(v6.prefix_len().checked_sub(96))
            .and_then(|(address, len)| Ipv4Net::new(address, len).ok()),
    };
    v4.map_or(network, IpNet::V4)
}

/// Networks that neither overlap nor adjoin, sorted, so that a lookup is a binary search.
#[derive(Clone, Default)]
pub(super) struct Networks(Arc<[IpNet]>);

impl Networks {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the list is done with, and may be large"
    )]
    pub(super) fn new(networks: Vec<IpNet>) -> Result<Self, Refusal> {
        let mut merged = IpNet::aggregate(&networks);
        // IPv4 before IPv6, each by address: the order that `contains` relies on.
        merged.sort_unstable();
        if merged.iter().any(|network| network.prefix_len() == 0) {
            return Err("the entries together match every address and so prove nothing".into());
        }
        Ok(Self(merged.into()))
    }

    /// The networks in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &IpNet> {
        self.0.iter()
    }

    /// Whether one of the networks contains this address, which must be normalized.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        (self.before(address)).is_some_and(|network| network.contains(&address))
    }

    /// Whether one of the networks contains the whole of this one.
    pub(super) fn covers(&self, other: &IpNet) -> bool {
        (self.before(other.network())).is_some_and(|network| network.contains(other))
    }

    /// The last network that begins at or before this address.
    fn before(&self, address: IpAddr) -> Option<&IpNet> {
        let after = self.0.partition_point(|net| net.network() <= address);
        after.checked_sub(1).and_then(|at| self.0.get(at))
    }
}

impl fmt::Debug for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_entry_is_parsed_as_it_is_printed(
            bits: u128, v4: bool, len in 1_u8..=128, name in "([a-z0-9][a-z0-9-]{0,5}[a-z0-9]\\.){0,3}[a-z]{2,6}",
        ) {
            let address = if v4 {
                IpAddr::from(u32::try_from(bits >> 96).unwrap().to_be_bytes())
            } else {
                IpAddr::from(bits.to_be_bytes())
            };
            let len = if v4 { (len - 1) % 32 + 1 } else { len };
            let network = IpNet::new(address, len).unwrap().trunc();
            match Entry::parse(&network.to_string()) {
                Ok(Entry::Network(read)) => {
                    prop_assert_eq!(read, unmapped(network));
                    let Ok(Entry::Network(again)) = Entry::parse(&read.to_string()) else {
                        return Err(TestCaseError::fail(read.to_string()));
                    };
                    prop_assert_eq!(again, read);
                }
                Ok(Entry::Host(host)) => prop_assert!(false, "{}", host),
                // `::ffff:0.0.0.0/97` is half of all IPv4 addresses, `/96` all of them.
                Err(refusal) => prop_assert!(unmapped(network).prefix_len() == 0, "{}", refusal),
            }
            let Ok(Entry::Host(host)) = Entry::parse(&name) else {
                return Err(TestCaseError::fail(name));
            };
            prop_assert_eq!(host.as_str(), &name);
            prop_assert_eq!(HostName::check(&format!("{}.", name.to_uppercase())), Ok(host));
        }
    }
}
