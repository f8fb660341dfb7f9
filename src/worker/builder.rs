use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::backoff::Backoff;
use super::entry_store::EntryStore;
use super::health::of_inbox;
use super::route_state::{RouteState, UnconfirmedRoute};
use super::run::{Settings, Worker};
use super::work::Attempts;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::health::Health;
use crate::inbox::{Inbox, SharedInbox, WorkerId};
use crate::runtime::{
    AnyHandler, Drain, EventHandler, RunSettings, RunState, Served, Serves, WaitingRoom, WithState,
};
use crate::store::SharedStore;

const DEFAULT_CONCURRENCY: usize = 16;
const MOST_CONCURRENCY: usize = 10_000;
const DEFAULT_ATTEMPTS: u32 = 30;
const DEFAULT_LEASE: Duration = Duration::from_secs(30);
const DEFAULT_TIME_LIMIT: Duration = Duration::from_secs(15 * 60);
const DEFAULT_POLL: Duration = Duration::from_millis(250);
const DEFAULT_BYTES: usize = 64 * 1024 * 1024;
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const WEEK: Duration = Duration::from_secs(7 * 86_400);
const SHORTEST_POLL: Duration = Duration::from_millis(1);

/// Starts workers of an inbox.
pub trait InboxExt {
    /// Starts building a worker of this inbox; [`WorkerBuilder::on`] sets what it serves.
    fn worker(&self) -> WorkerBuilder;

    /// The health of this inbox: whether it answers within two seconds, what is paused, and how
    /// many events are in the dead letters. See [`health`](crate::health).
    ///
    /// ```
    /// use tower_webhook::inbox::{Inbox, MemoryInbox};
    /// use tower_webhook::worker::InboxExt;
    /// use tower_webhook::Name;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let inbox = MemoryInbox::new();
    /// inbox.set_paused(&Name::new("stripe")?, true).await?;
    /// let health = inbox.health().await;
    /// assert_eq!(health.to_string(), "degraded\ndegraded inbox paused: no worker takes events of stripe");
    /// # Ok(())
    /// # }
    /// ```
    fn health(&self) -> impl Future<Output = Health> + Send;
}

impl<I: Inbox + Clone> InboxExt for I {
    fn worker(&self) -> WorkerBuilder {
        WorkerBuilder::new(SharedInbox::new(self.clone()))
    }

    async fn health(&self) -> Health {
        of_inbox(self).await
    }
}

/// Builds a [`Worker`].
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::inbox::MemoryInbox;
/// use tower_webhook::worker::{Backoff, InboxExt};
/// use tower_webhook::{PathTokens, Webhook, provider};
///
/// let inbox = MemoryInbox::new();
/// let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
/// let bloque = Webhook::new(provider::bloque_accounts(tokens)).inbox(inbox.clone()).build()?;
/// let worker = inbox
///     .worker()
///     .concurrency(64)
///     .max_bytes(16 * 1024 * 1024)
///     .max_attempts(10)
///     .backoff(Backoff::new(Duration::from_secs(1), Duration::from_secs(60))?)
///     .time_limit(Duration::from_secs(30))
///     .lease(Duration::from_secs(15))
///     .poll_every(Duration::from_secs(1))
///     .on(&bloque, async || {})
///     .build()?;
/// assert_eq!(worker.routes().count(), 1);
/// assert_eq!(worker.status().running, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct WorkerBuilder<S = ()> {
    inbox: SharedInbox,
    state: S,
    served: Vec<(Option<Served>, Arc<dyn AnyHandler>)>,
    concurrency: usize,
    max_bytes: usize,
    attempts: Attempts,
    lease: Duration,
    poll_every: Duration,
    drain: Drain,
}

impl WorkerBuilder {
    fn new(inbox: SharedInbox) -> Self {
        Self {
            inbox,
            state: (),
            served: Vec::new(),
            concurrency: DEFAULT_CONCURRENCY,
            max_bytes: DEFAULT_BYTES,
            attempts: Attempts {
                most: DEFAULT_ATTEMPTS,
                backoff: Backoff::default(),
                time_limit: DEFAULT_TIME_LIMIT,
            },
            lease: DEFAULT_LEASE,
            poll_every: DEFAULT_POLL,
            drain: Drain::new(),
        }
    }

    /// Gives a state to the handlers that are added after this call.
    pub fn with_state<S>(self, state: S) -> WorkerBuilder<S> {
        let Self {
            inbox,
            state: (),
            served,
            concurrency,
            max_bytes,
            attempts,
            lease,
            poll_every,
            drain,
        } = self;
        WorkerBuilder {
            inbox,
            state,
            served,
            concurrency,
            max_bytes,
            attempts,
            lease,
            poll_every,
            drain,
        }
    }
}

impl<S: Clone + Send + Sync + 'static> WorkerBuilder<S> {
    /// Runs this handler for the events of this webhook, which must keep them in this inbox. A
    /// process that is only a worker still builds the webhook, but does not mount it.
    pub fn on<H, Args>(mut self, webhook: &impl Serves, handler: H) -> Self
    where
        H: EventHandler<S, Args>,
        Args: 'static,
    {
        let handler = WithState::new(handler, self.state.clone());
        self.served.push((webhook.served(), Arc::new(handler)));
        self
    }
}

impl<S> WorkerBuilder<S> {
    /// How many handlers run at once; 16 by default, at most 10,000. No more entries are taken than
    /// can begin.
    pub fn concurrency(mut self, runs: usize) -> Self {
        self.concurrency = runs;
        self
    }

