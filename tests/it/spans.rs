//! The span of each run, as a subscriber sees it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use tower::{Layer as _, ServiceExt as _};
use tower_webhook::{MemoryStore, Webhook};
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber as _;
use tracing::span::{Attributes, Id, Record};
use tracing::{Instrument as _, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::support::blendfi::{event, webhook};

/// What was said of a span: its fields, and its parent's name as `parent`.
type Fields = BTreeMap<&'static str, String>;

#[derive(Clone, Default)]
struct Spans(Arc<Mutex<BTreeMap<u64, Fields>>>);

struct Reading<'a>(&'a mut Fields);

impl Visit for Reading<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Reading(&mut fields));
        let parent = context
            .span(id)
            .and_then(|span| span.parent().map(|it| it.name()));
        fields.insert("parent", parent.unwrap_or("none").to_owned());
        fields.insert("span", attributes.metadata().name().to_owned());
        self.0.lock().unwrap().insert(id.into_u64(), fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        if let Some(fields) = self.0.lock().unwrap().get_mut(&id.into_u64()) {
            values.record(&mut Reading(fields));
        }
    }
}

impl Spans {
    /// Those of the crate, in their order.
    fn of_runs(&self) -> Vec<Fields> {
        let all = self.0.lock().unwrap();
        all.values()
            .filter(|fields| fields["span"] == "webhook")
            .cloned()
            .collect()
    }
}

/// Delivers events one after the other, each inside of a span of its own, to a handler that answers so. What a
/// subscriber up to this level sees.
async fn seen(
    webhook: Webhook,
    level: LevelFilter,
    deliveries: &[(&str, StatusCode)],
) -> Vec<Fields> {
    let spans = Spans::default();
    let subscriber = tracing_subscriber::registry()
        .with(spans.clone())
        .with(level);
    let deliver = async {
        let layer = webhook.build().unwrap();
        for (id, status) in deliveries {
            let status = *status;
            let inside = tower::service_fn(move |_: axum::extract::Request| async move {
                let mut answer = axum::response::Response::new(axum::body::Body::empty());
                *answer.status_mut() = status;
                Ok::<_, std::convert::Infallible>(answer)
            });
            let request = event(id, "{}").to_http::<axum::body::Body>();
            let answered = layer.layer(inside).oneshot(request);
            answered
                .instrument(tracing::info_span!("request"))
                .await
                .unwrap();
        }
    };
    // Tasks that are spawned inside know this subscriber by their spans alone: it is the thread's.
    let _guard = tracing::subscriber::set_default(subscriber);
    deliver.with_current_subscriber().await;
    spans.of_runs()
}

#[tokio::test]
async fn a_run_has_a_span_with_opentelemetrys_names_and_what_it_came_to() {
    let deliveries = [
        ("evt_1", StatusCode::OK),
        ("evt_1", StatusCode::OK),
        ("evt_2", StatusCode::INTERNAL_SERVER_ERROR),
    ];
    let seen = seen(webhook(MemoryStore::new()), LevelFilter::DEBUG, &deliveries).await;
    assert_eq!(seen.len(), 3, "{seen:#?}");
    for span in &seen {
        assert_eq!(span["parent"], "request");
        assert_eq!(span["otel.name"], "process blendfi");
        assert_eq!(span["otel.kind"], "consumer");
        assert_eq!(span["messaging.system"], "webhook");
        assert_eq!(span["messaging.operation.name"], "process");
        assert_eq!(span["messaging.operation.type"], "process");
        assert_eq!(span["messaging.destination.name"], "blendfi");
        assert!(!span.contains_key("messaging.consumer.group.name"));
    }
    let of = |name: &str| {
        let each = seen
            .iter()
            .map(|span| span.get(name).cloned().unwrap_or_default());
        each.collect::<Vec<_>>()
    };
    assert_eq!(
        of("messaging.message.id"),
        ["blendfi:evt_1", "blendfi:evt_1", "blendfi:evt_2"]
    );
    assert_eq!(
        of("tower_webhook.outcome"),
        ["handled", "duplicate", "failed"]
    );
    assert_eq!(of("tower_webhook.attempt"), ["1", "", "1"]);
    assert_eq!(of("error.type"), ["", "", "handler_failed"]);
    assert_eq!(of("otel.status_code"), ["", "", "ERROR"]);
}

#[tokio::test]
async fn log_lines_at_info_have_no_span_of_the_crate_around_them() {
    let deliveries = [("evt_1", StatusCode::OK)];
    let seen = seen(webhook(MemoryStore::new()), LevelFilter::INFO, &deliveries).await;
    assert!(seen.is_empty(), "{seen:?}");
}
