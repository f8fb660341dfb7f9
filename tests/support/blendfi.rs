//! BlendFi as a sender: its events, signed by openssl.

use std::net::SocketAddr;

use axum::Router;
use axum::handler::Handler;
use axum::routing::post;
use tower_webhook::provider::{self, blendfi};
use tower_webhook::{
    DeliveryProfile, EventKey, ManualClock, Provider, ProviderName, RetriedStatuses, RetrySchedule,
    Store, UnixTime, Webhook,
};

use super::http::{self, Request, Response};
use super::openssl::hmac_sha256;
use super::server::Server;

pub(crate) const SECRET: &str = "whsec_test_9f8e7d6c5b4a";
/// 2026-05-04T13:00:00Z
pub(crate) const NOW: u64 = 1_777_899_600;

pub(crate) fn provider() -> Provider {
    provider::blendfi(blendfi::keys([SECRET]).unwrap()).unwrap()
}

/// How BlendFi delivers, but for its time to answer.
pub(crate) fn profile(time_to_answer: std::time::Duration) -> DeliveryProfile {
    DeliveryProfile::new(
        RetrySchedule::Fixed {
            interval: std::time::Duration::from_secs(30),
            attempts: 5,
        },
        RetriedStatuses::ServerErrorsAnd(&[408, 409, 425, 429]),
    )
    .with_time_to_answer(time_to_answer)
    .with_redelivery_by_hand()
}

pub(crate) fn clock() -> ManualClock {
    ManualClock::new(UnixTime::from_secs(NOW))
}

pub(crate) fn webhook(store: impl Store) -> Webhook {
    Webhook::new(provider()).clock(clock()).dedupe(store)
}

/// The same, with another time to answer.
pub(crate) fn webhook_answering_in(time: std::time::Duration, store: impl Store) -> Webhook {
    Webhook::new(provider().with_profile(profile(time)))
        .clock(clock())
        .dedupe(store)
}

/// Serves one handler behind a webhook on `/hook`.
pub(crate) async fn serve<H, T>(webhook: &Webhook, handler: H) -> Server
where
    H: Handler<T, ()>,
    T: 'static,
{
    Server::start(Router::new().route("/hook", post(handler).layer(webhook.layer().unwrap()))).await
}

pub(crate) fn key(id: &str) -> EventKey {
    EventKey::new(ProviderName::new("blendfi").unwrap(), [id]).unwrap()
}

pub(crate) fn body(id: &str, data: &str) -> String {
    body_at(id, "2026-05-04T13:00:00Z", data)
}

pub(crate) fn body_at(id: &str, time: &str, data: &str) -> String {
    format!(r#"{{"id":"{id}","type":"conversion.completed","created_at":"{time}","data":{data}}}"#)
}

pub(crate) fn signed(body: &[u8]) -> Request {
    signed_to("/hook", body)
}

pub(crate) fn signed_to(path: &str, body: &[u8]) -> Request {
    Request::post(path)
        .header("content-type", "application/json")
        .header("x-blendfi-signature", &signature(body))
        .body(body)
}

pub(crate) fn signature(body: &[u8]) -> String {
    let content = [format!("{NOW}.").as_bytes(), body].concat();
    format!("t={NOW},v1={}", hmac_sha256(SECRET, &content))
}

/// A delivery of the event with this id and data.
pub(crate) fn event(id: &str, data: &str) -> Request {
    signed(body(id, data).as_bytes())
}

pub(crate) async fn send(addr: SocketAddr, request: &Request) -> Response {
    http::send(addr, request).await
}
