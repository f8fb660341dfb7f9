//! The fixed small program for `scripts/compare builds`: one sender, records in Redis, and axum's server. It is also
//! built against other commits, so it uses only what both have; `first_edition` selects the names of 1aef3e6.

use std::error::Error;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use tower_webhook::provider::{self, blendfi};
use tower_webhook::{Delivery, Event, RedisStore, Webhook};

async fn on_event(event: Event<blendfi::Payload>, delivery: Delivery) -> StatusCode {
    println!("{} of {}", event.kind, delivery.key());
    StatusCode::NO_CONTENT
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = RedisStore::connect("redis://127.0.0.1").await?;
    let keys = blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?;
    #[cfg(first_edition)]
    let webhook = Webhook::new(provider::blendfi(keys)?)
        .dedupe(store)
        .layer()?;
    #[cfg(not(first_edition))]
    let webhook = Webhook::new(provider::blendfi(keys)).store(store).build()?;
    let app = Router::new().route("/webhooks/blendfi", post(on_event).layer(webhook));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}
