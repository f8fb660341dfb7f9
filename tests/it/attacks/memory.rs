//! What refusals leave behind: nothing.

use std::time::Duration;

use allocation_counter::measure;
use tokio::runtime::{Builder, Handle, Runtime};
use tower_webhook::provider::{self, blox::CheckoutStatus};
use tower_webhook::{Allowlist, Decimal, MemoryStore, Provider, Webhook};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;

use crate::support::blox::checkout;
use crate::support::http::{Connection, Request};
use crate::support::presets::{Preset, answering_in, clock, tokens};
use crate::support::server::Server;
use crate::support::wait::until;

const EACH: u32 = 100;

/// Every kind of refusal, each time with other ids, paths and signatures: what was expected, and
/// the request.
fn refused(number: u32) -> Vec<(u16, Request)> {
    let path = Preset::Blox.path();
    let event = |id: &str, data: u32| {
        format!(r#"{{"id":"{id}","type":"t","created_at":"2026-05-04T13:00:00Z","data":{data}}}"#)
    };
    let id = format!("evt_{number}");
    let right = Request::post("/hooks").body(event(&id, 1));
    let signed_by = |header: &str| right.clone().header("x-blendfi-signature", header);
    let mac = format!("{number:064x}");
    vec![
        (405, right.clone().method("PUT")),
        (404, right.clone().target(&format!("/{number}"))),
        (404, right.clone().target(&format!("/hooks/{number:024x}"))),
        (
            403,
            right.clone().target("/denied").header("x-stranger", &id),
        ),
        (
            500,
            right
                .clone()
                .target("/denied")
                .header("x-forwarded-for", format!("10.0.0.{}", number % 256)),
        ),
        (401, right.clone().header("x-blendfi-event-id", &id)),
        (401, signed_by(&format!("t={number}"))),
        (401, signed_by(&format!("t=1777899600,v1={mac}"))),
        (401, signed_by(&format!("t={number},v1={mac}"))),
        (
            415,
            signed_by(&format!("t=1777899600,v1={mac}"))
                .header("content-encoding", format!("x{number}")),
        ),
        (
            400,
            Preset::Blox.deliver(format!(r#"{{"checkoutId":{number}}}"#)),
        ),
        (400, Preset::Blox.deliver(format!("{number}{{"))),
        (400, checkout(&format!("c/{number}"), "COMPLETED", "1")),
        (400, checkout(&format!("gone-{number}"), "COMPLETED", "1")),
        (400, checkout(&format!("lie-{number}"), "COMPLETED", "2")),
        (
            422,
            checkout("done", "COMPLETED", &format!("{}", 2 + number)),
        ),
        (404, right.target(&format!("{path}/{number}"))),
    ]
}

async fn serve() -> Server {
    let check = async |id: String| {
        let found = (!id.starts_with("gone"))
            .then(|| CheckoutStatus::new(id, "COMPLETED").amount(Decimal::parse("1").unwrap()));
        Ok::<_, std::convert::Infallible>(found)
    };
    let denied = provider::bloquo(Allowlist::parse(["192.0.2.1"]).unwrap());
    let blox = provider::blox(tokens()).status_check(check);
    let store = MemoryStore::new();
    let route = |sender: Provider| {
        let webhook = Webhook::new(sender).clock(clock()).store(store.clone());
        post(|| async { StatusCode::NO_CONTENT }).layer(webhook.build().unwrap())
    };
    let app = Router::new()
        .route("/hooks", route(Preset::BlendFi.provider()))
        .route("/denied", route(denied))
        .route(Preset::Blox.route(), route(blox));
    let server = Server::start(app).await;
    let done = checkout("done", "COMPLETED", "1")
        .send(server.address)
        .await;
    assert_eq!(done.status, 204);
    server
}

async fn send_all(from: u32, server: &Server) {
    let tasks = Handle::current().metrics().num_alive_tasks();
    let mut connection = Connection::open(server.address).await;
    for number in from..from + EACH {
        for (status, request) in refused(number) {
            let answer = connection.exchange(&request).await;
            assert_eq!(answer.status, status, "{request:?}: {answer:?}");
        }
    }
    drop(connection);
    until("all tasks to end", || {
        Handle::current().metrics().num_alive_tasks() <= tasks
    })
    .await;
}

#[test]
fn refusals_of_seventeen_kinds_leave_no_byte_behind() {
    // All on this thread, whose allocations are counted: the senders' and the server's too.
    let runtime: Runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(serve());
    // What grows once and is kept grows here.
    runtime.block_on(send_all(0, &server));
    let mut kept = Vec::new();
    for round in 1..=5 {
        let counted = measure(|| runtime.block_on(send_all(round * EACH, &server)));
        assert!(
            counted.count_total > u64::from(EACH) * 17,
            "they were counted"
        );
        kept.push(counted.bytes_current);
    }
    // A table may grow in one round; what each refusal leaves behind is there in all of them.
    kept.sort_unstable();
    assert!(kept[2] < i64::from(EACH) * 17, "a byte for each: {kept:?}");
}

/// Checkouts that the API does not find, each with another id, until their senders' time is up.
async fn send_invented(from: u32, server: &Server) {
    let tasks = Handle::current().metrics().num_alive_tasks();
    let sent: Vec<_> = (from..from + 2 * EACH)
        .map(|number| checkout(&format!("err-{number}"), "COMPLETED", "1").spawn(server.address))
        .collect();
    for answer in sent {
        let answer = answer.await.unwrap();
        assert!(answer.is_not_now(), "{answer:?}");
    }
    until("all tasks to end", || {
        Handle::current().metrics().num_alive_tasks() <= tasks
    })
    .await;
}

#[test]
fn checks_that_fail_leave_no_byte_behind() {
    let runtime: Runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(async {
        let check = async |_: String| Err::<CheckoutStatus, _>("not found");
        let blox = provider::blox(tokens()).status_check(check);
        let webhook = Webhook::new(answering_in(Duration::from_secs(1), blox))
            .clock(clock())
            .store(MemoryStore::new());
        Preset::Blox
            .serve(&webhook, || async { StatusCode::NO_CONTENT })
            .await
    });
    runtime.block_on(send_invented(0, &server));
    let mut kept = Vec::new();
    for round in 1..=3 {
        let counted = measure(|| runtime.block_on(send_invented(round * 2 * EACH, &server)));
        kept.push(counted.bytes_current);
    }
    kept.sort_unstable();
    assert!(
        kept[1] < i64::from(EACH) * 2 * 4,
        "a few bytes for each: {kept:?}"
    );
}
