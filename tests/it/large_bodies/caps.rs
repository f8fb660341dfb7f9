//! How large a body may be.

use tower_webhook::layer::Budget;

use super::*;
use crate::support::http::Connection;
use crate::support::observer::Recorder;
use crate::support::presets::Preset;
use crate::support::receiver::Receiver;
use tower_webhook::Reason;

/// A push whose body is exactly so long.
fn push(length: usize) -> Request {
    let filling = Filling::of(length);
    let body = [&filling.start[..], Filling::end(7).as_bytes()].concat();
    let request = delivery(&body);
    // `openssl` and `hmac` agree.
    assert_eq!(filling.head(7).bytes(), request.clone().body("").bytes());
    request
}

#[tokio::test]
async fn a_push_of_more_than_a_mebibyte_is_handled() {
    let server = serve(&webhook(&Budget::default()), handled).await;
    let push = push(MIB + 14);
    assert_eq!(push.send(server.address).await.status, 204);
    assert!(push.send(server.address).await.is_replayed());
}

#[tokio::test]
async fn github_s_cap_is_25_mib_announced_or_not() {
    let budget = Budget::default();
    let server = serve(&webhook(&budget), handled).await;
    let largest = push(CAP);
    assert_eq!(largest.send(server.address).await.status, 204);
    let mut connection = Connection::open(server.address).await;
    connection.send(&largest.bytes_chunked(100_000)).await;
    assert!(connection.response().await.unwrap().is_replayed());

    // Announced, it is refused before a byte of it is sent.
    let longer = push(CAP + 1);
    let mut connection = Connection::open(server.address).await;
    connection.send(&longer.head()).await;
    assert_eq!(connection.response().await.unwrap().status, 413);
    let mut connection = Connection::open(server.address).await;
    connection.send(&longer.bytes_chunked(100_000)).await;
    assert_eq!(connection.response().await.unwrap().status, 413);
    assert_eq!(budget.body_bytes(), 0);
}

#[tokio::test]
async fn the_user_s_cap_goes_before_the_sender_s() {
    let low = webhook(&Budget::default()).max_body_bytes(100_000);
    let server = serve(&low, handled).await;
    assert_eq!(push(100_001).send(server.address).await.status, 413);
    assert_eq!(push(100_000).send(server.address).await.status, 204);
}

#[tokio::test]
async fn a_body_that_can_never_fit_is_told_so_at_once() {
    let (budget, seen) = (Budget::new(16 * MIB, 8), Recorder::new());
    let webhook = webhook(&budget).observer(seen.clone());
    let server = serve(&webhook, handled).await;
    for (request, chunked) in [
        (push(8 * MIB + 1).head(), false),
        (push(8 * MIB + 1).bytes_chunked(100_000), true),
    ] {
        let mut connection = Connection::open(server.address).await;
        connection.send(&request).await;
        let response = connection.response().await.unwrap();
        assert!(response.is_not_now(), "{chunked}: {response:?}");
        let seen = seen.next().await;
        assert_eq!(seen.reason, Some(Reason::BudgetUsedUp));
        let detail = seen.detail.unwrap();
        assert!(detail.contains("half of the budget"), "{detail}");
    }
    assert_eq!(push(8 * MIB).send(server.address).await.status, 204);
    assert_eq!(budget.body_bytes(), 0);
}

#[tokio::test]
async fn a_large_body_is_taken_in_whatever_frames_it_comes() {
    let preset = Preset::BlendFi;
    let receiver = Receiver::start(preset).await;
    for (n, length, chunk) in [
        (1, 65_535, 70_000),
        (2, 65_536, 70_000),
        (3, 65_537, 1_000),
        (4, 100_000, 65_536),
        (5, 100_000, 7),
        (6, MIB, 65_535),
    ] {
        let pad = length - preset.body_with(n, "-").len() + 1;
        let request = preset.deliver(preset.body_with(n, &"x".repeat(pad)));
        assert_eq!(request.body_bytes().len(), length);
        let mut connection = Connection::open(receiver.server.address).await;
        connection.send(&request.bytes_chunked(chunk)).await;
        assert_eq!(connection.response().await.unwrap().status, 204, "{length}");
        assert!(receiver.send(&request).await.is_replayed(), "{length}");
    }
}
