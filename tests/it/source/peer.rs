//! Who the peer of a connection is.

use tower_webhook::TrustedProxies;

use super::{Bloquo, FAULT, Peer, REFUSED, XFF, allow, proxies};

#[tokio::test]
async fn the_peer_of_the_connection_counts() {
    let here = Bloquo::start(allow(&["127.0.0.0/8"]), TrustedProxies::none(), Peer::Real).await;
    here.expect(&[], Ok("127.0.0.1")).await;
    let elsewhere = Bloquo::start(allow(&["192.0.2.1"]), TrustedProxies::none(), Peer::Real).await;
    elsewhere.expect(&[], Err(REFUSED)).await;
    let mapped = allow(&["::ffff:127.0.0.1"]);
    let mapped = Bloquo::start(mapped, TrustedProxies::none(), Peer::Real).await;
    mapped.expect(&[], Ok("127.0.0.1")).await;
}

#[tokio::test]
async fn without_a_peer_every_request_is_a_configuration_fault() {
    let nobody = Bloquo::start(allow(&["127.0.0.1"]), TrustedProxies::none(), Peer::Nobody).await;
    nobody.expect(&[], Err(FAULT)).await;
    nobody.expect(&[(XFF, "127.0.0.1")], Err(FAULT)).await;
    let proxied = Bloquo::start(allow(&["192.0.2.1"]), proxies(&["127.0.0.1"]), Peer::Nobody).await;
    proxied.expect(&[(XFF, "192.0.2.1")], Err(FAULT)).await;
}

#[tokio::test]
async fn other_servers_tell_the_peer_in_other_ways() {
    let list = || allow(&["203.0.113.9", "2001:db8::9"]);
    for (peer, expected) in [
        (Peer::Mock("203.0.113.9"), Ok("203.0.113.9")),
        (Peer::Given("203.0.113.9"), Ok("203.0.113.9")),
        (Peer::Mock("::ffff:203.0.113.9"), Ok("203.0.113.9")),
        (Peer::Given("::ffff:203.0.113.9"), Ok("203.0.113.9")),
        (Peer::Mock("2001:db8::9"), Ok("2001:db8::9")),
        (Peer::Mock("2001:db8::8"), Err(REFUSED)),
        (Peer::Given("198.51.100.7"), Err(REFUSED)),
        // Not the same address: compatible, not mapped.
        (Peer::Mock("::203.0.113.9"), Err(REFUSED)),
    ] {
        let bloquo = Bloquo::start(list(), TrustedProxies::none(), peer).await;
        bloquo.expect(&[], expected).await;
    }
    let custom = Bloquo::start_with(list(), Peer::Real, |webhook| {
        webhook.peer_from(|_| Some("203.0.113.9".parse().unwrap()))
    });
    custom.await.expect(&[], Ok("203.0.113.9")).await;
    let unknown = Bloquo::start_with(list(), Peer::Real, |webhook| webhook.peer_from(|_| None));
    unknown.await.expect(&[], Err(FAULT)).await;
}
