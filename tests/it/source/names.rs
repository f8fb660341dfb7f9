//! Host names that are resolved in the background, and lists that are replaced.

use std::time::Duration;

use crate::support::observer::Recorder;
use crate::support::presets::{Preset, clock};
use crate::support::server::Server;
use crate::support::wait::{LIMIT, within};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use tower_webhook::{MemoryStore, TrustedProxies, Webhook, provider};

use super::{Bloquo, Peer, REFUSED, UNRESOLVED, allow};

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
