use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::pace::Pace;
use super::reconciler::{Reconciler, Settings};
use super::run::Run;
use super::source::{AnySource, Source};
use super::turn::Turns;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::layer::DedupeState;
use crate::runtime::{AnyHandler, Drain, EventHandler, WithState};
use crate::webhook::WebhookLayer;

const DEFAULT_INTERVAL: Duration = Duration::from_secs(5 * 60);
const DEFAULT_CALL_LIMIT: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
/// Longer than any run that ends by itself; stops one that would never end.
const DEFAULT_RUN_LIMIT: Duration = Duration::from_secs(86_400);
const DEFAULT_MOST_PAGES: u64 = 100_000;
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// Builds a [`Reconciler`].
#[must_use = "a builder does nothing until `build`"]
pub struct ReconcilerBuilder {
    webhook: Arc<DedupeState>,
    source: Arc<dyn AnySource>,
    handler: Option<Arc<dyn AnyHandler>>,
    pace: Pace,
    interval: Duration,
    call_limit: Duration,
    run_limit: Duration,
    most_pages: u64,
    drain: Drain,
}

impl Reconciler {
    /// Starts a reconciler that puts what this source finds through this webhook: with its keys,
    /// records, order and observer, and through its inbox if it has one.
    pub fn of<M>(webhook: &WebhookLayer<M>, source: impl Source) -> ReconcilerBuilder {
        let webhook = webhook.events();
        ReconcilerBuilder {
            drain: webhook.drain().clone(),
            webhook,
            source: Arc::new(source),
            handler: None,
            pace: Pace::new(),
            interval: DEFAULT_INTERVAL,
            call_limit: DEFAULT_CALL_LIMIT,
            run_limit: DEFAULT_RUN_LIMIT,
            most_pages: DEFAULT_MOST_PAGES,
        }
    }
}

impl ReconcilerBuilder {
    /// Runs this handler, the one on the webhook's route, for missed events. A webhook with an
    /// inbox needs none: its workers run the events.
    pub fn handler<H, Args>(self, handler: H) -> Self
    where
        H: EventHandler<(), Args>,
        Args: 'static,
    {
        self.handler_with(handler, ())
    }

    /// The same, with the state that the handler takes.
    pub fn handler_with<H, S, Args>(mut self, handler: H, state: S) -> Self
    where
        H: EventHandler<S, Args>,
        S: Send + Sync + 'static,
        Args: 'static,
    {
        self.handler = Some(Arc::new(WithState::new(handler, state)));
        self
    }

    /// How often pages and redeliveries are requested, and how many events are handled at once; the
    /// default is [`Pace::new`]. A source that makes several requests for a page keeps its own pace.
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// How long after the end of a run the next one begins: from a second to a week, by default 5
    /// minutes. The first begins at once.
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How long a page may take, or a redelivery; a minute unless set, from a second to a week. The time
    /// does not count in which requests of an `ApiClient` wait for their turn, at the rate of its own.
    pub fn call_limit(mut self, limit: Duration) -> Self {
        self.call_limit = limit;
        self
    }

    /// How long a run may take: from a second to a week, by default a day. A source may return new
    /// cursors forever. A run that reaches this limit reports
    /// [`RunEnd::OutOfTime`](super::RunEnd::OutOfTime); whatever it found by then is handled.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_webhook::WebhookLayer;
    /// use tower_webhook::reconcile::{Reconciler, Source};
    ///
    /// fn reconciler(
    ///     webhook: &WebhookLayer,
    ///     source: impl Source,
    /// ) -> Result<Reconciler, tower_webhook::ConfigError> {
    ///     let reconciler = Reconciler::of(webhook, source).handler(async || {});
    ///     reconciler.run_limit(Duration::from_secs(3_600)).most_pages(1_000).build()
    /// }
    /// ```
    pub fn run_limit(mut self, limit: Duration) -> Self {
        self.run_limit = limit;
        self
    }

    /// How many pages a run reads: at least one, by default 100,000. If there are more, it ends
    /// with [`RunEnd::TooManyPages`](super::RunEnd::TooManyPages).
    pub fn most_pages(mut self, pages: u64) -> Self {
        self.most_pages = pages;
        self
    }

    /// Stops when this drain begins, instead of when the webhook's does.
    pub fn drain(mut self, drain: Drain) -> Self {
        self.drain = drain;
        self
    }

    /// Builds the reconciler.
    ///
    /// # Errors
    ///
    /// If the source does not provide what the keys of the webhook's events are made of, if there
    /// is no handler although the webhook runs its events inline, or if a setting is out of bounds.
    pub fn build(self) -> Result<Reconciler, ConfigError> {
        let provider = self.webhook.provider().to_string();
        self.built().map_err(|error| error.of_provider(provider))
    }

    fn built(self) -> Result<Reconciler, ConfigError> {
        let Self {
            webhook,
            source,
            handler,
            pace,
            interval,
            call_limit,
            run_limit,
            most_pages,
            drain,
        } = self;
        within("an interval", interval)?;
        within("a page's time", call_limit)?;
        within("a run's time", run_limit)?;
        if most_pages == 0 {
            let text = "a run reads at least one page";
            return Err(ConfigError::new(ConfigErrorKind::Limit, text));
        }
        let recovery = source.recovery();
        webhook.rule().check_given(&recovery.given()?)?;
        let runs_here = webhook.records().is_some() && !recovery.asks_for_redelivery();
        if runs_here && handler.is_none() {
            return Err(ConfigError::new(
                ConfigErrorKind::Other,
                "a reconciler of a webhook without an inbox runs the handler itself: give it the one \
                 of the route by handler(…)",
            ));
        }
        let turns = Turns::of(&webhook)?.ok_or_else(|| {
            ConfigError::new(ConfigErrorKind::Other, "the webhook keeps no records")
        })?;
        let run = Run {
            webhook,
            source,
            recovery,
            handler,
            pace,
            call_limit,
            most_pages,
        };
        let settings = Settings {
            interval,
            run_limit,
            drain,
        };
        Ok(Reconciler::new(run, turns, settings))
    }
}

fn within(what: &str, value: Duration) -> Result<(), ConfigError> {
    if value < SECOND || value > WEEK {
        let text = format!("{what} of {value:?} is not from {SECOND:?} to {WEEK:?}");
        return Err(ConfigError::new(ConfigErrorKind::Limit, text));
    }
    Ok(())
}

impl fmt::Debug for ReconcilerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            webhook,
            source: _,
            handler,
            pace,
            interval,
            call_limit,
            run_limit,
            most_pages,
            drain: _,
        } = self;
        f.debug_struct("ReconcilerBuilder")
            .field("provider", webhook.provider())
            .field("has_handler", &handler.is_some())
            .field("pace", pace)
            .field("interval", interval)
            .field("call_limit", call_limit)
            .field("run_limit", run_limit)
            .field("most_pages", most_pages)
            .finish()
    }
}
