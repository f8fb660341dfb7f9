use std::time::Duration;

use tokio::time::timeout;

use super::names::{
    ATTEMPT_SECONDS, ATTEMPTS, INBOX_ENTRIES, INBOX_OLDEST, INBOX_PAUSED, INBOX_WAIT,
};
use super::store::Metered;
use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::inbox::{
    Accept, Accepted, Begin, Begun, Discard, EntryCounts, EntryStatus, EntryView, Extend, Finish,
    HeldOrderKey, Inbox, List, Moved, Rate, RateOf, RateView, Redrive, Route, SharedInbox, Take,
    Taken,
};
use crate::store::{Held, StoreError, StoreErrorKind, StoreIdentity};

/// How long an inbox may take to report its contents.
const ASK_LIMIT: Duration = Duration::from_secs(2);
/// How many queued entries are checked for the oldest.
const MOST_LOOKED_AT: usize = 200;

/// Sets the gauges of an inbox: how many entries it has with each status, how long the oldest has waited, and
/// how many providers are paused. Call it whenever the metrics are collected, or every few seconds.
///
/// ```
/// use tower_webhook::inbox::MemoryInbox;
/// use tower_webhook::metrics;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let inbox = MemoryInbox::new();
/// metrics::record_inbox(&inbox).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The inbox fails, or does not answer within two seconds; the gauges then keep their values.
pub async fn record_inbox(inbox: &impl Inbox) -> Result<(), StoreError> {
    let asked = async {
        let (counts, paused) = (inbox.counts().await?, inbox.paused().await?);
        let oldest = match counts.queued {
            0 => None,
            _ => {
                let queued = List::of(EntryStatus::Queued).limit(MOST_LOOKED_AT);
                let queued = inbox.list(&queued).await?;
                queued.iter().map(|view| view.entry.accepted_at).min()
            }
        };
        Ok((counts, paused.len(), oldest))
    };
    let answer = timeout(ASK_LIMIT, asked).await;
    let late = |_| Err(StoreError::new(StoreErrorKind::TimedOut));
    let (counts, paused, oldest) = answer.unwrap_or_else(late)?;
    for (status, count) in counts.by_status() {
        INBOX_ENTRIES
            .gauge(&[status.code()])
            .set(super::float(count));
    }
    let age = oldest.map(|oldest| UnixTime::now().saturating_since(oldest));
    INBOX_OLDEST.gauge(&[]).set(age.unwrap_or_default());
    INBOX_PAUSED.gauge(&[]).set(super::float(paused));
    Ok(())
}

/// How an attempt of a worker has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AttemptEnd {
    Handled,
    Retried,
    Dead,
    GivenBack,
    LeaseLost,
}

pub(crate) fn attempt_ended(provider: &Name, end: AttemptEnd, took: Option<Duration>) {
    let outcome = match end {
        AttemptEnd::Handled => "handled",
        AttemptEnd::Retried => "retried",
        AttemptEnd::Dead => "dead",
        AttemptEnd::GivenBack => "given_back",
        AttemptEnd::LeaseLost => "lease_lost",
    };
    ATTEMPTS.counter(&[provider.as_str(), outcome]).increment(1);
    if let Some(took) = took {
        ATTEMPT_SECONDS.histogram(&[provider.as_str()]).record(took);
    }
}

/// Records how long an event has waited for its first attempt.
pub(crate) fn first_attempt(provider: &Name, waited: Duration) {
    INBOX_WAIT.histogram(&[provider.as_str()]).record(waited);
}

impl<I: Inbox> Inbox for Metered<I> {
    fn identity(&self) -> Option<StoreIdentity> {
        self.inner.identity()
    }

    fn for_renewals(&self) -> Option<SharedInbox> {
        let inbox = self.inner.for_renewals()?;
        Some(SharedInbox::new(self.around(inbox)))
    }

    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    fn transactions(&self) -> Option<crate::store::Transactions> {
        self.inner.transactions()
    }

    async fn wait(&self, limit: Duration) {
        self.inner.wait(limit).await;
    }

    async fn accept(&self, accept: &Accept) -> Result<Accepted, StoreError> {
        self.measure("accept", self.inner.accept(accept)).await
    }

    async fn take(&self, take: &Take) -> Result<Vec<Taken>, StoreError> {
        self.measure("take", self.inner.take(take)).await
    }

    async fn begin(&self, begin: &Begin) -> Result<Begun, StoreError> {
        self.measure("begin", self.inner.begin(begin)).await
    }

    async fn extend(&self, extensions: &[Extend]) -> Result<Vec<Held>, StoreError> {
        self.measure("extend", self.inner.extend(extensions)).await
    }

    async fn finish(&self, finish: &Finish) -> Result<Held, StoreError> {
        self.measure("finish", self.inner.finish(finish)).await
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<EntryView>, StoreError> {
        self.measure("lookup", self.inner.lookup(key)).await
    }

    async fn lookup_many(&self, keys: &[EventKey]) -> Result<Vec<Option<EntryView>>, StoreError> {
        self.measure("lookup_many", self.inner.lookup_many(keys))
            .await
    }

    async fn list(&self, list: &List) -> Result<Vec<EntryView>, StoreError> {
        self.measure("list", self.inner.list(list)).await
    }

    async fn redrive(&self, redrive: &Redrive) -> Result<Moved, StoreError> {
        self.measure("redrive", self.inner.redrive(redrive)).await
    }

    async fn discard(&self, discard: &Discard) -> Result<Moved, StoreError> {
        self.measure("discard", self.inner.discard(discard)).await
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.measure("forget", self.inner.forget(key)).await
    }

    async fn forget_ended(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.measure("forget", self.inner.forget_ended(key)).await
    }

    async fn counts(&self) -> Result<EntryCounts, StoreError> {
        self.measure("counts", self.inner.counts()).await
    }

    async fn set_paused(&self, provider: &Name, paused: bool) -> Result<bool, StoreError> {
        let call = self.inner.set_paused(provider, paused);
        self.measure("set_paused", call).await
    }

    async fn paused(&self) -> Result<Vec<Name>, StoreError> {
        self.measure("paused", self.inner.paused()).await
    }

    async fn set_rate(
        &self,
        provider: &Name,
        of: RateOf,
        rate: Option<Rate>,
    ) -> Result<bool, StoreError> {
        let call = self.inner.set_rate(provider, of, rate);
        self.measure("set_rate", call).await
    }

    async fn rates(&self) -> Result<Vec<RateView>, StoreError> {
        self.measure("rates", self.inner.rates()).await
    }

    async fn held_order_keys(
        &self,
        route: &Route,
        limit: usize,
    ) -> Result<Option<Vec<HeldOrderKey>>, StoreError> {
        self.inner.held_order_keys(route, limit).await
    }
}
