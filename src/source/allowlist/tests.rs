//! Lists of networks, addresses and host names, and which senders they admit.

mod entries;
mod feeds;
mod handles;
mod histories;
mod hosts;

use super::*;
use Admission::{Allowed, Refused, Unresolved};

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
