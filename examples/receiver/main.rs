//! A receiver for BlendFi, Bloquo, BLOX and Bloque.
//!
//! `cargo run --example receiver` prints its settings and a ready `curl` line for each provider.
//! Every setting comes from the environment; see `settings.rs`, and `store.rs` for where it keeps its
//! records: in `webhooks.db` unless set. `GET /effects` tells what the handlers did.

mod curl;
mod effects;
mod server;
mod settings;
mod store;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use tower_webhook::layer::Budget;
use tower_webhook::provider::{blendfi, bloque};
use tower_webhook::{
    ConfigError, DedupeConfig, Delivery, Drain, Event, EventRejection, SharedStore, Webhook,
    provider,
};

use crate::effects::{Effect, Effects};
use crate::settings::Settings;
use crate::store::Place;

/// How long a shutdown may take in all.
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
    let drain = Drain::new();
    let opened = match Place::from_env() {
        Ok(place) => store::open(place).await,
        Err(error) => Err(error),
    };
    let (store, words) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            eprintln!("receiver: {error}");
            return ExitCode::from(2);
        }
    };
    let app = match app(&settings, &store, &drain) {
        Ok(app) => app,
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
        Ok(address) => curl::print_welcome(&settings, address, &words),
        Err(error) => {
            eprintln!("receiver: {error}");
            return ExitCode::FAILURE;
        }
    }
    server::serve(listener, app, server::stop_signal(), &drain, SHUTDOWN_LIMIT).await;
    ExitCode::SUCCESS
}

/// What the handlers share.
#[derive(Clone)]
struct App {
    effects: Arc<Effects>,
    handler_delay: Duration,
    fail_first: u64,
}

fn app(settings: &Settings, store: &SharedStore, drain: &Drain) -> Result<Router, ConfigError> {
    // One budget for what strangers can make the whole process hold.
    let budget = Budget::default();
    let webhook = |provider| {
        Webhook::new(provider)
            .store(store.clone())
            .budget(budget.clone())
            .dedupe(DedupeConfig::new().drain(drain.clone()))
            .trusted_proxies(settings.trusted_proxies.clone())
            .max_body_bytes(settings.max_body_bytes)
            .build()
    };
    let blendfi = webhook(provider::blendfi(settings.blendfi_keys.clone()))?;
    let bloquo = webhook(provider::bloquo(settings.bloquo_sources.clone()))?;
    // A real receiver asks BLOX's API here: see `provider::blox`.
    let blox = webhook(provider::blox(settings.blox_tokens.clone()).without_status_check())?;
    let accounts = webhook(provider::bloque_accounts(settings.bloque_tokens.clone()))?;
    let payments = webhook(provider::bloque_payments(settings.bloque_keys.clone()))?;

    let state = App {
        effects: Arc::default(),
        handler_delay: settings.handler_delay,
        fail_first: settings.handler_fail_first,
    };
    Ok(Router::new()
        .route("/webhooks/blendfi", post(on_blendfi).layer(blendfi))
        .route("/webhooks/bloquo", post(on_event).layer(bloquo))
        .route("/webhooks/blox/{token}", post(on_event).layer(blox))
        .route(
            "/webhooks/bloque/accounts/{token}",
            post(on_bloque).layer(accounts),
        )
        .route("/webhooks/bloque/payments", post(on_event).layer(payments))
        .route("/effects", get(effects))
        .route("/healthz", get(|| async { StatusCode::OK }))
        .with_state(state))
}

/// A typed payload: an event type that is not known yet is a value like any other.
async fn on_blendfi(
    State(app): State<App>,
    payload: Result<Event<blendfi::Payload>, EventRejection>,
    delivery: Delivery,
) -> StatusCode {
    if let Ok(Event(payload)) = payload {
        tracing::info!(
            kind = payload.kind.as_str(),
            "BlendFi tells of a {}",
            delivery.key()
        );
    }
    app.handle(&delivery).await
}

/// Account and card events come to one hook.
async fn on_bloque(
    State(app): State<App>,
    payload: Result<Event<bloque::Payload>, EventRejection>,
    delivery: Delivery,
) -> StatusCode {
    if let Ok(Event(bloque::Payload::Unknown(_))) = payload {
        tracing::warn!(
            "Bloque sent a shape that is not known yet: {}",
            delivery.key()
        );
    }
    app.handle(&delivery).await
}

async fn on_event(State(app): State<App>, delivery: Delivery) -> StatusCode {
    app.handle(&delivery).await
}

async fn effects(State(app): State<App>) -> Json<std::collections::BTreeMap<String, Effect>> {
    Json(app.effects.all())
}

impl App {
    /// Does the work that the settings ask for: takes a while, and fails the first few times.
    async fn handle(&self, delivery: &Delivery) -> StatusCode {
        let name = format!("{}:{}", delivery.provider(), delivery.key());
        let run = self.effects.began(&name);
        tokio::time::sleep(self.handler_delay).await;
        if run <= self.fail_first {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        self.effects.completed(&name);
        StatusCode::OK
    }
}
