//! The loop of a worker. No error ends it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::entry_store::EntryStore;
use super::in_flight::ByteBudget;
use super::route_state::RouteState;
use super::take_size::TakeSize;
use super::work::Attempts;
use crate::clock::UnixTime;
use crate::inbox::{Inbox, Route, SharedInbox, WorkerId};
use crate::printable::Printable;
use crate::rejection_cause::Chain;
use crate::runtime::Drain;
use crate::store::StoreError;

/// How long the inbox is left alone after an error at first, then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How often a busy worker looks for entries that must run alone.
const LONE_EVERY: Duration = Duration::from_secs(10);

/// Takes entries from an inbox and runs their handlers; the [module](super) says how. Clones are the
/// same worker.
#[derive(Clone)]
pub struct Worker(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) inbox: SharedInbox,
    pub(super) entries: EntryStore,
    pub(super) routes: Vec<RouteState>,
    pub(super) settings: Settings,
    pub(super) drain: Drain,
    /// One for each handler that may run.
    pub(super) places: Arc<Semaphore>,
    pub(super) bytes: ByteBudget,
    /// When the inbox last answered, in microseconds.
    pub(super) last_asked: AtomicU64,
    /// How many queries have failed since then.
    pub(super) failures: AtomicU32,
    /// How many calls of [`Worker::run`] take entries.
    pub(super) at_work: AtomicUsize,
}

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) concurrency: usize,
    pub(super) attempts: Attempts,
    pub(super) lease: Duration,
    /// How long a stale entry is known: the longest time among the served routes.
    pub(super) retention: Duration,
    pub(super) poll_every: Duration,
}

/// The state of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// How many handlers run, or are about to.
    pub running: usize,
    /// When the inbox last answered a request for entries. If that is long ago, the inbox is out of
    /// reach, or all handlers are busy.
    pub last_asked: Option<UnixTime>,
}

impl Worker {
    pub(super) fn new(
        inbox: SharedInbox,
        entries: EntryStore,
        routes: Vec<RouteState>,
        settings: Settings,
        max_bytes: usize,
        drain: Drain,
    ) -> Self {
        Self(Arc::new(Shared {
            inbox,
            entries,
            routes,
            places: Arc::new(Semaphore::new(settings.concurrency)),
            settings,
            drain,
            bytes: ByteBudget::new(max_bytes),
            last_asked: AtomicU64::new(0),
            failures: AtomicU32::new(0),
            at_work: AtomicUsize::new(0),
        }))
    }

    /// Works until the [drain](Worker::drain) begins, and then waits for the running handlers.
    ///
    /// An error of the inbox is logged and causes a pause, but never ends the loop. If the future
    /// is dropped, the worker takes nothing more, and running handlers continue in separate tasks.
    pub async fn run(&self) {
        let shared = &*self.0;
        tracing::info!(
            target: "tower_webhook",
            worker = %self.id(),
            routes = ?shared.routes,
            concurrency = shared.settings.concurrency,
            "a worker has begun"
        );
        {
            let _at_work = AtWork::begin(&shared.at_work);
            shared.work().await;
        }
        let all = u32::try_from(shared.settings.concurrency).unwrap_or(u32::MAX);
        // Every run that ends returns its place.
        let _ = shared.places.acquire_many(all).await;
        tracing::info!(target: "tower_webhook", worker = %self.id(), "a worker has ended");
    }

    /// The drain that ends [`Worker::run`] when it begins.
    pub fn drain(&self) -> &Drain {
        &self.0.drain
    }

    /// The worker's id in the log, and in the [entries](crate::inbox::Entry::worker) that it has or has ended.
    pub fn id(&self) -> WorkerId {
        self.0.entries.worker
    }

    /// The routes that it serves.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.0.routes.iter().map(|state| &state.route)
    }

    /// Its present state.
    pub fn status(&self) -> WorkerStatus {
        let shared = &*self.0;
        let free = shared.places.available_permits();
        let last = shared.last_asked.load(Ordering::Relaxed);
        WorkerStatus {
            running: shared.settings.concurrency.saturating_sub(free),
            last_asked: (last > 0).then(|| UnixTime::from_micros(last)),
        }
    }
}

impl Shared {
    async fn work(&self) {
        let mut failures = 0_u32;
        let mut lone_at = Instant::now();
        let (mut some, mut lone, mut size) = (None, None, TakeSize::default());
        loop {
            // Nothing is taken that could not begin. An outstanding answer is awaited first,
            // because the entries in it are held already.
            let can_begin = async {
                self.bytes.some_left().await;
                let _ = self.places.acquire().await;
            };
            if !self.unless_draining(can_begin).await {
                break;
            }
            let now = Instant::now();
            let is_lone = lone.is_some() || (some.is_none() && now >= lone_at);
            let asked = if is_lone {
                lone_at = now + LONE_EVERY;
                self.take_alone(&mut lone).await.map(|()| true)
            } else {
                self.take_some(&mut some, &mut size).await
            };
            match asked {
                // This says nothing about the other entries, which may be too many to read in time.
                Ok(_) if is_lone => {}
                Ok(may_have_more) => {
                    if failures > 0 {
                        tracing::info!(
                            target: "tower_webhook",
                            failures,
                            "a worker takes entries from its inbox again"
                        );
                        failures = 0;
                        self.failures.store(0, Ordering::Relaxed);
                    }
                    if !may_have_more {
                        let wait = self.inbox.wait(self.settings.poll_every);
                        self.unless_draining(wait).await;
                    }
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    self.failures.store(failures, Ordering::Relaxed);
                    if failures.is_power_of_two() {
                        warn(&error, failures);
                    }
                    let doublings = failures.saturating_sub(1).min(16);
                    let pause = FIRST_PAUSE.saturating_mul(1 << doublings);
                    if some.is_none() && lone.is_none() {
                        self.unless_draining(sleep(pause.min(LONGEST_PAUSE))).await;
                    }
                }
            }
        }
        join(self.end(some), self.end(lone)).await;
    }

    /// Waits for this future unless the drain begins. Returns `false` if it has begun.
    async fn unless_draining(&self, waited_for: impl Future) -> bool {
        tokio::select! {
            biased;
            () = self.drain.begun() => false,
            _ = waited_for => true,
        }
    }
}

/// Counts a call that takes entries, until it is dropped.
struct AtWork<'a>(&'a AtomicUsize);

impl<'a> AtWork<'a> {
    fn begin(calls: &'a AtomicUsize) -> Self {
        calls.fetch_add(1, Ordering::Relaxed);
        Self(calls)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn warn(error: &StoreError, failures: u32) {
    tracing::error!(
        target: "tower_webhook",
        error = %Printable(Chain(error)),
        failures,
        "a worker cannot take entries from its inbox; it goes on trying"
    );
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = &*self.0;
        f.debug_struct("Worker")
            .field("id", &self.id())
            .field("inbox", &shared.inbox)
            .field("routes", &shared.routes)
            .field("settings", &shared.settings)
            .field("status", &self.status())
            .finish()
    }
}
