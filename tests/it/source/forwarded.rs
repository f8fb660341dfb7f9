//! Forwarding headers: a stranger's, and those of declared proxies.

use std::net::IpAddr;

use tower_webhook::TrustedProxies;
use tower_webhook::source::ForwardingHeader;

use super::{Bloquo, FAULT, FORWARDED, Peer, REFUSED, XFF, allow, proxies};

#[tokio::test]
async fn a_strangers_forwarding_header_is_not_believed() {
    let list = || allow(&["203.0.113.9"]);
    let stranger =
        Bloquo::start(list(), proxies(&["10.0.0.0/8"]), Peer::Mock("198.51.100.7")).await;
    for name in [XFF, "x-real-ip"] {
        stranger
            .expect(&[(name, "203.0.113.9")], Err(REFUSED))
            .await;
    }
    stranger
        .expect(&[(FORWARDED, "for=203.0.113.9")], Err(REFUSED))
        .await;
    let sender = Bloquo::start(list(), TrustedProxies::none(), Peer::Mock("203.0.113.9")).await;
    sender
        .expect(&[(XFF, "198.51.100.7")], Ok("203.0.113.9"))
        .await;
    sender.expect(&[(XFF, "garbage")], Ok("203.0.113.9")).await;
}

#[tokio::test]
async fn an_undeclared_proxy_in_our_own_network_is_a_configuration_fault() {
    for ip in [
        "127.0.0.1",
        "127.8.8.8",
        "::1",
        "::ffff:127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.1.1",
        "fd00::1",
        "fe80::1",
    ] {
        let peer = Peer::Mock(ip);
        let local = Bloquo::start(allow(&[ip]), proxies(&["192.0.2.1"]), peer).await;
        local.expect(&[(XFF, "203.0.113.9")], Err(FAULT)).await;
        local.expect(&[(XFF, "")], Err(FAULT)).await;
        local
            .expect(&[(FORWARDED, "for=203.0.113.9")], Err(FAULT))
            .await;
        local
            .expect(&[("x-real-ip", "203.0.113.9")], Err(FAULT))
            .await;
        let ip: IpAddr = ip.parse().unwrap();
        local.expect(&[], Ok(&ip.to_canonical().to_string())).await;
    }
    let real = Bloquo::start(allow(&["127.0.0.1"]), TrustedProxies::none(), Peer::Real).await;
    real.expect(&[("X-FORWARDED-FOR", "203.0.113.9")], Err(FAULT))
        .await;
    real.expect(&[], Ok("127.0.0.1")).await;
}

#[tokio::test]
async fn behind_a_declared_proxy_the_first_untrusted_hop_from_the_right_counts() {
    let list = allow(&["203.0.113.9", "2001:db8::9"]);
    let bloquo = Bloquo::start(list, proxies(&["127.0.0.1", "10.0.0.0/8"]), Peer::Real).await;
    let many = format!(
        "{}203.0.113.9{}",
        "x, ".repeat(500),
        ", 10.0.0.2".repeat(500)
    );
    let ours = Ok("203.0.113.9");
    for (lines, expected) in [
        (&["203.0.113.9"][..], ours),
        (&["203.0.113.9:4711"], ours),
        (&["\t203.0.113.9  "], ours),
        (&["::ffff:203.0.113.9"], ours),
        (&["[::ffff:cb00:7109]:443"], ours),
        (&["2001:db8::9"], Ok("2001:db8::9")),
        (&["[2001:DB8:0::9]"], Ok("2001:db8::9")),
        (&["2001:db8::8"], Err(REFUSED)),
        (&["203.0.113.9, 10.0.0.2"], ours),
        (&["203.0.113.9,10.0.0.2,::ffff:10.0.0.3"], ours),
        (&[&many], ours),
        // What stands on the left was sent by anyone.
        (&["198.51.100.7, 203.0.113.9"], ours),
        (&["203.0.113.9, 198.51.100.7"], Err(REFUSED)),
        (&["203.0.113.9, 198.51.100.7, 10.0.0.2"], Err(REFUSED)),
        (&["127.0.0.1, 203.0.113.9, 127.0.0.1"], ours),
        (&["\"<>;, unknown, 203.0.113.9"], ours),
        (&["\u{fc}, 203.0.113.9"], ours),
        // All lines count, the last one first.
        (&["203.0.113.9", "198.51.100.7"], Err(REFUSED)),
        (&["198.51.100.7", "203.0.113.9"], ours),
        (&["198.51.100.7, 203.0.113.9", "10.0.0.2, 10.0.0.3"], ours),
        (&["garbage", "203.0.113.9", "10.0.0.2"], ours),
        (&["203.0.113.9", "garbage", "10.0.0.2"], Err(REFUSED)),
        // A hop that has to be known and is not.
        (&["203.0.113.9, garbage"], Err(REFUSED)),
        (&["203.0.113.9, unknown"], Err(REFUSED)),
        (&["203.0.113.9, _hidden"], Err(REFUSED)),
        (&["203.0.113.9,"], Err(REFUSED)),
        (&["203.0.113.9, , 10.0.0.2"], Err(REFUSED)),
        (&["203.0.113.9", ""], Err(REFUSED)),
        (&["203.0.113.9", "\u{fc}"], Err(REFUSED)),
        (&[""], Err(REFUSED)),
        (&["203.0.113.9:99999"], Err(REFUSED)),
        (&["203.0.113.009"], Err(REFUSED)),
        (&["3405803785"], Err(REFUSED)),
        (&["0xcb.0.113.9"], Err(REFUSED)),
        (&["203.0.113.9/32"], Err(REFUSED)),
        (&["2001:db8::9%eth0"], Err(REFUSED)),
        (&["for=203.0.113.9"], Err(REFUSED)),
        // Ours alone.
        (&["10.0.0.2"], Err(FAULT)),
        (&["127.0.0.1, 10.0.0.2"], Err(FAULT)),
        (&["10.0.0.2", "::ffff:10.0.0.3"], Err(FAULT)),
        (&[], Err(FAULT)),
    ] {
        let headers: Vec<_> = lines.iter().map(|line| (XFF, *line)).collect();
        bloquo.expect(&headers, expected).await;
    }
    // The configured header alone.
    bloquo
        .expect(&[(FORWARDED, "for=203.0.113.9")], Err(FAULT))
        .await;
    bloquo
        .expect(&[("x-real-ip", "203.0.113.9")], Err(FAULT))
        .await;
    let both = [(FORWARDED, "for=203.0.113.9"), (XFF, "198.51.100.7")];
    bloquo.expect(&both, Err(REFUSED)).await;

    let mapped = Peer::Mock("::ffff:10.0.0.1");
    let behind = Bloquo::start(allow(&["203.0.113.9"]), proxies(&["10.0.0.0/8"]), mapped).await;
    behind.expect(&[(XFF, "203.0.113.9")], ours).await;
}

