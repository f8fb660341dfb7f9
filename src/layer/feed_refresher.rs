//! Refreshes the feeds of an allowlist in the background.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::runtime::{Panicked, caught};
use crate::source::{AddressFeed, Allowlist, FeedChange, WeakAllowlist};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How often a feed is fetched by default: senders announce changes days ahead.
const EVERY: Duration = Duration::from_secs(6 * 3_600);
/// The delay after a failure; it doubles with each further one.
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// How long one fetch may take.
const FETCH_LIMIT: Duration = Duration::from_secs(30);

/// Fetches the feeds of an [`Allowlist`] again and again, by a function of yours.
///
/// The function is handed a feed's address and returns what is served there. It should take HTTPS
/// only, follow no redirect to another host, and end a body at 4 MiB: longer ones are refused. What
/// was read last stands while fetches fail, for as long as the list
/// [keeps it](Allowlist::keep_feeds_for); a function that panics has failed too. Changes, failures, and feeds that have lost more than
/// half of their networks are logged.
///
/// ```
/// use tower_webhook::source::{AddressFeed, Allowlist};
/// use tower_webhook::FeedRefresher;
/// # async fn get(url: &str) -> Result<Vec<u8>, std::io::Error> { Ok(br#"{"hooks":["192.0.2.0/24"]}"#.to_vec()) }
/// # let runtime = tokio::runtime::Runtime::new()?;
/// # let _in_runtime = runtime.enter();
///
/// let list = Allowlist::of_feeds([AddressFeed::github()])?;
/// FeedRefresher::new(&list, |url| async move { get(&url).await }).start()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is fetched before `start`"]
pub struct FeedRefresher<F> {
    allowlist: Allowlist,
    fetch: F,
    every: Duration,
    clock: Arc<dyn Clock>,
}

impl<F, R, B, E> FeedRefresher<F>
where
    F: Fn(Arc<str>) -> R + Send + Sync + 'static,
    R: Future<Output = Result<B, E>> + Send,
    B: AsRef<[u8]> + Send,
    E: Into<BoxError> + Send,
{
    /// Fetches the feeds of this list with this function.
    pub fn new(allowlist: &Allowlist, fetch: F) -> Self {
        Self {
            allowlist: allowlist.clone(),
            fetch,
            every: EVERY,
            clock: Arc::new(SystemClock),
        }
    }

    /// How often each feed is fetched: every six hours by default, at most once a minute.
    ///
    /// After a failure, it is fetched sooner: first after half a minute.
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every.max(Duration::from_secs(60));
        self
    }

    /// The clock by which contents expire: the system's by default.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Starts fetching, until the last clone of the list is dropped or the runtime ends.
    ///
    /// # Errors
    ///
    /// It is called outside a Tokio runtime.
    pub fn start(self) -> Result<(), ConfigError> {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return Err(ConfigError::new(
                ConfigErrorKind::Allowlist,
                "holds feeds, which are fetched in a Tokio runtime: start it inside one",
            ));
        };
        let Self {
            allowlist,
            fetch,
            every,
            clock,
        } = self;
        let fetch = Arc::new(fetch);
        for feed in allowlist.feeds() {
            let (list, fetch, clock) = (
                allowlist.downgrade(),
                Arc::clone(&fetch),
                Arc::clone(&clock),
            );
            runtime.spawn(async move { keep_fetched(&list, &feed, &*fetch, every, &*clock).await });
        }
        Ok(())
    }
}

impl<F> fmt::Debug for FeedRefresher<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            allowlist,
            fetch: _,
            every,
            clock: _,
        } = self;
        f.debug_struct("FeedRefresher")
            .field("feeds", &allowlist.feeds())
            .field("every", every)
            .finish_non_exhaustive()
    }
}

async fn keep_fetched<F, R, B, E>(
    list: &WeakAllowlist,
    feed: &AddressFeed,
    fetch: &F,
    every: Duration,
    clock: &dyn Clock,
) where
    F: Fn(Arc<str>) -> R + Sync,
    R: Future<Output = Result<B, E>> + Send,
    B: AsRef<[u8]> + Send,
    E: Into<BoxError> + Send,
{
    let mut after_failure = AFTER_FAILURE.min(every);
    loop {
        let fetching = caught(|| fetch(feed.url().into()));
        let fetched = tokio::time::timeout(FETCH_LIMIT, fetching).await;
        let Some(list) = list.upgrade() else {
            return;
        };
        let read = |body: B| list.learn_feed(feed, body.as_ref(), clock.now());
        let learned: Result<_, BoxError> = match fetched {
            Ok(Ok(Ok(body))) => read(body).map_err(BoxError::from),
            Ok(Ok(Err(error))) => Err(error.into()),
            Ok(Err(Panicked)) => Err("the function that fetches it panicked".into()),
            Err(late) => Err(late.into()),
        };
        drop(list);
        let wait = match learned {
            Ok(change) => {
                log(feed, &change);
                after_failure = AFTER_FAILURE.min(every);
                every
            }
            Err(error) => {
                tracing::warn!(
                    target: "tower_webhook",
                    url = feed.url(),
                    error = %error,
                    "an address feed cannot be read: what it held last stands until its time is over"
                );
                let wait = after_failure;
                after_failure = after_failure.saturating_mul(2).min(every);
                wait
            }
        };
        tokio::time::sleep(wait).await;
    }
}

fn log(feed: &AddressFeed, change: &FeedChange) {
    let url = feed.url();
    if change.is_change() {
        tracing::info!(
            target: "tower_webhook",
            url,
            networks = change.networks(),
            added = change.added(),
            removed = change.removed(),
            "an address feed has other networks"
        );
    }
    if change.has_shrunk() {
        tracing::warn!(
            target: "tower_webhook",
            url,
            networks = change.networks(),
            removed = change.removed(),
            "an address feed has lost more than half of its networks: ask the sender whether it is so"
        );
    }
    if change.passed_over() > 0 {
        tracing::warn!(
            target: "tower_webhook",
            url,
            passed_over = change.passed_over(),
            "entries of an address feed are not used: they are no networks, or can be no sender's"
        );
    }
}

#[cfg(test)]
mod tests;
