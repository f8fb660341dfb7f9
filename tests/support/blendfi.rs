//! BlendFi, with events of any id and data, behind a webhook that keeps records.

use std::time::Duration;

use axum::handler::Handler;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::{EventKey, Name, Store, Webhook};

use super::http::Request;
use super::presets::{Preset, answering_in, clock};
use super::server::Server;

pub(crate) fn webhook(store: impl Store) -> Webhook {
    Webhook::new(Preset::BlendFi.provider())
        .clock(clock())
        .store(store)
}

/// The same, but its rule does not say that the id is the sender's own, so other content under it
/// is a conflict.
pub(crate) fn webhook_with_plain_key(store: impl Store) -> Webhook {
    let shape = Shape::new("event", ["/id"])
        .and_then(|shape| shape.fingerprint(["/type", "/data"]))
        .and_then(|shape| shape.time("/created_at"));
    let rule = EventRule::members([shape.unwrap()]).unwrap();
    Webhook::new(Preset::BlendFi.provider().replace_rule(rule))
        .clock(clock())
        .store(store)
}

/// The same, with another time to answer.
pub(crate) fn webhook_answering_in(time: Duration, store: impl Store) -> Webhook {
    Webhook::new(answering_in(time, Preset::BlendFi.provider()))
        .clock(clock())
        .store(store)
}

/// Serves one handler behind a webhook, at the path of [`event`].
pub(crate) async fn serve<H, T>(webhook: &Webhook, handler: H) -> Server
where
    H: Handler<T, ()>,
    T: 'static,
{
    Preset::BlendFi.serve(webhook, handler).await
}

pub(crate) fn key(id: &str) -> EventKey {
    EventKey::new(Name::new("blendfi").unwrap(), [id]).unwrap()
}

pub(crate) fn body(id: &str, data: &str) -> String {
    body_at(id, "2026-05-04T13:00:00Z", data)
}

pub(crate) fn body_at(id: &str, time: &str, data: &str) -> String {
    format!(r#"{{"id":"{id}","type":"conversion.completed","created_at":"{time}","data":{data}}}"#)
}

/// A delivery of the event with this id and data.
pub(crate) fn event(id: &str, data: &str) -> Request {
    Preset::BlendFi.deliver(body(id, data))
}
