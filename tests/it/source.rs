//! Whose address counts, over real connections and real headers.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::support::http::Response;
use crate::support::observer::{Recorder, Seen};
use crate::support::presets::{Preset, clock};
use crate::support::server::Server;
use crate::support::stage::Stage;
use crate::support::wait::{LIMIT, within};
use axum::extract::connect_info::MockConnectInfo;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Extension, Router};
use tower_webhook::layer::PeerAddr;
use tower_webhook::source::ForwardingHeader;
use tower_webhook::{
    Allowlist, ManualClock, MemoryStore, Reason, TrustedProxies, Webhook, provider,
};

/// Who the peer seems to be.
#[derive(Clone, Copy)]
enum Peer {
    /// The real one, at 127.0.0.1.
    Real,
    Nobody,
    Mock(&'static str),
    Given(&'static str),
}

fn address(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), 4711)
}

/// Bloquo, which is proved by its address alone.
struct Bloquo {
    server: Server,
    seen: Recorder,
    runs: Stage,
    clock: ManualClock,
    sent: Stage,
}

impl Bloquo {
    async fn start(allowlist: Allowlist, proxies: TrustedProxies, peer: Peer) -> Self {
        Self::start_with(allowlist, peer, |webhook| webhook.trusted_proxies(proxies)).await
    }

    async fn start_with(
        allowlist: Allowlist,
        peer: Peer,
        change: impl FnOnce(Webhook) -> Webhook,
    ) -> Self {
        let (seen, runs, clock) = (Recorder::new(), Stage::new(), clock());
        let webhook = Webhook::new(provider::bloquo(allowlist))
            .store(MemoryStore::new())
            .clock(clock.clone())
            .observer(seen.clone());
        let layer = change(webhook).build().unwrap();
        let count = runs.clone();
        let handler = async move || {
            count.enter();
            StatusCode::NO_CONTENT
        };
        let app = Router::new().route("/hooks", post(handler).layer(layer));
        let server = match peer {
            Peer::Real => Server::start(app).await,
            Peer::Nobody => Server::start_without_connect_info(app).await,
            Peer::Mock(ip) => {
                let app = app.layer(MockConnectInfo(address(ip)));
                Server::start_without_connect_info(app).await
            }
            Peer::Given(ip) => Server::start(app.layer(Extension(PeerAddr(address(ip))))).await,
        };
        Self {
            server,
            seen,
            runs,
            clock,
            sent: Stage::new(),
        }
    }

    /// Sends a new event with these header lines; what came back, and what was observed.
    async fn send(&self, headers: &[(&str, &str)]) -> (Response, Seen) {
        let number = u32::try_from(self.sent.enter()).unwrap();
        let request = (headers.iter())
            .fold(Preset::Bloquo.delivery(number), |request, (name, value)| {
                request.header(name, value)
            });
        let before = self.runs.runs();
        let response = request.send(self.server.address).await;
        let seen = self.seen.next().await;
        let ran = self.runs.runs() - before;
        assert_eq!(
            ran == 1,
            response.status == 204,
            "{headers:?}: {response:?}"
        );
        (response, seen)
    }

