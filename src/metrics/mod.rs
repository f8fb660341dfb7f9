//! Numbers for dashboards and alarms, through the facade of the crate [`metrics`](https://docs.rs/metrics):
//! whichever recorder the process installs gets them, and without one they cost next to nothing.
//!
//! | what | by |
//! | --- | --- |
//! | deliveries by outcome and reason, how long they took, and which keys signed them | [`MetricsObserver`] on each webhook |
//! | calls to a store or an inbox | [`Metered`] around it |
//! | attempts of workers, waiting times and lost leases | themselves |
//! | keys by their last match, ages of allowlists, clock skew, the share of failures | [`WebhookLayer::record_metrics`](crate::WebhookLayer::record_metrics) |
//! | what waits in an inbox | `record_inbox` |
//! | how busy a worker is | `Worker::record_metrics` |
//!
//! The last three set gauges: call them whenever the numbers are read. [`METRICS`] lists every name with its labels;
//! `docs/metrics.md` shows them, `dashboards/` has a dashboard for Grafana and alert rules for Prometheus, and
//! `examples/receiver` serves all of it.
//!
//! No label holds what a stranger or a sender chose: providers, consumers and keys have the names that you gave
//! them, everything else is a word of this crate. Tenants and event keys are in none.
//!
//! ```
//! use tower_webhook::layer::TracingObserver;
//! use tower_webhook::metrics::{self, BUCKETS, METRICS, Metered, MetricKind, MetricsObserver};
//! use tower_webhook::{MemoryStore, Webhook, provider};
//!
//! // Behind the recorder of your choice: a histogram needs its buckets there.
//! for metric in METRICS.iter().filter(|metric| metric.kind == MetricKind::Histogram) {
//!     println!("{} {BUCKETS:?}", metric.name);
//! }
//! metrics::describe();
//!
//! let keys = provider::stripe::keys(["whsec_test_9f8e7d6c5b4a"])?;
//! let stripe = Webhook::new(provider::stripe(keys))
//!     .store(Metered::new(MemoryStore::new()))
//!     .observer((TracingObserver, MetricsObserver::new()))
//!     .build()?;
//! // When the numbers are read:
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

/// A count as the facade takes it; what is beyond 32 bits is told as the most.
fn float(count: impl TryInto<u32>) -> f64 {
    f64::from(count.try_into().unwrap_or(u32::MAX))
}
