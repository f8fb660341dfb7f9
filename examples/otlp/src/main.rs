//! `OTEL_EXPORTER_OTLP_ENDPOINT` names the collector, and `GITHUB_WEBHOOK_SECRETS` the secrets:
//!
//! ```sh
//! cd examples/otlp
//! GITHUB_WEBHOOK_SECRETS=… cargo run
//! ```

use std::error::Error;

use tower_webhook::provider::{self, github};
use tower_webhook::{MemoryStore, Secrets, Webhook};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let collector = std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT");
    let exporter =
        tower_webhook_otlp::exporter(collector.as_deref().unwrap_or("http://localhost:4318"))?;
    tracing::subscriber::set_global_default(tower_webhook_otlp::subscriber(&exporter))?;
    let keys = github::keys(Secrets::from_env("GITHUB_WEBHOOK_SECRETS")?)?;
    let webhook = Webhook::new(provider::github(keys))
        .store(MemoryStore::new())
        .build()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    let stopped = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    axum::serve(listener, tower_webhook_otlp::app(webhook))
        .with_graceful_shutdown(stopped)
        .await?;
    tokio::task::spawn_blocking(move || exporter.shutdown()).await??;
    Ok(())
}
