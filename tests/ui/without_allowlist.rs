use tower_webhook::{ConfigError, MemoryStore, Webhook, provider};

fn main() -> Result<(), ConfigError> {
    let webhook = Webhook::new(provider::bloquo()).store(MemoryStore::new()).build()?;
    drop(webhook);
    Ok(())
}
