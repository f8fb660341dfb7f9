use axum::extract::State;
use tower_webhook::inbox::MemoryInbox;
use tower_webhook::worker::InboxExt;
use tower_webhook::{ConfigError, Delivery, PathTokens, Webhook, provider};

#[derive(Clone)]
struct Ledger;

async fn on_event(_delivery: Delivery, State(_ledger): State<Ledger>) {}

fn main() -> Result<(), ConfigError> {
    let bloque = provider::bloque_accounts(PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?);
    let inbox = MemoryInbox::new();
    let webhook = Webhook::new(bloque).inbox(inbox.clone()).build()?;
    let worker = inbox.worker().on(&webhook, on_event).build()?;
    drop(worker);
    Ok(())
}
