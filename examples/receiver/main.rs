//! A receiver for BlendFi, Bloquo, BLOX and Bloque.
//!
//! `cargo run --example receiver` prints its settings and a ready `curl` line for each provider.
//! Every setting is an environment variable; see `settings.rs`. Its records are in `webhooks.db` by
//! default; see `store.rs`. `GET /effects` lists the effects of the handlers, `/metrics` has
//! numbers for Prometheus, and `/readyz` says whether deliveries can be taken, and what is wrong.
//! `/operator` is a page that shows what arrived, only to this machine.
//!
//! With `MODE=inbox` it answers as soon as an event is held, and runs the handlers later. With
//! `WORKER_CONCURRENCY=0` in addition, it leaves them to `cargo run --example worker`.

mod app;
mod curl;
mod effects;
mod operator;
mod page;
mod server;
mod settings;
mod signal;
mod store;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use tower_webhook::worker::Worker;
use tower_webhook::{ConfigError, Drain, RouterExt, event_handler};

use crate::app::{App, Webhooks, on_blendfi, on_bloque, on_event};
use crate::effects::Effect;
use crate::operator::Watched;
use crate::page::Watch;
use crate::settings::Settings;
use crate::store::{Kept, Place};

/// The time limit of a whole shutdown.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("receiver: {error}");
            return ExitCode::from(2);
        }
    };
    let numbers = match operator::install_recorder() {
        Ok(numbers) => numbers,
        Err(error) => {
            eprintln!("receiver: {error}");
            return ExitCode::FAILURE;
        }
    };
    let drain = Drain::new();
    let opened = match Place::from_env() {
        Ok(place) => match Watch::begin(&place) {
            Ok(watch) => store::open(place).await.map(|opened| (opened, watch)),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    let ((kept, words), watch) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            eprintln!("receiver: {error}");
            return ExitCode::from(2);
        }
    };
    let journal = watch.journal().cloned();
    let (app, worker) = match build(&settings, &kept, &drain, numbers, watch) {
        Ok(built) => built,
        Err(error) => {
            eprintln!("receiver: {error}");
            return ExitCode::from(2);
        }
    };
    let listener = match tokio::net::TcpListener::bind(settings.bind).await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("receiver: BIND={}: {error}", settings.bind);
            return ExitCode::FAILURE;
        }
    };
    match listener.local_addr() {
        Ok(address) => curl::print_welcome(&settings, address, &kept, &words),
        Err(error) => {
            eprintln!("receiver: {error}");
            return ExitCode::FAILURE;
        }
    }
    if let Some(worker) = worker {
        // It ends with the drain, which also waits for its handlers.
        tokio::spawn(async move { worker.run().await });
    }
    server::serve(listener, app, signal::stop_signal(), &drain, SHUTDOWN_LIMIT).await;
    page::end(journal).await;
    ExitCode::SUCCESS
}

/// The routes, and a worker if events are queued and this process is to run them.
fn build(
    settings: &Settings,
    kept: &Kept,
    drain: &Drain,
    numbers: PrometheusHandle,
    watch: Watch,
) -> Result<(Router, Option<Worker>), ConfigError> {
    let webhooks = Webhooks::new(settings, kept, drain, &watch)?;
    let state = App::new(settings);
    let worker = match (kept, settings.worker_concurrency) {
        (Kept::Store(_), _) | (Kept::Inbox(_), 0) => None,
        (Kept::Inbox(inbox), concurrency) => {
            Some(webhooks.worker(inbox, state.clone(), concurrency, drain)?)
        }
    };
    let watched = Watched::new(&webhooks, kept, worker.clone(), numbers);
    let page = watch.routes(&webhooks, kept);
    let app = app(webhooks, state).merge(watched.routes()).merge(page);
    Ok((app, worker))
}

fn app(webhooks: Webhooks, state: App) -> Router {
    let Webhooks {
        blendfi,
        bloquo,
        blox,
        accounts,
        payments,
    } = webhooks;
    Router::new()
        .webhook("/webhooks/blendfi", blendfi, event_handler(on_blendfi))
        .webhook("/webhooks/bloquo", bloquo, event_handler(on_event))
        .webhook("/webhooks/blox", blox, event_handler(on_event))
        .webhook(
            "/webhooks/bloque/accounts",
            accounts,
            event_handler(on_bloque),
        )
        .webhook(
            "/webhooks/bloque/payments",
            payments,
            event_handler(on_event),
        )
        .route("/effects", get(effects))
        .route("/healthz", get(|| async { StatusCode::OK }))
        .with_state(state)
}

async fn effects(State(app): State<App>) -> Json<std::collections::BTreeMap<String, Effect>> {
    Json(app.effects.all())
}
