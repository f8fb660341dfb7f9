//! Deliveries as their senders make them, over a real socket.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use data_encoding::{BASE64, HEXLOWER};
use tower_webhook::provider;
use tower_webhook::{Delivery, MemoryStore, Name, Provider, Webhook};

use crate::support::http::Request;
use crate::support::openssl::hmac_sha256;
use crate::support::presets::{NOW, clock};
use crate::support::server::Server;

pub(crate) const SECRET: &str = "whsec_test_9f8e7d6c5b4a";
/// The secret of the Standard Webhooks specification, and the key that it is.
const STANDARD: (&str, &str) = (
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
);

pub(crate) fn github() -> Provider {
    provider::github(provider::github::keys([SECRET]).unwrap())
}

pub(crate) fn shopify() -> Provider {
    provider::shopify(provider::shopify::keys([SECRET]).unwrap())
}

pub(crate) fn slack() -> Provider {
    provider::slack(provider::slack::keys([SECRET]).unwrap())
}

pub(crate) fn stripe() -> Provider {
    provider::stripe(provider::stripe::keys([SECRET]).unwrap())
}

pub(crate) fn standard() -> Provider {
    let keys = provider::standard_webhooks::keys([STANDARD.0]).unwrap();
    provider::standard_webhooks(Name::new("acme").unwrap(), keys)
}

/// A delivery of GitHub's, with what its unsigned headers say.
pub(crate) fn from_github(id: &str, event: &str, body: impl AsRef<[u8]>) -> Request {
    let mac = hmac_sha256(SECRET, &body);
    Request::post("/hooks")
        .header("x-hub-signature-256", format!("sha256={mac}"))
        .header("x-github-event", event)
        .header("x-github-delivery", id)
        .body(body)
}

pub(crate) fn from_shopify(id: &str, topic: &str, body: &str) -> Request {
    let mac = HEXLOWER
        .decode(hmac_sha256(SECRET, body).as_bytes())
        .unwrap();
    Request::post("/hooks")
        .header("x-shopify-hmac-sha256", BASE64.encode(&mac))
        .header("x-shopify-topic", topic)
        .header("x-shopify-webhook-id", id)
        .body(body)
}

pub(crate) fn from_slack(body: &str) -> Request {
    let mac = hmac_sha256(SECRET, format!("v0:{NOW}:{body}"));
    Request::post("/hooks")
        .header("x-slack-request-timestamp", NOW.to_string())
        .header("x-slack-signature", format!("v0={mac}"))
        .body(body)
}

pub(crate) fn from_stripe(body: &str) -> Request {
    let mac = hmac_sha256(SECRET, format!("{NOW}.{body}"));
    Request::post("/hooks")
        .header("stripe-signature", format!("t={NOW},v1={mac}"))
        .body(body)
}

pub(crate) fn from_standard(id: &str, body: &str) -> Request {
    let key = BASE64.decode(STANDARD.1.as_bytes()).unwrap();
    let mac = HEXLOWER
        .decode(hmac_sha256(key, format!("{id}.{NOW}.{body}")).as_bytes())
        .unwrap();
    Request::post("/hooks")
        .header("webhook-id", id)
        .header("webhook-timestamp", NOW.to_string())
        .header("webhook-signature", format!("v1,{}", BASE64.encode(&mac)))
        .body(body)
}

/// The bodies that a handler has run for, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ran(Arc<Mutex<Vec<String>>>);

impl Ran {
    pub(crate) fn note(&self, delivery: &Delivery) {
        let body = String::from_utf8_lossy(&delivery.body()).into_owned();
        self.0.lock().unwrap().push(body);
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

pub(crate) fn webhook(provider: Provider) -> Webhook {
    Webhook::new(provider)
        .store(MemoryStore::new())
        .clock(clock())
}

/// Serves a handler that notes what it has run for.
pub(crate) async fn serve(webhook: &Webhook) -> (Server, Ran) {
    let ran = Ran::default();
    let noted = ran.clone();
    let handler = move |delivery: Delivery| async move {
        noted.note(&delivery);
        StatusCode::NO_CONTENT
    };
    let app = Router::new().route("/hooks", post(handler).layer(webhook.build().unwrap()));
    (Server::start(app).await, ran)
}

/// What became of a delivery, as its sender sees it.
pub(crate) async fn told(request: Request, server: &Server) -> &'static str {
    let answer = request.send(server.address).await;
    match (answer.status, answer.is_replayed()) {
        (204, false) => "run",
        (200, true) => "duplicate",
        (400, false) => "bad request",
        (422, false) => "conflict",
        other => panic!("{other:?}"),
    }
}
