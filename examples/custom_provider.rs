//! A sender of your own, described as data: how it signs, how its events are told apart, and how it
//! delivers. This one signs `{id}.{time}.{body}`, with id and time from separate headers.
//!
//! `cargo run --example custom_provider` serves it on 127.0.0.1:3001 and prints a `curl` line.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde::Deserialize;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::signature::{Component, Scheme, Verifier};
use tower_webhook::{
    ConfigError, Decimal, Delivery, Encoding, Event, MemoryStore, Name, Provider, RetriedStatuses,
    RetrySchedule, SenderContract, SigningSecret, Webhook,
};

const SECRET: &str = "acme-secret-for-development";

fn acme(secret: SigningSecret) -> Result<Provider, ConfigError> {
    let scheme = Scheme::builder("x-acme-signature")
        .single("sha256=", Encoding::Hex)
        .timestamp_header("x-acme-time")
        .id_header("x-acme-id")
        .content([
            Component::Id,
            Component::literal("."),
            Component::Timestamp,
            Component::literal("."),
            Component::Body,
        ])
        .build()?;
    let rule = EventRule::members([Shape::new("order", ["/order", "/status"])?
        .fingerprint(["/amount"])?
        .time("/at")?])?;
    let contract = SenderContract::new(
        RetrySchedule::Exponential {
            first: Duration::from_secs(30),
            attempts: 8,
        },
        RetriedStatuses::AllButSuccess,
    )
    .waits(Duration::from_secs(10));
    Ok(Provider::signed(
        Name::new("acme")?,
        Verifier::new(scheme, secret),
        rule,
        contract,
    ))
}

#[derive(Debug, Deserialize)]
struct Order {
    order: u64,
    status: String,
    amount: Decimal,
}

async fn on_order(Event(order): Event<Order>, delivery: Delivery) -> StatusCode {
    println!(
        "order {} is {:?} over {}: {delivery:?}",
        order.order, order.status, order.amount
    );
    StatusCode::OK
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let webhook = Webhook::new(acme(SigningSecret::from_text(SECRET)?)?).store(MemoryStore::new());
    let app = Router::new().route("/webhooks/acme", post(on_order).layer(webhook.build()?));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3001").await?;
    println!(
        r#"t=$(date +%s); body='{{"order":1042,"status":"PAID","amount":100.50}}'; curl -i http://127.0.0.1:3001/webhooks/acme -H "x-acme-id: msg_1" -H "x-acme-time: $t" -H "x-acme-signature: sha256=$(printf 'msg_1.%s.%s' $t "$body" | openssl dgst -sha256 -hmac {SECRET} -r | cut -d' ' -f1)" --data-binary "$body""#
    );
    axum::serve(listener, app).await?;
    Ok(())
}
