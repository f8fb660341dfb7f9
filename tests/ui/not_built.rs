#![allow(unused_imports)]
use axum::{Router, routing::post};
use tower_webhook::{ConfigError, Delivery, MemoryStore, PathTokens, RouterExt, Webhook, provider};

fn main() -> Result<(), ConfigError> {
    let bloque = provider::bloque_accounts(PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?);
    let webhook = Webhook::new(bloque).store(MemoryStore::new());
    let app: Router = Router::new().route("/bloque/{token}", post(async || ()).layer(webhook));
    drop(app);
    Ok(())
}
