use tokio::time::Instant;

use super::WebhookLayer;
use crate::layer::SourceGate;
use crate::metrics::EndpointGauges;
use crate::secret::KeyRing;
use crate::source::Allowlist;

impl<M> WebhookLayer<M> {
    /// Sets the gauges of this webhook: when each key last signed a delivery and when it expires,
    /// how old the answers for its allowlist are, by how much the clock is suspected to be off, and
    /// the share of failures that its sender sees. Call it whenever the metrics are collected.
    pub fn record_metrics(&self) {
        let authenticator = &self.steps.steps.authenticator;
        let (endpoint, checks) = (&authenticator.endpoint, &authenticator.checks);
        let failures = endpoint.pulse.failures(Instant::now());
        let lists = checks.sources.iter().map(SourceGate::allowlist);
        let gauges = EndpointGauges {
            provider: &endpoint.provider,
            consumer: endpoint.consumer.as_ref(),
            keys: checks.keys().map(KeyRing::keys).unwrap_or_default(),
            oldest_answer: lists.filter_map(Allowlist::oldest_answer).min(),
            skew: endpoint.clock_watch.suspected(),
            failures: (failures.failed, failures.total),
            failure_share: endpoint.contract.failure_share(),
        };
        gauges.set();
    }
}
