//! Receives Stripe's events, with records in Redis. On Ctrl-C it stops after its handlers have
//! ended.
//!
//! `STRIPE_WEBHOOK_SECRETS=whsec_… REDIS_URL=redis://127.0.0.1 cargo run --example stripe`

use std::{env, error::Error, time::Duration};

use tower_webhook::provider::{self, stripe};
use tower_webhook::{
    DedupeConfig, Delivery, Drain, Event, RedisStore, RouterExt, Secrets, Webhook,
};

#[derive(serde::Deserialize)]
struct StripeEvent {
    r#type: String,
}

async fn on_event(event: Event<StripeEvent>, delivery: Delivery) {
    // An effect that is unique on `delivery.key().encoded()` happens once, whatever fails.
    println!("{} of {}", event.r#type, delivery.key());
}

async fn app(drain: &Drain) -> Result<axum::Router, Box<dyn Error>> {
    let keys = stripe::keys(Secrets::from_env("STRIPE_WEBHOOK_SECRETS")?)?;
    let redis = env::var("REDIS_URL").map_err(|error| format!("REDIS_URL: {error}"))?;
    let stripe = Webhook::new(provider::stripe(keys))
        .store(RedisStore::connect(&redis).await?)
        .dedupe(DedupeConfig::new().drain(drain.clone()))
        .build()?;
    Ok(axum::Router::new().webhook("/webhooks/stripe", stripe, on_event))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let drain = Drain::new();
    tracing_subscriber::fmt().init();
    let app = app(&drain).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let told = drain.clone();
    let stop = async move { drop((tokio::signal::ctrl_c().await, told.begin())) };
    axum::serve(listener, app)
        .with_graceful_shutdown(stop)
        .await?;
    println!(
        "{} still running",
        drain.wait(Duration::from_secs(10)).await
    );
    Ok(())
}
