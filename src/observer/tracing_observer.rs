use std::ops::Deref;
use std::time::Duration;

use super::{Diagnosed, Observation, Observer, Verdict};
use crate::reason::Reason;
use crate::signature::diagnosis::Cause;

/// Writes one `tracing` event for each outcome, with target `tower_webhook`.
///
/// Handled deliveries and duplicates are at `INFO`, and refusals at `WARN`. Outcomes that need a
/// person (a misconfiguration, a stale signature, a failed handler, a store out of reach) are at
/// `ERROR`.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingObserver;

impl Observer for TracingObserver {
    fn observe(&self, observation: &Observation<'_>) {
        let total = || Some(observation.timings.total);
        Self::write(
            observation.verdict,
            observation.reason,
            &observation,
            &total,
        );
    }

    fn diagnosed(&self, diagnosed: &Diagnosed<'_>) {
        tracing::warn!(
            target: "tower_webhook",
            provider = %diagnosed.provider,
            consumer = diagnosed.consumer.map(tracing::field::display),
            reason = diagnosed.reason.code(),
            claimed_id = diagnosed.claimed_id.map(tracing::field::display),
            cause = diagnosed.diagnosis.cause().map(Cause::code),
            detail = %diagnosed.diagnosis,
            "refusal diagnosed"
        );
    }
}

impl TracingObserver {
    /// Writes the event if it is enabled. Only then are the observation and `total` evaluated; the
    /// duration is left out if no clock was read.
    pub(crate) fn write<'a>(
        verdict: Verdict,
        reason: Option<Reason>,
        observation: &dyn Deref<Target = Observation<'a>>,
        total: &dyn Fn() -> Option<Duration>,
    ) {
        let message = match verdict {
            Verdict::Passed => "delivery passed",
            Verdict::Handled => "delivery handled",
            Verdict::Queued => "delivery queued",
            Verdict::Duplicate => "delivery is a duplicate",
            Verdict::Refused => "delivery refused",
            Verdict::Failed => "delivery failed",
            Verdict::Unfinished => "delivery answered before its handler ended",
            Verdict::Probed => "probe answered",
            Verdict::Filtered => "delivery filtered",
            Verdict::NotOurs => "delivery is somebody else's",
        };
        macro_rules! event {
            ($level:ident) => {
                tracing::$level!(
                    target: "tower_webhook",
                    provider = %observation.provider,
                    consumer = observation.consumer.map(tracing::field::display),
                    reason = reason.map(Reason::code),
                    status = observation.status.map(|status| status.as_u16()),
                    key = observation.key.map(|key| tracing::field::display(key.escaped())),
                    item = observation.item.map(|item| item.index),
                    items = (observation.items).or(observation.item.map(|item| item.count)),
                    signed_by = observation.signed_by.map(tracing::field::display),
                    client = observation.client.map(tracing::field::display),
                    claimed_id = observation.claimed_id.map(tracing::field::display),
                    body_len = observation.body_len,
                    content_length = observation.content_length,
                    clock_suspected = observation.clock_suspected.then_some(true),
                    attempt = observation.attempt,
                    corrected = observation.corrected.then_some(true),
                    content_differs = observation.content_differs.then_some(true),
                    test_id = observation.test_id.then_some(true),
                    predates_retention = observation.predates_retention.then_some(true),
                    unchecked = observation.unchecked.then_some(true),
                    polled = observation.polled.then_some(true),
                    detail = observation.detail.map(tracing::field::display),
                    elapsed_us = total().map(|total| total.as_micros()),
                    "{message}"
                )
            };
        }
        match level(verdict, reason) {
            tracing::Level::ERROR => event!(error),
            tracing::Level::WARN => event!(warn),
            _ => event!(info),
        }
    }
}

fn level(verdict: Verdict, reason: Option<Reason>) -> tracing::Level {
    let alarming = reason.is_some_and(|reason| {
        reason.is_configuration_fault()
            || matches!(
                reason,
                Reason::SignatureStale
                    | Reason::ProofUnavailable
                    | Reason::StoreUnavailable
                    | Reason::StoreTooSlow
                    | Reason::StoreFull
                    | Reason::HandlerPanicked
                    | Reason::NotRecorded
                    | Reason::LeaseLost
            )
    });
    match verdict {
        Verdict::Failed => tracing::Level::ERROR,
        _ if alarming => tracing::Level::ERROR,
        Verdict::Refused | Verdict::Unfinished => tracing::Level::WARN,
        Verdict::Passed
        | Verdict::Handled
        | Verdict::Queued
        | Verdict::Duplicate
        | Verdict::Probed
        | Verdict::Filtered
        | Verdict::NotOurs => tracing::Level::INFO,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

    use super::*;
    use crate::contract::{RetriedStatuses, RetrySchedule, SenderContract};
    use crate::event::Name;
    use crate::layer::EndpointConfig;

    const PROMISED: &str = include_str!("../../docs/stability.md");

    /// Its level, and the names of its fields.
    type Event = (tracing::Level, BTreeSet<&'static str>);

    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<Event>>>);

    impl<S: tracing::Subscriber> Layer<S> for Seen {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            let metadata = event.metadata();
            let names = metadata.fields().iter().map(|field| field.name());
            let names = names.filter(|name| *name != "message").collect();
            self.0.lock().unwrap().push((*metadata.level(), names));
        }
    }

    #[test]
    fn outcomes_have_the_fields_that_are_promised() {
        let (_, section) = PROMISED.split_once("\n## Log events\n").unwrap();
        let table = section.split("\n## ").next().unwrap();
        let cells = table.lines().filter_map(|line| line.strip_prefix("| `"));
        let promised: BTreeSet<_> = cells
            .filter_map(|line| line.split(" | ").next())
            .flat_map(|cell| cell.split(&['`', ',', ' '][..]))
            .filter(|name| !name.is_empty())
            .collect();

        let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
        let endpoint = EndpointConfig::new(Name::new("acme").unwrap(), contract);
        let seen = Seen::default();
        let subscriber = tracing_subscriber::registry().with(seen.clone());
        tracing::subscriber::with_default(subscriber, || {
            for verdict in [Verdict::Handled, Verdict::Refused, Verdict::Failed] {
                TracingObserver.observe(&endpoint.observation(verdict));
            }
        });
        let levels = [
            tracing::Level::INFO,
            tracing::Level::WARN,
            tracing::Level::ERROR,
        ];
        let seen = seen.0.lock().unwrap();
        for (level, (seen_at, fields)) in levels.iter().zip(seen.iter()) {
            assert_eq!((seen_at, fields), (level, &promised));
        }
        assert_eq!(seen.len(), levels.len());
    }
}
