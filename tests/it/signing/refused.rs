//! What can be seen of a refused delivery without the secret.

use axum::extract::Request as AxumRequest;
use axum::middleware::{Next, from_fn};
use tower_webhook::provider::{self, github, standard_webhooks};
use tower_webhook::{ManualClock, MemoryStore, Name};

use super::*;
use crate::support::http::Connection;
use crate::support::log::Log;

const GITHUB_SECRET: &str = "It's a Secret to Everybody";
/// Of 40 bytes.
const PUSH: &str = r#"{"ref": "refs/heads/main", "after": "1"}"#;

async fn github_behind_what_rewrites() -> Server {
    let webhook = Webhook::new(provider::github(github::keys([GITHUB_SECRET]).unwrap()))
        .store(MemoryStore::new());
    let route = post(async || StatusCode::NO_CONTENT)
        .layer(webhook.clock(clock()).build().unwrap())
        // Reads the JSON and writes it anew, as a middleware that validates might.
        .layer(from_fn(async |request: AxumRequest, next: Next| {
            let (parts, body) = request.into_parts();
            let bytes = axum::body::to_bytes(body, 10_000).await.unwrap();
            let text = String::from_utf8(bytes.to_vec())
                .unwrap()
                .replace(": ", ":")
                .replace(", ", ",");
            next.run(AxumRequest::from_parts(parts, text.into())).await
        }));
    Server::start(Router::new().route("/hooks", route)).await
}

fn push(signature: &str) -> Request {
    Request::post("/hooks")
        .header("x-hub-signature-256", signature)
        .header("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
        .body(PUSH)
}

#[tokio::test]
async fn a_body_that_was_rewritten_on_the_way_is_told_from_a_wrong_secret() {
    let log = Log::default();
    let _guard = log.capture(false);
    let right = format!("sha256={}", hmac_sha256(GITHUB_SECRET, PUSH));
    let server = github_behind_what_rewrites().await;
    assert_eq!(status(&server, &push(&right)).await, 401);
    let line = log.text();
    for told in [
        "changed before this layer",
        "body_len=37",
        "content_length=40",
        "client=127.0.0.1",
        "claimed_id=72d3162e-cc78-11e3-81ab-4c9367dc0958",
    ] {
        assert!(line.contains(told), "{told} is not in {line}");
    }
}

#[tokio::test]
async fn where_no_length_was_announced_or_it_is_right_nothing_is_claimed() {
    let log = Log::default();
    let _guard = log.capture(false);
    let right = format!("sha256={}", hmac_sha256(GITHUB_SECRET, PUSH));
    let server = github_behind_what_rewrites().await;
    let mut chunked = Connection::open(server.address).await;
    chunked.send(&push(&right).bytes_chunked(7)).await;
    assert_eq!(chunked.response().await.unwrap().status, 401);
    assert!(!log.text().contains("content_length="), "{}", log.text());

    let wrong_secret = format!("sha256={}", hmac_sha256("another secret", PUSH));
    let plain = serve(provider::github(github::keys([GITHUB_SECRET]).unwrap())).await;
    assert_eq!(status(&plain, &push(&wrong_secret)).await, 401);
    let line = log.text();
    assert!(line.contains("body_len=40 content_length=40"), "{line}");
    assert!(!line.contains("changed before this layer"), "{line}");
}

#[tokio::test]
async fn how_long_it_took_is_said_only_where_a_clock_was_read() {
    let log = Log::default();
    let _guard = log.capture(false);
    let server = serve(provider::github(github::keys([GITHUB_SECRET]).unwrap())).await;
    assert_eq!(
        status(&server, &Request::post("/hooks").body(PUSH)).await,
        401
    );
    assert!(!log.text().contains("elapsed_us="), "{}", log.text());
    // Its body is read, under a deadline.
    assert_eq!(
        status(&server, &push(&format!("sha256={}", "00".repeat(32)))).await,
        401
    );
    assert!(log.text().contains("elapsed_us="), "{}", log.text());
}

#[tokio::test]
async fn the_id_that_a_refused_delivery_claims_is_escaped_and_cut() {
    let log = Log::default();
    let _guard = log.capture(false);
    let keys = standard_webhooks::keys([STANDARD_SECRET]).unwrap();
    let acme = provider::standard_webhooks(Name::new("acme").unwrap(), keys);
    // Six minutes late: refused with the id that it did sign.
    let late = Webhook::new(acme)
        .store(MemoryStore::new())
        .clock(ManualClock::new(secs(NOW + 360)));
    let server = serve_webhook(&late).await;
    let with = |id: &[u8]| {
        Request::post("/hooks")
            .header("webhook-id", id)
            .header("webhook-timestamp", NOW.to_string())
            .header(
                "webhook-signature",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            )
            .body("{}")
    };
    assert_eq!(
        status(&server, &with(b"msg_1\t[31m \xe2\x80\xae\"x")).await,
        401
    );
    assert_eq!(status(&server, &with(&[b'i'; 5000])).await, 401);
    let text = log.text();
    assert!(!text.contains('\u{202e}'), "{text}");
    assert!(
        text.contains(r#"claimed_id=msg_1\t[31m\x20\xe2\x80\xae\"x"#),
        "{text}"
    );
    assert!(
        !text.contains(&"i".repeat(200)),
        "a stranger writes the log full"
    );
    assert!(
        text.contains(&format!("claimed_id={}", "i".repeat(60))),
        "{text}"
    );
}
