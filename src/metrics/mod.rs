//! Metrics for dashboards and alarms, through the facade of the crate [`metrics`](https://docs.rs/metrics): the
//! recorder that the process installs receives them. Without a recorder they cost next to nothing.
//!
//! | metrics | source |
//! | --- | --- |
//! | deliveries by outcome and reason, how long they took, and which keys signed them | [`MetricsObserver`] on each webhook |
//! | calls to a store or an inbox | [`Metered`] around it |
//! | attempts of workers, waiting times and lost leases | the workers themselves |
//! | keys by their last match, ages of allowlists, clock skew, the share of failures | [`WebhookLayer::record_metrics`](crate::WebhookLayer::record_metrics) |
//! | the entries in an inbox | `record_inbox` |
//! | how busy a worker is | `Worker::record_metrics` |
//!
//! The last three set gauges: call them whenever the metrics are collected. [`METRICS`] lists every
//! name with its labels;
//! `docs/metrics.md` shows them, `dashboards/` has a dashboard for Grafana and alert rules for Prometheus, and
//! `examples/receiver` serves all of it.
//!
//! No label holds a value that a stranger or a sender chose. Providers, consumers and keys have the names that you
//! gave them; every other value is a word of this crate. No label holds tenants or event keys.
//!
//! ```
//! use tower_webhook::layer::TracingObserver;
//! use tower_webhook::metrics::{self, BUCKETS, METRICS, Metered, Metric, MetricKind, MetricsObserver};
//! use tower_webhook::{MemoryStore, Webhook, provider};
//!
//! // After the recorder of your choice; a histogram needs its buckets there.
//! for Metric { name, kind, .. } in METRICS {
//!     if *kind == MetricKind::Histogram {
//!         println!("{name} {BUCKETS:?}");
//!     }
//! }
//! metrics::describe();
//!
//! let keys = provider::stripe::keys(["whsec_test_9f8e7d6c5b4a"])?;
//! let stripe = Webhook::new(provider::stripe(keys))
//!     .store(Metered::new(MemoryStore::new()))
//!     .observer((TracingObserver, MetricsObserver::new()))
//!     .build()?;
//! // When the metrics are collected:
//! stripe.record_metrics();
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

mod endpoint;
#[cfg(feature = "inbox")]
mod inbox;
mod names;
mod observer;
mod slots;
mod store;

#[cfg(feature = "inbox")]
pub(crate) use endpoint::set_worker;
pub(crate) use endpoint::{EndpointGauges, lease_lost};
#[cfg(feature = "inbox")]
pub use inbox::record_inbox;
#[cfg(feature = "inbox")]
pub(crate) use inbox::{AttemptEnd, attempt_ended, first_attempt};
pub use names::{BUCKETS, METRICS, Metric, MetricKind, describe};
pub use observer::MetricsObserver;
pub use store::Metered;

/// A count in the facade's type; a value beyond 32 bits is reported as the maximum.
fn float(count: impl TryInto<u32>) -> f64 {
    f64::from(count.try_into().unwrap_or(u32::MAX))
}
