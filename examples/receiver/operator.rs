//! For operators: numbers at `/metrics`, health at `/readyz`.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tower_webhook::WebhookLayer;
use tower_webhook::health::Health;
use tower_webhook::metrics::{self, BUCKETS};
use tower_webhook::worker::{InboxExt, Worker};

use crate::app::Webhooks;
use crate::settings::SettingError;
use crate::store::Kept;

/// How often samples that Prometheus has not read are aggregated.
const UPKEEP: Duration = Duration::from_secs(5);

/// Everything that is monitored.
#[derive(Clone)]
pub(crate) struct Watched {
    webhooks: Vec<WebhookLayer>,
    kept: Kept,
    worker: Option<Worker>,
    numbers: PrometheusHandle,
}

/// Installs the recorder, before anything is counted.
pub(crate) fn install_recorder() -> Result<PrometheusHandle, SettingError> {
    let failed = |error| SettingError::new("metrics", error);
    // Without buckets a histogram would be a summary.
    let builder = PrometheusBuilder::new()
        .set_buckets(BUCKETS)
        .map_err(failed)?;
    let numbers = builder.install_recorder().map_err(failed)?;
    metrics::describe();
    let kept = numbers.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            kept.run_upkeep();
        }
    });
    Ok(numbers)
}

impl Watched {
    pub(crate) fn new(
        webhooks: &Webhooks,
        kept: &Kept,
        worker: Option<Worker>,
        numbers: PrometheusHandle,
    ) -> Self {
        Self {
            webhooks: webhooks.all().into_iter().cloned().collect(),
            kept: kept.clone(),
            worker,
            numbers,
        }
    }

    pub(crate) fn routes(self) -> Router {
        Router::new()
            .route("/metrics", get(numbers))
            .route("/readyz", get(readyz))
            .with_state(self)
    }

    /// The combined health.
    async fn health(&self) -> Health {
        let mut health = Health::default();
        for webhook in &self.webhooks {
            health = health.and(webhook.health().await);
        }
        if let Kept::Inbox(inbox) = &self.kept {
            health = health.and(inbox.health().await);
        }
        if let Some(worker) = &self.worker {
            health = health.and(worker.health());
        }
        health
    }
}

async fn numbers(State(watched): State<Watched>) -> impl IntoResponse {
    for webhook in &watched.webhooks {
        webhook.record_metrics();
    }
    if let Some(worker) = &watched.worker {
        worker.record_metrics();
    }
    if let Kept::Inbox(inbox) = &watched.kept
        && let Err(error) = metrics::record_inbox(inbox).await
    {
        tracing::warn!(%error, "the numbers of the inbox are old");
    }
    let format = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, format)], watched.numbers.render())
}

async fn readyz(State(watched): State<Watched>) -> impl IntoResponse {
    let health = watched.health().await;
    let status = match health.is_ready() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, format!("{health}\n"))
}
