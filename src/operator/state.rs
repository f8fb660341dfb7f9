//! The data that the views are made from.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::depth::{Depth, Source};
use super::seen::{Seen, endpoint_name};
use super::token::FormTokens;
use crate::clock::UnixTime;
use crate::event::Name;
use crate::inbox::{Inbox as _, Route, SharedInbox};
use crate::journal::{Journal, JournalLines};
use crate::store::{SharedStore, Store as _};
use crate::webhook::{EndpointFacts, EndpointKeptIn, WebhookLayer};

/// The number of pages that are notified of news at the same time.
const STREAMS: usize = 64;
/// How long a discarded event is known, if no webhook of its provider specifies it.
pub(super) const RETENTION: Duration = Duration::from_secs(30 * 86_400);

pub(super) struct State {
    pub(super) webhooks: Vec<WebhookLayer>,
    pub(super) sources: Vec<Source>,
    pub(super) journal: Option<(Journal, JournalLines)>,
    pub(super) seen: Arc<Seen>,
    pub(super) is_observing: bool,
    pub(super) only_for_operators: bool,
    pub(super) tokens: FormTokens,
    pub(super) streams: Arc<Semaphore>,
    /// Limits diagnoses of signatures to one at a time.
    pub(super) diagnosing: Arc<Semaphore>,
    is_counting: AtomicBool,
}

/// The parts of a page.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    pub(super) webhooks: Vec<WebhookLayer>,
    pub(super) stores: Vec<SharedStore>,
    pub(super) inboxes: Vec<SharedInbox>,
    pub(super) journal: Option<(Journal, JournalLines)>,
    pub(super) only_for_operators: bool,
}

impl State {
    pub(super) fn new(given: &Given, seen: Arc<Seen>, is_observing: bool) -> Arc<Self> {
        let Given {
            webhooks,
            stores,
            inboxes,
            journal,
            only_for_operators,
        } = given.clone();
        let (mut all_stores, mut all_inboxes) = (stores, inboxes);
        for webhook in &webhooks {
            match webhook.facts().kept_in {
                EndpointKeptIn::Store(store) => all_stores.push(store),
                EndpointKeptIn::Inbox(inbox, _, _) => all_inboxes.push(inbox),
            }
        }
        let mut sources = Vec::new();
        let mut known = Vec::new();
        for inbox in all_inboxes {
            let identity = inbox.identity();
            if !known.contains(&identity) {
                known.push(identity);
                sources.push(Source::Inbox(inbox, Depth::new()));
            }
        }
        for store in all_stores {
            let identity = store.identity();
            if !known.contains(&identity) {
                known.push(identity);
                sources.push(Source::Store(store, Depth::new()));
            }
        }
        let state = Arc::new(Self {
            webhooks,
            sources,
            journal,
            seen,
            is_observing,
            only_for_operators,
            tokens: FormTokens::new(),
            streams: Arc::new(Semaphore::new(STREAMS)),
            diagnosing: Arc::new(Semaphore::new(1)),
            is_counting: AtomicBool::new(false),
        });
        state.count();
        state
    }

    pub(super) fn now(&self) -> UnixTime {
        self.seen.clock.now()
    }

    /// Starts counting, if there is a runtime and it has not started yet. It ends with the last
    /// router.
    pub(super) fn count(self: &Arc<Self>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.is_counting.swap(true, Ordering::Relaxed) {
            return;
        }
        for place in 0..self.sources.len() {
            drop(runtime.spawn(count_on(Arc::downgrade(self), place)));
        }
    }

    /// Whether all webhooks of the page are shutting down.
    pub(super) fn is_draining(&self) -> bool {
        !self.webhooks.is_empty() && self.webhooks.iter().all(WebhookLayer::is_draining)
    }

    pub(super) fn inboxes(&self) -> Vec<&SharedInbox> {
        let inboxes = self.sources.iter().filter_map(Source::inbox);
        inboxes.collect()
    }

    pub(super) fn stores(&self) -> Vec<&SharedStore> {
        let stores = self.sources.iter().filter_map(Source::store);
        stores.collect()
    }

    pub(super) fn webhook(&self, provider: &str, consumer: Option<&str>) -> Option<&WebhookLayer> {
        let mut all = self.webhooks.iter();
        all.find(|webhook| {
            let facts = webhook.facts();
            facts.provider.as_str() == provider
                && facts.consumer.as_ref().map(Name::as_str) == consumer
        })
    }

    /// How long a discarded event of this provider is known.
    pub(super) fn retention(&self, provider: &Name) -> Duration {
        let facts = self.webhooks.iter().map(WebhookLayer::facts);
        let of = facts.filter(|facts| facts.provider == *provider);
        let kept = of.filter_map(|facts| match facts.kept_in {
            EndpointKeptIn::Inbox(_, retention, _) => Some(retention),
            EndpointKeptIn::Store(_) => None,
        });
        kept.max().unwrap_or(RETENTION)
    }

    /// The distinct routes of this inbox.
    pub(super) fn routes(&self, inbox: &SharedInbox) -> Vec<Route> {
        let mut all = Vec::new();
        for webhook in &self.webhooks {
            if let EndpointKeptIn::Inbox(own, _, route) = webhook.facts().kept_in
                && own.identity() == inbox.identity()
                && !all.contains(&route)
            {
                all.push(route);
            }
        }
        all
    }

    /// The distinct providers of all webhooks.
    pub(super) fn providers(&self) -> Vec<Name> {
        let mut all = Vec::new();
        for webhook in &self.webhooks {
            let EndpointFacts { provider, .. } = webhook.facts();
            if !all.contains(&provider) {
                all.push(provider);
            }
        }
        all
    }
}

/// The name by which the observer knows a webhook.
pub(super) fn name_of(facts: &EndpointFacts) -> String {
    endpoint_name(&facts.provider, facts.consumer.as_ref())
}

/// Counts one store or inbox, for as long as the page exists.
async fn count_on(state: Weak<State>, place: usize) {
    loop {
        let Some(held) = state.upgrade() else { return };
        let Some(source) = held.sources.get(place) else {
            return;
        };
        let now = held.now();
        let pause = source.count(now).await;
        drop(held);
        tokio::time::sleep(pause).await;
    }
}
