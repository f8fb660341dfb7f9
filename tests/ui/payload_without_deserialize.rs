use tower_webhook::{ConfigError, Event, MemoryStore, PathTokens, RouterExt, Webhook, event_handler, provider};

struct Purchase;

async fn on_event(_: Event<Purchase>) {}

fn main() -> Result<(), ConfigError> {
    let bloque = provider::bloque_accounts(PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?);
    let webhook = Webhook::new(bloque).store(MemoryStore::new()).build()?;
    let app: axum::Router = axum::Router::new().webhook("/bloque", webhook, event_handler(on_event));
    drop(app);
    Ok(())
}
