use tower_webhook::{ConfigError, MemoryStore, PathTokens, Webhook, provider};

fn main() -> Result<(), ConfigError> {
    let bloque = provider::bloque_accounts(PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?);
    let webhook = Webhook::new(bloque).inbox(MemoryStore::new()).build()?;
    drop(webhook);
    Ok(())
}