    #[track_caller]
    fn expect<'a>(
        &'a self,
        headers: &'a [(&'a str, &'a str)],
        expected: Result<&'a str, (u16, Reason)>,
    ) -> impl Future<Output = ()> + 'a {
        let at = std::panic::Location::caller();
        async move {
            let (response, seen) = self.send(headers).await;
            let what = format!("{at}: {headers:?}: {response:?}, {seen:?}");
            match expected {
                Ok(client) => {
                    assert_eq!(response.status, 204, "{what}");
                    let client: IpAddr = client.parse().unwrap();
                    assert_eq!(seen.client, Some(client.to_string()), "{what}");
                }
                Err((status, reason)) => {
                    assert_eq!(
                        (response.status, seen.reason),
                        (status, Some(reason)),
                        "{what}"
                    );
                    assert!(response.body.is_empty(), "{what}");
                    let retry = response.header("retry-after");
                    assert_eq!(retry.is_some(), status == 503, "{what}");
                }
            }
        }
    }

    /// Sends until it is let in.
    async fn until_let_in(&self) {
        within("a delivery to be let in", async {
            loop {
                let (response, seen) = self.send(&[]).await;
                if response.status == 204 {
                    return;
                }
                assert_eq!(response.status, 503, "not before it has resolved: {seen:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}

fn allow(entries: &[&str]) -> Allowlist {
    Allowlist::parse(entries).unwrap()
}

fn proxies(entries: &[&str]) -> TrustedProxies {
    TrustedProxies::parse(entries).unwrap()
}

const XFF: &str = "x-forwarded-for";
const FORWARDED: &str = "forwarded";
const REFUSED: (u16, Reason) = (403, Reason::SourceRefused);
const FAULT: (u16, Reason) = (500, Reason::SourceFault);
const UNRESOLVED: (u16, Reason) = (503, Reason::SourceUnresolved);

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
async fn a_host_name_is_resolved_in_the_background() {
    for entries in [
        &["localhost"][..],
        &["LocalHost.", "192.0.2.1"],
        &["a.invalid", "localhost"],
    ] {
        let bloquo = Bloquo::start(allow(entries), TrustedProxies::none(), Peer::Real).await;
        bloquo.until_let_in().await;
    }
    // Resolved or not, it lets nobody else in.
    let list = allow(&["localhost"]);
    let elsewhere = Peer::Mock("203.0.113.9");
    let bloquo = Bloquo::start(list.clone(), TrustedProxies::none(), elsewhere).await;
    within("localhost to resolve", async {
        while bloquo.send(&[]).await.0.status == 503 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    bloquo.expect(&[], Err(REFUSED)).await;
}

#[tokio::test]
async fn a_host_name_without_an_address_is_not_now_and_never_no() {
    let list = allow(&["hooks.example.invalid", "192.0.2.1"]);
    let bloquo = Bloquo::start(
        list.clone(),
        TrustedProxies::none(),
        Peer::Mock("203.0.113.9"),
    )
    .await;
    bloquo.expect(&[], Err(UNRESOLVED)).await;
    let host = &list.hosts()[0];
    let learn = |ip: &str| {
        let now = tower_webhook::Clock::now(&bloquo.clock);
        list.learn(host, [ip.parse().unwrap()], now)
    };
    learn("198.51.100.7");
    bloquo.expect(&[], Err(REFUSED)).await;
    learn("203.0.113.9");
    bloquo.expect(&[], Ok("203.0.113.9")).await;
    // A failed refresh keeps the last good answer for its time, and no longer.
    list.fail(host, tower_webhook::Clock::now(&bloquo.clock));
    bloquo.clock.advance(Duration::from_secs(3_599));
    bloquo.expect(&[], Ok("203.0.113.9")).await;
    bloquo.clock.advance(Duration::from_secs(1));
    bloquo.expect(&[], Err(UNRESOLVED)).await;
    // Answers from our own network are none.
    learn("127.0.0.1");
    bloquo.expect(&[], Err(UNRESOLVED)).await;
}

/// A machine that was suspended, or whose clock was corrected: the answers of an hour have ended at
/// once, and no name is due for a minute.
#[tokio::test]
async fn a_clock_set_forward_has_names_looked_up_at_once() {
    let names = ["localhost", "a.invalid", "b.invalid"];
    let bloquo = Bloquo::start(allow(&names[..1]), TrustedProxies::none(), Peer::Real).await;
    bloquo.until_let_in().await;
    bloquo.clock.advance(Duration::from_secs(2 * 3_600));
    bloquo.until_let_in().await;
    // Names that never resolve are in nobody's way.
    let bloquo = Bloquo::start(allow(&names), TrustedProxies::none(), Peer::Real).await;
    for _ in 0..2 {
        bloquo.until_let_in().await;
        bloquo.clock.advance(Duration::from_secs(2 * 3_600));
    }
    bloquo.until_let_in().await;
}

#[tokio::test]
async fn a_list_is_replaced_while_running() {
    let list = allow(&["192.0.2.1"]);
    let bloquo = Bloquo::start(list.clone(), TrustedProxies::none(), Peer::Real).await;
    bloquo.expect(&[], Err(REFUSED)).await;
    list.replace(["192.0.2.1", "127.0.0.1"]).unwrap();
    bloquo.expect(&[], Ok("127.0.0.1")).await;
    assert!(list.replace(["0.0.0.0/0"]).is_err());
    bloquo.expect(&[], Ok("127.0.0.1")).await;
    list.replace(["192.0.2.0/24"]).unwrap();
    bloquo.expect(&[], Err(REFUSED)).await;
    // A name that comes later is resolved too.
    list.replace(["192.0.2.0/24", "localhost"]).unwrap();
    bloquo.until_let_in().await;
}

#[tokio::test]
async fn a_name_is_resolved_though_the_layer_was_built_before_the_runtime() {
    let list = allow(&["192.0.2.1"]);
    let webhook = Webhook::new(provider::bloquo(list.clone()))
        .store(MemoryStore::new())
        .clock(clock());
    let seen = Recorder::new();
    let webhook = webhook.observer(seen.clone());
    let outside = std::thread::spawn(move || webhook.build().unwrap());
    let layer = outside.join().unwrap();
    let app = Router::new().route("/hooks", post(async || StatusCode::NO_CONTENT).layer(layer));
    let server = Server::start(app).await;
    let send = async || Preset::Bloquo.delivery(1).send(server.address).await.status;
    assert_eq!(send().await, 403);
    list.replace(["localhost"]).unwrap();
    let let_in = tokio::time::timeout(LIMIT, async {
        while send().await != 204 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(
        let_in.await.is_ok(),
        "never let in: {:?}",
        seen.take().pop()
    );
}
