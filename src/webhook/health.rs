//! Collects the health of a webhook.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::WebhookLayer;
use crate::clock::UnixTime;
use crate::event::EventKey;
use crate::health::{AllowlistState, Health, HealthState, KeysState, judge};
use crate::layer::{Checks, NamedSteps, SourceGate};
use crate::printable::Printable;
use crate::rejection_cause::Chain;
use crate::secret::{KeyRing, SigningKey};
use crate::store::{Store, StoreError, StoreErrorKind};

/// How long the store may take to answer.
const ASK_LIMIT: Duration = Duration::from_secs(1);
/// The store is not queried if a delivery used it this recently.
const USED_LATELY: Duration = Duration::from_secs(1);

impl<M> WebhookLayer<M> {
    /// The health of the webhook: whether its store answers, its keys and addresses are good, and
    /// its deliveries succeed. See [`health`](crate::health).
    ///
    /// It reads counters that deliveries update, and queries the store for one record unless a
    /// delivery has used it within the last second. The answer takes at most a second.
    ///
    /// ```
    /// use tower_webhook::health::HealthStatus;
    /// use tower_webhook::{Drain, DedupeConfig, MemoryStore, Webhook, provider};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let keys = provider::stripe::keys(["whsec_test_9f8e7d6c5b4a"])?;
    /// let drain = Drain::new();
    /// let stripe = Webhook::new(provider::stripe(keys))
    ///     .store(MemoryStore::new())
    ///     .dedupe(DedupeConfig::new().drain(drain.clone()))
    ///     .build()?;
    /// assert_eq!(stripe.health().await.status(), HealthStatus::Ready);
    /// drain.begin();
    /// assert_eq!(stripe.health().await.to_string(), "failing\nfailing stripe draining: it is shutting down");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn health(&self) -> Health {
        self.steps.health().await
    }
}

impl NamedSteps {
    async fn health(&self) -> Health {
        let (authenticator, core) = (&self.steps.authenticator, &self.steps.core);
        let (endpoint, checks) = (&authenticator.endpoint, &authenticator.checks);
        let (pulse, now) = (&endpoint.pulse, endpoint.clock.now());
        let asked_at = Instant::now();
        let is_used = |ago: Duration| ago < USED_LATELY;
        let worked = pulse.store_worked.age(pulse, asked_at);
        #[cfg_attr(
            not(feature = "inbox"),
            expect(unused_mut, reason = "only an inbox is paused")
        )]
        let mut is_paused = false;
        let mut store_error = None;
        #[cfg(feature = "inbox")]
        let inbox = self.served().map(|served| served.inbox);
        #[cfg(feature = "inbox")]
        if let Some(inbox) = &inbox {
            use crate::inbox::Inbox;
            match asked(inbox.paused()).await {
                Ok(paused) => is_paused = paused.contains(&endpoint.provider),
                Err(error) => store_error = Some(error),
            }
        }
        #[cfg(feature = "inbox")]
        let is_asked = inbox.is_some();
        #[cfg(not(feature = "inbox"))]
        let is_asked = false;
        if !is_asked && !worked.is_some_and(is_used) {
            // Any key will do: the result is ignored.
            let key = EventKey::new(endpoint.provider.clone(), ["tower_webhook", "health"]);
            if let Ok(key) = key {
                store_error = asked(core.store().lookup(&key)).await.err();
            }
        }
        let now_instant = Instant::now();
        let state = HealthState {
            subject: match &endpoint.consumer {
                Some(consumer) => format!("{}/{consumer}", endpoint.provider),
                None => endpoint.provider.to_string(),
            },
            now,
            is_draining: core.drain().has_begun(),
            store_error: store_error.map(|error| Printable(Chain(&error)).to_string()),
            store_worked: pulse.store_worked.age(pulse, now_instant),
            store_failed: pulse.store_failed.age(pulse, now_instant),
            store_full: pulse.store_full.age(pulse, now_instant),
            keys: checks.keys().map(|keys| {
                let matched = pulse.matched.age(pulse, now_instant);
                KeysState {
                    last_end: last_end(keys),
                    mismatched: pulse.mismatched(),
                    silent_for: matched.unwrap_or_else(|| pulse.age(now_instant)),
                    has_matched: matched.is_some(),
                }
            }),
            allowlists: allowlists(checks, now),
            skew: endpoint.clock_watch.suspected(),
            failures: pulse.failures(now_instant),
            failure_share: endpoint.contract.failure_share(),
            is_paused,
        };
        judge(&state)
    }
}

async fn asked<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match timeout(ASK_LIMIT, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(StoreError::new(StoreErrorKind::TimedOut)),
    }
}

/// When the last of the keys expires; `None` if any key never does.
fn last_end(keys: &KeyRing) -> Option<UnixTime> {
    let ends: Option<Vec<_>> = keys.keys().iter().map(SigningKey::end).collect();
    ends?.into_iter().max()
}

fn allowlists(checks: &Checks, now: UnixTime) -> Vec<AllowlistState> {
    let lists = checks.sources.iter().map(SourceGate::allowlist);
    let states = lists.map(|list| AllowlistState {
        oldest_answer: list.oldest_answer(),
        stale_feed: list.oldest_stale_feed(now),
        admits_nobody: list.admits_nobody(now),
    });
    states.collect()
}
