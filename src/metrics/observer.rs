use std::fmt;
use std::sync::Arc;

use metrics::{Counter, Histogram};

use super::names::{
    CLAIM_SECONDS, DELIVERIES, DELIVERY_SECONDS, ITEMS, KEY_MATCHES, PROOF_SECONDS,
};
use super::slots::Slots;
use crate::event::Name;
use crate::observer::{Observation, Observer, Verdict};
use crate::reason::Reason;
use crate::secret::{KeyId, KeyIds};

/// Counts every delivery by provider, outcome and reason, and measures how long it took.
///
/// It writes no log lines: combine it with a [`TracingObserver`](crate::layer::TracingObserver).
/// Its handles belong to the recorder that is installed when the first delivery arrives, so install
/// the recorder before that.
///
/// ```
/// use tower_webhook::layer::TracingObserver;
/// use tower_webhook::metrics::MetricsObserver;
/// use tower_webhook::{MemoryStore, Webhook, provider};
///
/// let keys = provider::stripe::keys(["whsec_test_9f8e7d6c5b4a"])?;
/// let stripe = Webhook::new(provider::stripe(keys))
///     .store(MemoryStore::new())
///     .observer((TracingObserver, MetricsObserver::new()))
///     .build()?;
/// # drop(stripe);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct MetricsObserver(Arc<Slots<(Name, Option<Name>), Handles>>);

/// The most webhooks with one observer whose handles are cached.
const MOST_ENDPOINTS: usize = 128;
/// The most outcomes of one endpoint, with and without reasons.
const MOST_OUTCOMES: usize = 64;
/// A ring has at most eight keys, which are replaced now and then. Further names are reported as
/// one.
const MOST_KEYS: usize = 32;
const OTHER_KEY: &str = "other";

/// The handles of one endpoint.
struct Handles {
    provider: Name,
    consumer: Option<Name>,
    outcomes: Slots<(Verdict, Option<Reason>), (Counter, Histogram)>,
    items: Slots<(Verdict, Option<Reason>), Counter>,
    proof: Histogram,
    claim: Histogram,
    keys: Slots<KeyId, Counter>,
    other_keys: Counter,
}

impl MetricsObserver {
    /// An observer of any number of webhooks; clones share its handles.
    pub fn new() -> Self {
        Self(Arc::new(Slots::new(MOST_ENDPOINTS)))
    }
}

impl Default for MetricsObserver {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for MetricsObserver {
    fn observe(&self, seen: &Observation<'_>) {
        self.0.with(
            |(provider, consumer)| provider == seen.provider && consumer.as_ref() == seen.consumer,
            || {
                let (provider, consumer) = (seen.provider.clone(), seen.consumer.cloned());
                let handles = Handles::new(provider.clone(), consumer.clone());
                ((provider, consumer), handles)
            },
            |handles| handles.record(seen),
        );
    }
}

impl Handles {
    fn new(provider: Name, consumer: Option<Name>) -> Self {
        let endpoint = [
            provider.as_str(),
            consumer.as_ref().map_or("", Name::as_str),
        ];
        Self {
            outcomes: Slots::new(MOST_OUTCOMES),
            items: Slots::new(MOST_OUTCOMES),
            proof: PROOF_SECONDS.histogram(&endpoint),
            claim: CLAIM_SECONDS.histogram(&endpoint),
            keys: Slots::new(MOST_KEYS),
            other_keys: KEY_MATCHES.counter(&[provider.as_str(), OTHER_KEY]),
            provider,
            consumer,
        }
    }

    fn record(&self, seen: &Observation<'_>) {
        let outcome = (seen.verdict, seen.reason);
        let consumer = self.consumer.as_ref().map_or("", Name::as_str);
        let [provider, verdict] = [self.provider.as_str(), seen.verdict.code()];
        let reason = seen.reason.map_or("", Reason::code);
        let labels = [provider, consumer, verdict, reason];
        if seen.item.is_some() {
            let make = || (outcome, ITEMS.counter(&labels));
            return self
                .items
                .with(|it| *it == outcome, make, |it| it.increment(1));
        }
        let make = || {
            let seconds = DELIVERY_SECONDS.histogram(&[provider, consumer, verdict]);
            (outcome, (DELIVERIES.counter(&labels), seconds))
        };
        self.outcomes.with(
            |it| *it == outcome,
            make,
            |(count, seconds)| {
                count.increment(1);
                seconds.record(seen.timings.total);
            },
        );
        if seen.status.is_none() && seen.verdict != Verdict::Passed {
            // The other metrics were recorded with the answer.
            return;
        }
        if let Some(proved) = seen.timings.proved {
            self.proof.record(proved);
        }
        if let Some(claimed) = seen.timings.claimed {
            self.claim.record(claimed);
        }
        for key in seen.signed_by.into_iter().flat_map(KeyIds::iter) {
            self.count_key(key);
        }
    }

    fn count_key(&self, key: &KeyId) {
        let is_known = |known: &KeyId| known.as_str() == key.as_str();
        if self.keys.has_room_for(is_known) {
            let make = || {
                let labels = [self.provider.as_str(), key.as_str()];
                (key.clone(), KEY_MATCHES.counter(&labels))
            };
            self.keys.with(is_known, make, |count| count.increment(1));
        } else {
            self.other_keys.increment(1);
        }
    }
}

impl fmt::Debug for MetricsObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsObserver").finish_non_exhaustive()
    }
}
