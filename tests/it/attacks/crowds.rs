//! What strangers can take up by being many: room for bodies, connections, one route of several.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use futures_util::future::join_all;
use tower_webhook::layer::Budget;
use tower_webhook::provider::{self, github, shopify};
use tower_webhook::{ConfigError, MemoryStore, Provider, Webhook};

use crate::support::http::{Connection, Request};
use crate::support::openssl::hmac_sha256;
use crate::support::presets::Preset;
use crate::support::server::Server;
use crate::support::wait::until;

const SECRET: &str = "hush-hush-hush-hush";
const MIB: usize = 1024 * 1024;

/// A route for each of these senders, all of which share one budget.
async fn serve(
    senders: impl IntoIterator<Item = (&'static str, Result<Provider, ConfigError>)>,
    budget: &Budget,
) -> Served {
    let app = (senders.into_iter()).fold(Router::new(), |app, (path, sender)| {
        let webhook = Webhook::new(sender.unwrap())
            .store(MemoryStore::new())
            .budget(budget.clone());
        let handler = post(|| async { StatusCode::NO_CONTENT });
        app.route(path, handler.layer(webhook.build().unwrap()))
    });
    let server = Server::start(app).await;
    Served {
        address: server.address,
        _server: server,
    }
}

struct Served {
    address: SocketAddr,
    _server: Server,
}

fn hub() -> Result<Provider, ConfigError> {
    Ok(provider::github(github::keys([SECRET])?))
}

fn shop() -> Result<Provider, ConfigError> {
    Ok(provider::shopify(shopify::keys([SECRET])?))
}

/// A right delivery of GitHub.
fn push(path: &str, body: &str) -> Request {
    Request::post(path)
        .header(
            "x-hub-signature-256",
            format!("sha256={}", hmac_sha256(SECRET, body)),
        )
        .body(body)
}

/// A right delivery of Shopify.
fn order(path: &str, body: &str) -> Request {
    let mac = hmac_sha256(SECRET, body);
    let mac = data_encoding::HEXLOWER.decode(mac.as_bytes()).unwrap();
    Request::post(path)
        .header("x-shopify-hmac-sha256", data_encoding::BASE64.encode(&mac))
        .body(body)
}

/// One with a made-up signature of GitHub's form.
fn forged(path: &str) -> Request {
    Request::post(path).header("x-hub-signature-256", format!("sha256={}", "0".repeat(64)))
}

/// Strangers who announce a body of so many bytes, send so many of them and stop.
async fn stop(
    request: &Request,
    count: usize,
    announced: usize,
    sent: usize,
    to: SocketAddr,
) -> Vec<Connection> {
    let bytes = [request.head_announcing(announced), vec![b' '; sent]].concat();
    let opened = (0..count).map(|_| async {
        let mut connection = Connection::open(to).await;
        connection.send(&bytes).await;
        connection
    });
    join_all(opened).await
}

#[tokio::test(flavor = "multi_thread")]
async fn small_bodies_that_stop_before_their_end_keep_no_whole_one_out() {
    let budget = Budget::new(4 * MIB, 64);
    let server = serve([("/one", hub()), ("/two", hub())], &budget).await;
    let to = server.address;
    let mut stopped = Vec::new();
    // One byte is missing of each; the last ones fill what is left, to the byte.
    for (count, size) in [
        (60, 60_000),
        (20, 20_000),
        (40, 4_000),
        (40, 400),
        (80, 50),
        (80, 2),
    ] {
        for path in ["/one", "/two"] {
            stopped.extend(stop(&forged(path), count, size, size - 1, to).await);
        }
    }
    until("the budget to be used up", || {
        budget.body_bytes() >= 4 * MIB - 64
    })
    .await;
    for number in 0..20 {
        let path = if number % 2 == 0 { "/one" } else { "/two" };
        let whole = push(
            path,
            &format!(r#"{{"zen":"{number}","pad":"{}"}}"#, "x".repeat(2_000)),
        );
        assert_eq!(whole.send(to).await.status, 204, "{number}");
        // Its body comes behind its head.
        let whole = push(path, &format!(r#"{{"zen":"{number} again"}}"#));
        let mut connection = Connection::open(to).await;
        connection.send(&whole.head()).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        connection.send(whole.body_bytes()).await;
        assert_eq!(connection.response().await.unwrap().status, 204, "{number}");
    }
    // What is not whole is told to come again: nothing is held beside the budget.
    let mut late = stop(&forged("/one"), 1, 50_000, 30_000, to).await;
    assert!(late[0].response().await.unwrap().is_not_now());
    assert!(budget.body_bytes() <= 4 * MIB);
    drop(stopped);
    until("they have gone", || budget.body_bytes() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_that_queue_on_one_route_refuse_none_on_another() {
    let budget = Budget::new(32 * MIB, 64);
    let server = serve([("/github", hub()), ("/shopify", shop())], &budget).await;
    let to = server.address;
    // They keep coming, so that their first bytes take all the room that there is for such.
    let strangers = tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            open.extend(stop(&forged("/github"), 50, 10 * MIB, 20_000, to).await);
            if open.len() > 1_500 {
                open.drain(..750);
            }
        }
    });
    until("a long queue", || budget.queued_bodies() > 60).await;
    for number in 0..10 {
        let body = format!(r#"{{"id":{number},"pad":"{}"}}"#, "x".repeat(300_000));
        let answer = order("/shopify", &body).send(to).await;
        assert_eq!(answer.status, 204, "{number}: {answer:?}");
    }
    strangers.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn announcements_of_25_mb_that_never_come_hold_nothing_on_five_routes() {
    let budget = Budget::default();
    let paths = ["/1", "/2", "/3", "/4", "/5"];
    let server = serve(paths.map(|path| (path, hub())), &budget).await;
    let to = server.address;
    let mut silent = Vec::new();
    for path in paths {
        silent.extend(stop(&forged(path), 100, 25 * MIB, 0, to).await);
        // Heads that never end, a line each.
        let lines: Vec<u8> = forged(path).head()[..60].to_vec();
        for _ in 0..20 {
            let mut connection = Connection::open(to).await;
            connection.send(&lines).await;
            silent.push(connection);
        }
    }
    assert_eq!((budget.body_bytes(), budget.queued_bodies()), (0, 0));
    for path in paths {
        let body = format!(r#"{{"on":"{path}","pad":"{}"}}"#, "x".repeat(2 * MIB));
        assert_eq!(push(path, &body).send(to).await.status, 204, "{path}");
    }
    drop(silent);
}

#[tokio::test]
async fn thousands_of_paths_and_tokens_leave_nothing_behind() {
    let budget = Budget::new(MIB, 4);
    let app = Preset::Blox.provider();
    let webhook = Webhook::new(app)
        .store(MemoryStore::new())
        .budget(budget.clone());
    let server = Preset::Blox
        .serve(&webhook, || async { StatusCode::NO_CONTENT })
        .await;
    let right = Preset::Blox.delivery(1);
    let mut connection = Connection::open(server.address).await;
    for number in 0..5_000_u32 {
        let target = match number % 4 {
            0 => format!("/hooks/{number:024x}"),
            1 => format!("/hooks/{}{number}", &Preset::Blox.path()[7..]),
            2 => format!("/{number}/hooks"),
            _ => format!("/hooks/%{:02x}{number}", number % 256),
        };
        let answer = connection.exchange(&right.clone().target(&target)).await;
        assert!(matches!(answer.status, 400 | 404), "{target}: {answer:?}");
    }
    assert_eq!(budget.body_bytes(), 0);
    assert_eq!(connection.exchange(&right).await.status, 204);
}
