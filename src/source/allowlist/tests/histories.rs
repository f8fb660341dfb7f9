//! Checks and histories of host names, compared with a linear scan.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Whether the first `len` bits of both are the same, bit by bit.
fn naive_contains(network: IpAddr, len: u8, address: IpAddr) -> bool {
    let bits = |ip: IpAddr| -> Vec<bool> {
        let bytes = match ip {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        let bit = |n: usize| bytes[n / 8] >> (7 - n % 8) & 1 == 1;
        (0..bytes.len() * 8).map(bit).collect()
    };
    network.is_ipv4() == address.is_ipv4()
        && bits(network)
            .iter()
            .zip(bits(address))
            .take(len.into())
            .all(|(a, b)| *a == b)
}

/// An address in one of two small ranges, so that entries overlap, adjoin and are hit.
fn near() -> impl Strategy<Value = IpAddr> {
    (any::<bool>(), 0..32_u8).prop_map(|(v6, n)| {
        if v6 {
            IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(n)])
        } else {
            IpAddr::from([203, 0, 113, n])
        }
    })
}

proptest! {
    #[test]
    fn a_check_agrees_with_a_scan(
        entries in prop::collection::vec((near(), 0..6_u8), 1..12),
        addresses in prop::collection::vec(near(), 1..40),
    ) {
        let networks: Vec<_> = entries
            .iter()
            .map(|&(ip, short)| {
                let len = if ip.is_ipv4() { 32 - short } else { 128 - short };
                // The first address that the naive model puts in the same network.
                let first = (0..32).map(|n| match ip {
                    IpAddr::V4(_) => IpAddr::from([203, 0, 113, n]),
                    IpAddr::V6(_) => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(n)]),
                }).find(|&first| naive_contains(ip, len, first)).unwrap();
                (first, len)
            })
            .collect();
        let list = Allowlist::parse(networks.iter().map(|(ip, len)| format!("{ip}/{len}"))).unwrap();
        for address in addresses {
            let scan = networks.iter().any(|&(net, len)| naive_contains(net, len, address));
            let expected = if scan { Allowed } else { Refused };
            prop_assert_eq!(list.check(address, at(0)), expected, "{}", address);
        }
    }

    #[test]
    fn any_history_of_host_names_agrees_with_a_scan(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let listed = |mask: u8| (0..3).filter(move |n| mask >> n & 1 == 1);
        let entries = |mask: u8| listed(mask).map(name).chain(["192.0.2.1".to_owned()]);
        let list = Allowlist::parse(entries(7)).unwrap();
        // For each listed name, its addresses and their expiry.
        let mut model: BTreeMap<u8, (Vec<IpAddr>, u64)> =
            listed(7).map(|n| (n, (Vec::new(), 0))).collect();
        let mut now = 0;
        for step in steps {
            match step {
                Step::Wait(secs) => now += secs,
                Step::Learn(n, answers) => {
                    let change = list.learn(&host(&name(n)), answers.clone(), at(now));
                    let entry = model.get_mut(&n);
                    prop_assert!(entry.is_some() || change == HostChange::default());
                    if let Some(entry) = entry {
                        let old = entry.0.clone();
                        if !answers.is_empty() {
                            *entry = (answers, now + 3_600);
                        } else if now >= entry.1 {
                            *entry = (Vec::new(), 0);
                        }
                        let gone = |ip: &&IpAddr| !entry.0.contains(ip);
                        prop_assert!(change.added().iter().all(|ip| !old.contains(ip)));
                        prop_assert!(change.added().iter().all(|ip| entry.0.contains(ip)));
                        prop_assert!(old.iter().filter(gone).all(|ip| change.removed().contains(ip)));
                        let end = (!entry.0.is_empty()).then_some(at(entry.1));
                        prop_assert_eq!(change.good_until(), end);
                    }
                }
                Step::Replace(mask) => {
                    list.replace(entries(mask)).unwrap();
                    model.retain(|n, _| mask >> n & 1 == 1);
                    for n in listed(mask) {
                        model.entry(n).or_insert((Vec::new(), 0));
                    }
                }
            }
            for n in 0..32 {
                let address = IpAddr::from([203, 0, 113, n]);
                let held = model.values().any(|(ips, end)| now < *end && ips.contains(&address));
                let expected = match model.values().any(|(_, end)| now >= *end) {
                    _ if held => Allowed,
                    true => Unresolved,
                    false => Refused,
                };
                prop_assert_eq!(list.check(address, at(now)), expected);
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Learn(u8, Vec<IpAddr>),
    Replace(u8),
}

fn name(n: u8) -> String {
    format!("h{n}.example")
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..2_000_u64).prop_map(Step::Wait),
        (0..3_u8, prop::collection::vec(0..32_u8, 0..4)).prop_map(|(n, answers)| {
            let answers = answers.into_iter().map(|n| IpAddr::from([203, 0, 113, n]));
            Step::Learn(n, answers.collect())
        }),
        (0..8_u8).prop_map(Step::Replace),
    ]
}
