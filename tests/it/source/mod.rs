//! Whose address counts, over real connections and real headers.

mod feeds;
mod forwarded;
mod names;
mod peer;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::support::http::Response;
use crate::support::observer::{Recorder, Seen};
use crate::support::presets::{Preset, clock};
use crate::support::server::Server;
use crate::support::stage::Stage;
use crate::support::wait::within;
use axum::extract::connect_info::MockConnectInfo;
use axum::routing::post;
use axum::{Extension, Router};
use tower_webhook::layer::PeerAddr;
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
        let app = Router::new().route("/hooks", post(runs.counter()).layer(layer));
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
