//! Signatures as senders, proxies and roll-overs truly write them, and what the operator is told of
//! those that are refused: byte by byte over real sockets.

mod clock;
mod headers;
mod refused;
mod roll_over;

use crate::support::http::Request;
use crate::support::openssl::hmac_sha256;
use crate::support::presets::{NOW, clock};
use crate::support::server::Server;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use tower_webhook::{MemoryStore, Provider, UnixTime, Webhook};

const STRIPE_SECRET: &str = "whsec_test_9f8e7d6c5b4a";
/// The example of the Standard Webhooks specification.
const STANDARD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A receiver of this sender whose handler always says 204.
async fn serve(provider: Provider) -> Server {
    serve_webhook(
        &Webhook::new(provider)
            .store(MemoryStore::new())
            .clock(clock()),
    )
    .await
}

async fn serve_webhook(webhook: &Webhook) -> Server {
    let route = post(async || StatusCode::NO_CONTENT).layer(webhook.build().unwrap());
    Server::start(Router::new().route("/hooks", route)).await
}

async fn status(server: &Server, request: &Request) -> u16 {
    request.send(server.address).await.status
}

fn stripe_body(n: u32) -> String {
    format!(
        r#"{{"id":"evt_{n}","type":"charge.succeeded","created":{NOW},"data":{{"object":{{}}}}}}"#
    )
}

fn stripe_mac(secret: &str, time: u64, body: &str) -> String {
    hmac_sha256(secret, format!("{time}.{body}"))
}

fn hex_to_base64(hex: &str) -> String {
    let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
    data_encoding::BASE64.encode(&bytes)
}

/// The signature of a Standard Webhooks delivery, signed by `openssl`.
fn standard_signature(id: &str, time: u64, body: &str) -> String {
    let key = data_encoding::BASE64.decode(b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let mac = hmac_sha256(key.unwrap(), format!("{id}.{time}.{body}"));
    format!("v1,{}", hex_to_base64(&mac))
}

fn secs(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}
