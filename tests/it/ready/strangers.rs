//! Strangers that send no body take no place of anybody.

use std::sync::Arc;

use crate::support::blendfi;
use crate::support::http::Connection;
use crate::support::observer::Recorder;
use crate::support::presets::{Preset, clock};
use crate::support::server::Server;
use crate::support::stage::Stage;
use crate::support::wait::within;
use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::routing::{MethodRouter, post};
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower::buffer::BufferLayer;
use tower::limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer, RateLimitLayer};
use tower::load_shed::LoadShedLayer;
use tower_webhook::layer::{DedupeLayer, EndpointConfig, Proof, Verdict, VerifySignatureLayer};
use tower_webhook::{MemoryStore, Name, Reason, RetriedStatuses, RetrySchedule, SenderContract};

use super::{LONG, SECOND, by_id, overloaded};

const STRANGERS: usize = 40;

/// Counts the heads that have come, outside everything.
fn counted(route: MethodRouter, heads: &Stage) -> Router {
    let heads = heads.clone();
    let count = from_fn(move |request: Request, next: Next| {
        heads.enter();
        next.run(request)
    });
    Router::new().route("/hooks", route).layer(count)
}

/// A head with a made-up signature, and no body behind it.
fn stranger() -> Vec<u8> {
    let signature = format!("t=1777899600,v1={}", "ab".repeat(32));
    format!(
        "POST /hooks HTTP/1.1\r\nhost: localhost\r\nx-blendfi-signature: {signature}\r\n\
         content-type: application/json\r\ncontent-length: 200\r\n\r\n"
    )
    .into_bytes()
}

/// Forty strangers stand at the door, and the right one is let in past them.
async fn strangers_keep_nobody_out(what: &str, seen: &Recorder, route: MethodRouter) {
    let heads = Stage::new();
    let server = Server::start(counted(route, &heads)).await;
    let mut strangers = Vec::new();
    for _ in 0..STRANGERS {
        let mut connection = Connection::open(server.address).await;
        connection.send(&stranger()).await;
        strangers.push(connection);
    }
    heads.begun(STRANGERS).await;
    let right = blendfi::event("evt_1", "{}");
    let answer = within(what, right.send(server.address)).await;
    assert_eq!(answer.status, 204, "{what}: {answer:?}");
    // All of them are still at the door.
    let refused = seen.count(Verdict::Refused, Some(Reason::BodyTooSlow));
    assert_eq!(refused, 0, "{what}");
}

async fn no_content() -> StatusCode {
    StatusCode::NO_CONTENT
}

#[tokio::test]
async fn strangers_that_send_no_body_take_no_place_of_a_limit() {
    let webhook = |seen: &Recorder| {
        let webhook = blendfi::webhook_answering_in(LONG, MemoryStore::new());
        webhook.observer(seen.clone()).build().unwrap()
    };
    let seen = Recorder::new();
    let stack = ServiceBuilder::new()
        .layer(webhook(&seen))
        .layer(ConcurrencyLimitLayer::new(4));
    strangers_keep_nobody_out("a limit", &seen, post(no_content).layer(stack)).await;

    let places = Arc::new(Semaphore::new(4));
    let stack = ServiceBuilder::new()
        .layer(webhook(&seen))
        .layer(GlobalConcurrencyLimitLayer::with_semaphore(places));
    strangers_keep_nobody_out("a shared limit", &seen, post(no_content).layer(stack)).await;

    let stack = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(overloaded))
        .layer(webhook(&seen))
        .layer(BufferLayer::new(4))
        .layer(RateLimitLayer::new(1_000, SECOND));
    strangers_keep_nobody_out("a queue", &seen, post(no_content).layer(stack)).await;

    let stack = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(overloaded))
        .layer(webhook(&seen))
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(4));
    strangers_keep_nobody_out("a shedder", &seen, post(no_content).layer(stack)).await;
}

/// The same where each layer stands alone.
#[tokio::test]
async fn strangers_that_send_no_body_take_no_place_behind_a_gate() {
    let seen = Recorder::new();
    let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None).waits(LONG);
    let endpoint = EndpointConfig::new(Name::new("blendfi").unwrap(), contract)
        .clock(clock())
        .observer(seen.clone());
    let verifier = Preset::BlendFi.provider().verifier().unwrap().clone();
    let gate = VerifySignatureLayer::new(&endpoint, verifier);
    let dedupe = DedupeLayer::builder(&endpoint, by_id(), [Proof::Signature])
        .build(MemoryStore::new())
        .unwrap();

    let stack = ServiceBuilder::new()
        .layer(gate.clone())
        .layer(ConcurrencyLimitLayer::new(4));
    strangers_keep_nobody_out("a gate alone", &seen, post(no_content).layer(stack)).await;

    let stack = ServiceBuilder::new()
        .layer(gate)
        .layer(dedupe)
        .layer(ConcurrencyLimitLayer::new(4));
    strangers_keep_nobody_out(
        "a gate and a dedupe layer",
        &seen,
        post(no_content).layer(stack),
    )
    .await;
}
