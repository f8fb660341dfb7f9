use tokio::time::Instant;

use super::WebhookLayer;
use crate::metrics::EndpointGauges;

impl<M> WebhookLayer<M> {
    /// Sets the gauges of this webhook: when each key last signed a delivery and when it expires, how old the
    /// answers for its allowlist are, by how much the clock is suspected, and the share of failures that its
    /// sender sees. Call it when the numbers are read.
    pub fn record_metrics(&self) {
        let authenticator = &self.steps.steps.authenticator;
        let (endpoint, checks) = (&authenticator.endpoint, &authenticator.checks);
        let failures = endpoint.pulse.failures(Instant::now());
        let lists = checks.sources.iter().map(|gate| gate.allowlist());
        let gauges = EndpointGauges {
            provider: &endpoint.provider,
            consumer: endpoint.consumer.as_ref(),
            keys: checks.keys().map(|ring| ring.keys()).unwrap_or_default(),
            oldest_answer: lists.filter_map(|list| list.oldest_answer()).min(),
            skew: endpoint.clock_watch.suspected(),
            failures: (failures.failed, failures.total),
            failure_share: endpoint.contract.failure_share(),
        };
        gauges.set();
    }
}
