//! A worker: it runs the handlers for the events that a receiver with `MODE=inbox` has accepted
//! into the same SQLite file, Postgres or Redis.
//!
//! ```sh
//! MODE=inbox WORKER_CONCURRENCY=0 cargo run --example receiver
//! cargo run --example worker
//! ```
//!
//! Any number of workers can share an inbox. The settings are those of the receiver; see
//! `settings.rs`.

#[allow(dead_code, reason = "the receiver uses all of it")]
mod app;
#[allow(dead_code, reason = "the receiver uses all of it")]
mod effects;
#[allow(dead_code, reason = "the receiver uses all of it")]
mod page;
#[allow(dead_code, reason = "the receiver uses all of it")]
mod settings;
mod signal;
#[allow(dead_code, reason = "the receiver uses all of it")]
mod store;

use std::error::Error;
use std::io::IsTerminal;
use std::process::ExitCode;

use tower_webhook::Drain;

use crate::app::{App, Webhooks};
use crate::page::Watch;
use crate::settings::Settings;
use crate::store::{Kept, Place};

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match work().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("worker: {error}");
            ExitCode::from(2)
        }
    }
}

async fn work() -> Result<(), Box<dyn Error>> {
    let settings = Settings::from_env()?;
    let place = Place::from_env()?;
    if matches!(place, Place::Memory) {
        return Err(
            "MEMORY: no other process can put events there; name the receiver's place".into(),
        );
    }
    let (inbox, words) = store::open_inbox(place).await?;
    let drain = Drain::new();
    // Built as in the receiver, but not mounted: they define which events these are.
    let webhooks = Webhooks::new(
        &settings,
        &Kept::Inbox(inbox.clone()),
        &drain,
        &Watch::nothing(),
    )?;
    let concurrency = settings.worker_concurrency.max(1);
    let worker = webhooks.worker(&inbox, App::new(&settings), concurrency, &drain)?;
    println!("working: {words}");
    let stopped = drain.clone();
    tokio::spawn(async move {
        signal::stop_signal().await;
        stopped.begin();
    });
    worker.run().await;
    Ok(())
}
