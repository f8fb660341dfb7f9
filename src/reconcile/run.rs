//! One pass through the pages of a source.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use tokio::time::sleep;

use super::call_time;
use super::error::{ApiError, ApiErrorKind};
use super::pace::Pace;
use super::repeats::Repeats;
use super::report::{Report, RunEnd};
use super::source::{AnySource, Found, Page, Recovery};
use crate::layer::{DedupeState, IdentifiedPolled, PolledEnd, Standing};
use crate::printable::Printable;
use crate::reason::Reason;
use crate::rejection_cause::Chain;
use crate::runtime::{AnyHandler, caught};
use crate::store::Token;

/// How often a request with a transient error is tried, with pauses that double.
const TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How many events are looked up at once.
const LOOKED_UP: usize = 256;

/// The parts of a run.
pub(super) struct Run {
    pub(super) webhook: Arc<DedupeState>,
    pub(super) source: Arc<dyn AnySource>,
    pub(super) recovery: Recovery,
    pub(super) handler: Option<Arc<dyn AnyHandler>>,
    pub(super) pace: Pace,
    pub(super) call_limit: Duration,
    pub(super) most_pages: u64,
}

/// The outcome of one missed event.
enum Fate {
    Ended(PolledEnd),
    Requested,
    NotRequested(ApiError),
}

impl Run {
    /// Reads all pages; the report shows the progress so far, whatever ends the run.
    pub(super) async fn pages(&self, report: &mut Report) -> Result<(), RunEnd> {
        let (mut cursor, mut repeats): (Option<String>, _) = (None, Repeats::new());
        loop {
            if report.pages >= self.most_pages {
                return Err(RunEnd::TooManyPages);
            }
            let page = self.page(cursor.as_deref()).await;
            let page = page.map_err(|error| self.stopped(&error))?;
            let (found, next, open, failed) = page.into_parts();
            let repeated = |what: &str| self.stopped(&ApiError::new(ApiErrorKind::Repeated, what));
            let told = found.iter().map(|it| (&*it.body, it.redelivery.as_deref()));
            if next.is_some() && repeats.page(told) {
                return Err(repeated("under another cursor"));
            }
            report.pages = report.pages.saturating_add(1);
            report.seen = add(report.seen, found.len())
                .saturating_add(open)
                .saturating_add(failed);
            report.pending = report.pending.saturating_add(open);
            report.failed = report.failed.saturating_add(failed);
            let mut found = found.into_iter();
            loop {
                let some: Vec<_> = found.by_ref().take(LOOKED_UP).collect();
                if some.is_empty() {
                    break;
                }
                self.take_up(some, report).await?;
            }
            match next {
                None => return Ok(()),
                Some(next) if repeats.cursor(&next) => return Err(repeated("its cursor")),
                Some(next) => cursor = Some(next),
            }
        }
    }

    /// Requests one page, again if that may help.
    async fn page(&self, cursor: Option<&str>) -> Result<Page, ApiError> {
        let mut tries = 0;
        loop {
            let asked = self.asked("a page", || self.source.page(cursor)).await;
            tries += 1;
            match asked {
                Err(error) if error.is_transient() && tries < TRIES => {
                    self.pause(&error, tries).await;
                }
                asked => return asked,
            }
        }
    }

    async fn pause(&self, error: &ApiError, tries: u32) {
        if let Some(wait) = error.wait() {
            self.pace.hold(wait);
        }
        // The longer one of both: an API may say that it can be asked again at once.
        sleep(jittered(tries)).await;
    }

    /// Handles the events that are not known yet.
    async fn take_up(&self, found: Vec<Found>, report: &mut Report) -> Result<(), RunEnd> {
        let mut named = Vec::with_capacity(found.len());
        let mut redeliveries = Vec::with_capacity(found.len());
        for found in found {
            let (event, redelivery) = found.into_event(self.recovery.are_items());
            if redelivery.is_some() != self.recovery.asks_for_redelivery() {
                self.odd(
                    "what was found is not what the source's recovery says",
                    report,
                );
                continue;
            }
            match self.webhook.identify_polled(event) {
                Ok(it)
                    if it.shape().is_none()
                        && !self.recovery.can_be_unknown()
                        && it.needs_shape() =>
                {
                    self.odd("its body has no shape that the rule knows", report);
                }
                Ok(it) => {
                    named.push(it);
                    redeliveries.push(redelivery);
                }
                Err(cause) => {
                    let end = PolledEnd::of_refusal(cause.reason);
                    if matches!(end, PolledEnd::Failed) {
                        let detail = cause.detail().map(|detail| detail.to_string());
                        self.odd(
                            detail.as_deref().unwrap_or("its key cannot be made"),
                            report,
                        );
                    } else {
                        count(report, end);
                    }
                }
            }
        }
        let standings = self.standings(&named).await?;
        let (mut missed, mut asked_for) = (Vec::new(), HashSet::new());
        for ((it, standing), redelivery) in named.into_iter().zip(standings).zip(redeliveries) {
            match standing {
                // The list may have several deliveries of one event: one redelivery is enough.
                Standing::Open if redelivery.is_some() && !asked_for.insert(it.key().clone()) => {
                    count(report, PolledEnd::Pending);
                }
                Standing::Open => missed.push((it, redelivery)),
                // For a redelivery only the key is known, so its content cannot be compared.
                Standing::Differs if redelivery.is_none() => {
                    self.mismatched(&it, Reason::Conflict);
                    count(report, PolledEnd::Mismatched);
                }
                Standing::Known | Standing::Differs => count(report, PolledEnd::Known),
            }
        }
        let mut fates = stream::iter(missed)
            .map(|(it, redelivery)| self.recover(it, redelivery))
            .buffer_unordered(self.pace.at_once());
        while let Some(fate) = fates.next().await {
            match fate {
                Fate::Ended(end) => count(report, end),
                Fate::Requested => report.requested = report.requested.saturating_add(1),
                Fate::NotRequested(error) if stops(&error) => return Err(self.stopped(&error)),
                Fate::NotRequested(error) => {
                    self.odd(&format!("no redelivery: {error}"), report);
                }
            }
        }
        Ok(())
    }

