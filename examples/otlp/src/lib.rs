//! A receiver whose spans go to an OpenTelemetry collector, by OTLP over HTTP.
//!
//! Each delivery has two spans: `POST {route}` of the HTTP server, made here by `tower-http`, and
//! within it `process {provider}` of this crate, with the event's key, attempt and outcome. The
//! handler's own spans are within that.

use axum::Router;
use axum::extract::MatchedPath;
use axum::http::{Request, Response};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tower_http::trace::TraceLayer;
use tower_webhook::RouterExt as _;
use tower_webhook::{Delivery, WebhookLayer, event_handler};
use tracing::level_filters::LevelFilter;
use tracing::{Span, field};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;

/// Sends spans to this collector, such as `http://localhost:4318`. Call `shutdown` on it before the
/// process ends, so that the last spans are sent.
pub fn exporter(collector: &str) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpJson)
        .with_endpoint(format!("{}/v1/traces", collector.trim_end_matches('/')))
        .build()?;
    let resource = Resource::builder().with_service_name("webhooks").build();
    let provider = SdkTracerProvider::builder();
    Ok(provider
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build())
}

/// Sends spans to the exporter, and log lines to the terminal.
pub fn subscriber(exporter: &SdkTracerProvider) -> impl tracing::Subscriber + Send + Sync + use<> {
    // The crate's spans are at DEBUG.
    let wanted = Targets::new()
        .with_target("tower_webhook", LevelFilter::DEBUG)
        .with_target("tower_webhook_otlp", LevelFilter::INFO);
    let spans = tracing_opentelemetry::layer().with_tracer(exporter.tracer("tower-webhook"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry()
        .with(spans.with_filter(wanted))
        .with(lines.with_filter(LevelFilter::INFO))
}

async fn on_event(delivery: Delivery) {
    tracing::info!(
        attempt = delivery.attempt(),
        "an event of {}",
        delivery.provider()
    );
}

/// The route, with the span of the HTTP server around it. The span has the route but no path,
/// because a path can contain a secret.
pub fn app(webhook: WebhookLayer) -> Router {
    let server = TraceLayer::new_for_http()
        .make_span_with(|request: &Request<_>| {
            let route = request.extensions().get::<MatchedPath>();
            let route = route.map_or("", MatchedPath::as_str);
            tracing::info_span!(
                "http",
                otel.name = %format_args!("{} {route}", request.method()),
                otel.kind = "server",
                http.request.method = %request.method(),
                http.route = route,
                http.response.status_code = field::Empty,
            )
        })
        .on_response(|response: &Response<_>, _, span: &Span| {
            span.record("http.response.status_code", response.status().as_u16());
        });
    Router::new()
        .webhook("/webhooks/github", webhook, event_handler(on_event))
        .layer(server)
}
