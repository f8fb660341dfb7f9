//! A ledger that credits each payment once, whatever happens to it.
//!
//! `cargo run --example ledger` keeps it in `ledger.db` or the file of `LEDGER_PATH`, or in
//! Postgres with `DATABASE_URL=postgres://…`. It listens on port 3000 or on `BIND`, and accepts
//! what `webhook send` sends; `GET /balance` returns the balance. Kill it whenever you like: the
//! sum is that of the payments that were answered with success, each counted once.

mod files;
mod postgres;

use std::error::Error;
use std::io::IsTerminal;
use std::process::ExitCode;

use axum::Router;
use serde::{Deserialize, Serialize};
use tower_webhook::{KeyRing, SecretFormat, Store, Webhook, WebhookLayer, provider};

/// The default secret of `webhook send`.
const DEVELOPMENT_SECRET: &str = "whsec_test_for_development_only";

/// A payment in its event.
#[derive(Debug, Deserialize)]
struct Payment {
    id: String,
    #[serde(default = "cents")]
    cents: i64,
}

fn cents() -> i64 {
    100
}

/// The balance of the ledger.
#[derive(Debug, Serialize)]
struct Balance {
    payments: i64,
    cents: i64,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ledger: {error}");
            let mut next = error.source();
            while let Some(error) = next {
                eprintln!("  {error}");
                next = error.source();
            }
            ExitCode::from(2)
        }
    }
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let app: Router = match std::env::var("DATABASE_URL") {
        Ok(url) => postgres::app(&url).await?,
        Err(_) => {
            let path = std::env::var("LEDGER_PATH").unwrap_or_else(|_| "ledger.db".to_owned());
            println!("the ledger is kept in {path}");
            files::app(&path).await?
        }
    };
    let bind = std::env::var("BIND").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = tokio::net::TcpListener::bind(&bind).await;
    let listener = listener.map_err(|error| format!("BIND={bind}: {error}"))?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

/// The layer around the handler: signed by BlendFi, with records next to the ledger.
fn webhook(store: impl Store) -> Result<WebhookLayer, Box<dyn Error>> {
    let secret = std::env::var("BLENDFI_WEBHOOK_SECRET");
    let secret = secret.unwrap_or_else(|_| DEVELOPMENT_SECRET.to_owned());
    let keys = KeyRing::parse(&SecretFormat::Text, [secret.as_str()])?;
    Ok(Webhook::new(provider::blendfi(keys)).store(store).build()?)
}
