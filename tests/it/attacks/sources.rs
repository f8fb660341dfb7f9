//! Addresses that are said in headers.

use axum::Router;
use axum::extract::connect_info::MockConnectInfo;
use axum::routing::post;
use std::net::SocketAddr;
use tower_webhook::{Allowlist, MemoryStore, TrustedProxies, Webhook, provider};

use crate::support::presets::{Preset, clock};
use crate::support::server::Server;
use crate::support::stage::Stage;

/// The sender's, on the list.
const SENDER: &str = "203.0.113.9";

/// Bloquo, which is proved by its address alone, for a peer that we make up.
async fn bloquo(peer: &str, proxies: &[&str]) -> (Server, Stage) {
    let runs = Stage::new();
    let list = Allowlist::parse([SENDER]).unwrap();
    let mut webhook = Webhook::new(provider::bloquo(list))
        .store(MemoryStore::new())
        .clock(clock());
    if !proxies.is_empty() {
        webhook = webhook.trusted_proxies(TrustedProxies::parse(proxies).unwrap());
    }
    let peer = SocketAddr::new(peer.parse().unwrap(), 4711);
    let app = Router::new()
        .route(
            "/hooks",
            post(runs.counter()).layer(webhook.build().unwrap()),
        )
        .layer(MockConnectInfo(peer));
    (Server::start_without_connect_info(app).await, runs)
}

#[tokio::test]
async fn no_header_of_a_stranger_says_where_it_comes_from() {
    for proxies in [&[][..], &["10.0.0.0/8"]] {
        let (server, runs) = bloquo("198.51.100.66", proxies).await;
        for name in [
            "x-forwarded-for",
            "x-real-ip",
            "x-client-ip",
            "client-ip",
            "true-client-ip",
            "cf-connecting-ip",
            "fly-client-ip",
            "fastly-client-ip",
            "x-cluster-client-ip",
            "x-originating-ip",
            "x-remote-addr",
            "x-envoy-external-address",
            "x-azure-clientip",
            "cloudfront-viewer-address",
            "via",
        ] {
            for value in [
                SENDER,
                "203.0.113.9:443",
                "::ffff:203.0.113.9",
                "127.0.0.1, 203.0.113.9",
            ] {
                let request = Preset::Bloquo.delivery(1).header(name, value);
                let status = request.send(server.address).await.status;
                assert_eq!(status, 403, "{name}: {value}");
            }
        }
        let forwarded = Preset::Bloquo
            .delivery(1)
            .header("forwarded", "for=203.0.113.9");
        assert_eq!(forwarded.send(server.address).await.status, 403);
        assert_eq!(runs.runs(), 0);
    }
}

#[tokio::test]
async fn what_a_stranger_writes_before_the_proxy_is_never_the_client() {
    let (server, runs) = bloquo("10.0.0.1", &["10.0.0.0/8"]).await;
    let thousand = "203.0.113.9, ".repeat(1_000);
    for written in [
        // The proxy adds the stranger's own address behind whatever the stranger wrote.
        "203.0.113.9",
        "203.0.113.9, 10.0.0.7",
        "10.0.0.7, 203.0.113.9",
        "203.0.113.9\t",
        "for=203.0.113.9",
        "\"203.0.113.9",
        "203.0.113.9;",
        "[::ffff:203.0.113.9]:1",
        "0xcb.0.0x71.9",
        "203.0.113.009",
        "3405803785",
        &thousand,
    ] {
        let header = format!("{written}, 198.51.100.66");
        let one_line = Preset::Bloquo
            .delivery(1)
            .header("x-forwarded-for", &header);
        let two_lines = (Preset::Bloquo.delivery(1))
            .header("x-forwarded-for", written)
            .header("X-Forwarded-For", "198.51.100.66");
        for request in [one_line, two_lines] {
            assert_eq!(request.send(server.address).await.status, 403, "{written}");
        }
    }
    assert_eq!(runs.runs(), 0);
    let right = Preset::Bloquo
        .delivery(1)
        .header("x-forwarded-for", "evil, 203.0.113.9");
    assert_eq!(right.send(server.address).await.status, 204);
}

#[tokio::test]
async fn a_mapped_address_is_the_one_it_maps_and_its_neighbours_are_not() {
    for (peer, expected) in [
        ("::ffff:203.0.113.9", 204),
        ("::ffff:cb00:7109", 204),
        // Compatible, translated and 6to4 addresses are others.
        ("::203.0.113.9", 403),
        ("64:ff9b::203.0.113.9", 403),
        ("2002:cb00:7109::1", 403),
        ("::ffff:0:203.0.113.9", 403),
        ("::ffff:203.0.113.8", 403),
    ] {
        let (server, _) = bloquo(peer, &[]).await;
        let status = Preset::Bloquo.delivery(1).send(server.address).await.status;
        assert_eq!(status, expected, "{peer}");
    }
}