    /// The progress of events, queried again if the store does not answer.
    async fn standings(&self, named: &[IdentifiedPolled]) -> Result<Vec<Standing>, RunEnd> {
        let mut tries = 0;
        loop {
            let error = match self.webhook.standings(named).await {
                Ok(standings) => return Ok(standings),
                Err(error) => error,
            };
            tries += 1;
            if tries < TRIES {
                sleep(jittered(tries)).await;
                continue;
            }
            tracing::error!(
                target: "tower_webhook",
                provider = %self.webhook.provider(),
                error = %Printable(Chain(&error)),
                "a reconciler cannot look events up"
            );
            return Err(RunEnd::Store);
        }
    }

    async fn recover(&self, it: IdentifiedPolled, redelivery: Option<Box<str>>) -> Fate {
        let Some(delivery) = redelivery else {
            return Fate::Ended(self.webhook.run_polled(it, self.handler.as_ref()).await);
        };
        let mut tries = 0;
        loop {
            let asked = self
                .asked("a redelivery", || self.source.redeliver(&delivery))
                .await;
            tries += 1;
            match asked {
                Ok(()) => return Fate::Requested,
                Err(error) if error.is_transient() && tries < TRIES => {
                    self.pause(&error, tries).await;
                }
                Err(error) => return Fate::NotRequested(error),
            }
        }
    }

    /// Makes one call, in its turn and within its time. A source that panics has failed.
    async fn asked<'a, T>(
        &self,
        what: &str,
        ask: impl FnOnce() -> BoxFuture<'a, Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let _turn = self.pace.turn().await;
        match call_time::within(self.call_limit, caught(ask)).await {
            Some(Ok(answer)) => answer,
            Some(Err(_panicked)) => Err(ApiError::new(ApiErrorKind::Failed, "the source panicked")),
            None => {
                let place = format!("{what}, within {:?}", self.call_limit);
                Err(ApiError::new(ApiErrorKind::TimedOut, place))
            }
        }
    }

    fn stopped(&self, error: &ApiError) -> RunEnd {
        tracing::error!(
            target: "tower_webhook",
            provider = %self.webhook.provider(),
            kind = error.kind().code(),
            error = %Printable(Chain(error)),
            "a reconciler cannot ask on; its next run begins anew"
        );
        RunEnd::Source(error.kind())
    }

    fn odd(&self, why: &str, report: &mut Report) {
        tracing::warn!(
            target: "tower_webhook",
            provider = %self.webhook.provider(),
            why = %Printable(why),
            "an event that was found could not be taken up"
        );
        report.failed = report.failed.saturating_add(1);
    }

    fn mismatched(&self, it: &IdentifiedPolled, reason: Reason) {
        tracing::error!(
            target: "tower_webhook",
            provider = %self.webhook.provider(),
            key = %it.key().escaped(),
            reason = reason.code(),
            "an event was handled with other content than its sender tells now"
        );
    }
}

/// Whether no other request of the run can succeed.
fn stops(error: &ApiError) -> bool {
    error.is_transient()
        || matches!(
            error.kind(),
            ApiErrorKind::Unauthorized | ApiErrorKind::Redirected
        )
}

fn add(sum: u64, more: usize) -> u64 {
    sum.saturating_add(u64::try_from(more).unwrap_or(u64::MAX))
}

fn count(report: &mut Report, end: PolledEnd) {
    let of = match end {
        PolledEnd::Recovered => &mut report.recovered,
        PolledEnd::Known => &mut report.known,
        PolledEnd::Pending => &mut report.pending,
        PolledEnd::Mismatched => &mut report.mismatched,
        PolledEnd::Filtered => &mut report.filtered,
        PolledEnd::Failed => &mut report.failed,
    };
    *of = of.saturating_add(1);
}

/// A pause before the next try: it doubles, and its second half is random.
pub(super) fn jittered(tries: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(16));
    let longest = doubled.min(LONGEST_PAUSE);
    share(longest)
}

/// Between half of it and all of it.
pub(super) fn share(longest: Duration) -> Duration {
    let random = Token::random().map_or(u8::MAX, |token| {
        token.as_bytes().first().copied().unwrap_or(0)
    });
    let half = longest / 2;
    half.saturating_add(half * u32::from(random) / u32::from(u8::MAX))
}