    /// How many bytes of bodies and envelopes they hold in all; 64 MiB by default. While any of it
    /// is left, an entry of any size may begin, so they may exceed it by one entry.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How many attempts an event has before it is dead; 30 by default, and at least one.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.attempts.most = attempts;
        self
    }

    /// How long an event is left alone after a failed attempt; [`Backoff::default`] by default.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.attempts.backoff = backoff;
        self
    }

    /// How long an attempt may take; 15 minutes by default, from a second to a week. A longer one
    /// is dropped at its next await, and counts as failed.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.attempts.time_limit = limit;
        self
    }

    /// How long an entry is held without renewal, and so how long it takes until the entries of a dead worker
    /// are taken over. 30 s unless set, from a second to an hour. It is renewed after a third of that time.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How often the inbox is polled while nothing is due; every 250 ms by default, from a millisecond
    /// to an hour. Events that this process itself accepts are taken at once. Entries that become due
    /// later, such as retries or those of a dead worker, may wait until the next poll.
    pub fn poll_every(mut self, interval: Duration) -> Self {
        self.poll_every = interval;
        self
    }

    /// Stops when this drain begins; it may be shared with the webhooks of the process.
    pub fn drain(mut self, drain: Drain) -> Self {
        self.drain = drain;
        self
    }

    /// The worker.
    ///
    /// # Errors
    ///
    /// No handler; two for one webhook; a webhook that keeps its events in a store, or in another
    /// inbox; a setting out of bounds.
    pub fn build(self) -> Result<Worker, ConfigError> {
        self.check()?;
        let id = WorkerId::random();
        let entries = EntryStore::new(self.inbox.clone(), id);
        let mut routes = Vec::with_capacity(self.served.len());
        let (mut known, mut longest) = (BTreeSet::new(), Duration::ZERO);
        for (served, handler) in self.served {
            let served = served.ok_or_else(|| {
                refused("a webhook that it is to serve has no inbox: give it one by inbox(…)")
            })?;
            let Served {
                inbox,
                route,
                retention,
                confirms,
                revive_every,
            } = served;
            longest = longest.max(retention);
            if inbox.own_identity() != self.inbox.own_identity() {
                return Err(refused(format!(
                    "the webhook {route} keeps its events in another inbox than this worker's"
                )));
            }
            if !known.insert(route.clone()) {
                return Err(refused(format!("the webhook {route} has two handlers")));
            }
            let settings = RunSettings {
                confirms: Vec::new(),
                drain: self.drain.clone(),
                waiting: WaitingRoom::new(self.concurrency),
                fail_open: false,
                sender_retries: true,
                is_timed: false,
                is_queued: true,
                mark: Some(id.mark()),
            };
            let ceiling = self.attempts.ceiling(self.lease);
            let store = SharedStore::new(entries.clone());
            let runs = RunState::new(store, retention, self.lease, ceiling, settings);
            let unconfirmed = (!confirms.is_empty()).then(|| UnconfirmedRoute {
                confirmed: route.clone(),
                route: route.unconfirmed(),
                confirms,
                revive_every,
                retention,
            });
            routes.push(RouteState {
                route,
                handler,
                runs: Arc::new(runs),
                unconfirmed: unconfirmed.map(Arc::new),
            });
        }
        let settings = Settings {
            concurrency: self.concurrency,
            attempts: self.attempts,
            lease: self.lease,
            retention: longest,
            poll_every: self.poll_every,
        };
        Ok(Worker::new(
            self.inbox,
            entries,
            routes,
            settings,
            self.max_bytes,
            self.drain,
        ))
    }

    fn check(&self) -> Result<(), ConfigError> {
        let within = |what: &str, value: Duration, least: Duration, most: Duration| {
            if value < least || value > most {
                let text = format!("{what} of {value:?} is not from {least:?} to {most:?}");
                return Err(ConfigError::new(ConfigErrorKind::Limit, text));
            }
            Ok(())
        };
        if self.served.is_empty() {
            return Err(refused(
                "it serves nothing: name a webhook and its handler by on(…)",
            ));
        }
        if !(1..=MOST_CONCURRENCY).contains(&self.concurrency) {
            return Err(ConfigError::new(
                ConfigErrorKind::Limit,
                format!(
                    "a concurrency of {} is not from 1 to {MOST_CONCURRENCY}",
                    self.concurrency
                ),
            ));
        }
        if self.attempts.most == 0 {
            return Err(ConfigError::new(
                ConfigErrorKind::Limit,
                "no attempts: one is the least",
            ));
        }
        within("a lease", self.lease, SECOND, HOUR)?;
        within("a time limit", self.attempts.time_limit, SECOND, WEEK)?;
        within("a poll", self.poll_every, SHORTEST_POLL, HOUR)
    }
}

fn refused(message: impl Into<std::borrow::Cow<'static, str>>) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Worker, message)
}

impl<S> fmt::Debug for WorkerBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            inbox,
            state: _,
            served,
            concurrency,
            max_bytes,
            attempts,
            lease,
            poll_every,
            drain: _,
        } = self;
        let routes = served
            .iter()
            .map(|(served, _)| served.as_ref().map(|it| &it.route));
        f.debug_struct("WorkerBuilder")
            .field("inbox", inbox)
            .field("routes", &routes.collect::<Vec<_>>())
            .field("concurrency", concurrency)
            .field("max_bytes", max_bytes)
            .field("attempts", attempts)
            .field("lease", lease)
            .field("poll_every", poll_every)
            .finish()
    }
}