#[tokio::test]
async fn a_proxy_may_write_forwarded_instead() {
    let list = allow(&["203.0.113.9", "2001:db8::9"]);
    let trusted = proxies(&["127.0.0.1", "10.0.0.0/8"]).header(ForwardingHeader::Forwarded);
    let bloquo = Bloquo::start(list, trusted, Peer::Real).await;
    let ours = Ok("203.0.113.9");
    for (lines, expected) in [
        (&["for=203.0.113.9"][..], ours),
        (&["For=203.0.113.9;proto=https;by=10.0.0.1"], ours),
        (&["proto=https;for=\"203.0.113.9:80\""], ours),
        (&["for=\"[2001:db8::9]:_p\""], Ok("2001:db8::9")),
        (&["for=198.51.100.7, for=203.0.113.9, for=10.0.0.2"], ours),
        (&["for=203.0.113.9, for=198.51.100.7"], Err(REFUSED)),
        (&["for=203.0.113.9", "for=198.51.100.7"], Err(REFUSED)),
        (&["for=\"x, for=203.0.113.9"], ours),
        (&["for=203.0.113.9, for=_hidden"], Err(REFUSED)),
        (&["for=203.0.113.9, for=unknown"], Err(REFUSED)),
        (&["for=203.0.113.9, proto=https"], Err(REFUSED)),
        (&["for=203.0.113.9;for=203.0.113.9"], Err(REFUSED)),
        (&["for=2001:db8::9"], Err(REFUSED)),
        (&["203.0.113.9"], Err(REFUSED)),
        (&["for=10.0.0.2"], Err(FAULT)),
        (&[], Err(FAULT)),
    ] {
        let headers: Vec<_> = lines.iter().map(|line| (FORWARDED, *line)).collect();
        bloquo.expect(&headers, expected).await;
    }
    bloquo.expect(&[(XFF, "203.0.113.9")], Err(FAULT)).await;
}

#[tokio::test]
async fn a_header_of_one_address_is_believed_of_a_declared_proxy_only() {
    let declared = proxies(&["198.51.100.0/24"]).header(ForwardingHeader::CfConnectingIp);
    let list = allow(&["203.0.113.9"]);
    let edge = Peer::Mock("198.51.100.7");
    let bloquo = Bloquo::start(list.clone(), declared.clone(), edge).await;
    let cf = "cf-connecting-ip";
    bloquo
        .expect(&[(cf, "203.0.113.9")], Ok("203.0.113.9"))
        .await;
    bloquo.expect(&[(cf, "203.0.113.10")], Err(REFUSED)).await;
    // What a stranger wrote into other headers is not looked at.
    let beside = [
        (cf, "203.0.113.10"),
        (XFF, "203.0.113.9"),
        ("x-real-ip", "203.0.113.9"),
    ];
    bloquo.expect(&beside, Err(REFUSED)).await;
    // Two that differ: one is a stranger's.
    let twice = [(cf, "203.0.113.9"), (cf, "203.0.113.10")];
    bloquo.expect(&twice, Err(REFUSED)).await;
    bloquo.expect(&[], Err(FAULT)).await;

    let stranger = Peer::Mock("192.0.2.1");
    let bloquo = Bloquo::start(list.clone(), declared.clone(), stranger).await;
    bloquo.expect(&[(cf, "203.0.113.9")], Err(REFUSED)).await;
    // A tunnel of our own that nobody has declared.
    let bloquo = Bloquo::start(list, declared, Peer::Mock("127.0.0.1")).await;
    bloquo.expect(&[(cf, "203.0.113.9")], Err(FAULT)).await;
}
