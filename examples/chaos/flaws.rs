//! The inbox with reports of its entries, and with deliberate flaws that the rig must find.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tower_webhook::inbox::{
    Accept, Accepted, Begin, Begun, Discard, EntryCounts, EntryView, Extend, Finish, Inbox, List,
    Moved, Rate, RateOf, RateView, Redrive, SharedInbox, Take, Taken, Verdict,
};
use tower_webhook::store::{Grant, Held, StoreError, StoreIdentity, Transactions};
use tower_webhook::{EventKey, Name};

use crate::hub::Teller;

/// Each flaw by name, with a description.
pub(crate) const FLAWS: [(&str, &str); 10] = [
    (
        "accept-not-durable",
        "some events are acknowledged and not kept",
    ),
    ("lease-ignored", "workers take what another one holds"),
    (
        "done-before-effect",
        "an event is done when its handler begins",
    ),
    ("fence-stands-still", "each attempt has the same fence"),
    ("fence-not-compared", "the sink takes effects of any fence"),
    (
        "duplicates-run",
        "a duplicate of a handled event is run again",
    ),
    (
        "finish-lost",
        "what was handled is said to be recorded, and is not",
    ),
    ("failure-is-done", "an event whose handler failed is done"),
    ("order-ignored", "events of one order key run side by side"),
    ("retention-ignored", "what is done is forgotten at once"),
];

/// An inbox that reports what becomes of its entries.
pub(crate) struct WatchedInbox {
    inner: SharedInbox,
    teller: Teller,
    flaw: Option<String>,
    count: AtomicU64,
}

impl WatchedInbox {
    pub(crate) fn new(inner: impl Inbox, teller: Teller, flaw: Option<String>) -> Self {
        Self {
            inner: SharedInbox::new(inner),
            teller,
            flaw,
            count: AtomicU64::new(0),
        }
    }

    fn has(&self, flaw: &str) -> bool {
        self.flaw.as_deref() == Some(flaw)
    }

    /// Whether the flaw applies: to every nth call.
    fn strikes(&self, flaw: &str, every: u64) -> bool {
        self.has(flaw) && self.count.fetch_add(1, Ordering::Relaxed) % every == every - 1
    }
}

pub(crate) fn short(key: &EventKey) -> String {
    key.parts().next().unwrap_or_default().into_owned()
}

impl Inbox for WatchedInbox {
    fn identity(&self) -> Option<StoreIdentity> {
        self.inner.identity()
    }

    async fn accept(&self, accept: &Accept) -> Result<Accepted, StoreError> {
        if self.strikes("accept-not-durable", 50) {
            return Ok(Accepted::Queued);
        }
        let mut accept = accept.clone();
        if self.has("order-ignored") {
            accept.order = None;
        }
        let accepted = self.inner.accept(&accept).await?;
        if matches!(accepted, Accepted::Duplicate { .. }) && self.strikes("duplicates-run", 5) {
            self.inner.forget(&accept.key).await?;
            return self.inner.accept(&accept).await;
        }
        Ok(accepted)
    }

    async fn take(&self, take: &Take) -> Result<Vec<Taken>, StoreError> {
        let mut take = take.clone();
        if self.has("lease-ignored") {
            take.lease = Duration::from_millis(1);
        }
        self.inner.take(&take).await
    }

    async fn begin(&self, begin: &Begin) -> Result<Begun, StoreError> {
        let mut begin = begin.clone();
        if self.has("lease-ignored") {
            begin.lease = Duration::from_millis(1);
        }
        let begun = self.inner.begin(&begin).await?;
        if self.has("done-before-effect") && matches!(begun, Begun::Granted(_)) {
            let retention = Duration::from_secs(86_400);
            let done = Finish::new(begin.key.clone(), begin.token, Verdict::Done, retention);
            self.inner.finish(&done).await?;
        }
        match begun {
            Begun::Granted(grant) if self.has("fence-stands-still") => {
                let mut same: Grant = grant;
                same.fence = 1;
                Ok(Begun::Granted(same))
            }
            begun => Ok(begun),
        }
    }

    async fn extend(&self, extensions: &[Extend]) -> Result<Vec<Held>, StoreError> {
        if self.has("lease-ignored") {
            return Ok(vec![Held::Held; extensions.len()]);
        }
        self.inner.extend(extensions).await
    }

    async fn finish(&self, finish: &Finish) -> Result<Held, StoreError> {
        let mut finish = finish.clone();
        if self.strikes("finish-lost", 20) && finish.verdict == Verdict::Done {
            return Ok(Held::Held);
        }
        if self.has("failure-is-done") && matches!(finish.verdict, Verdict::Retry { .. }) {
            finish.verdict = Verdict::Done;
        }
        if self.has("retention-ignored") {
            finish.retention = Duration::from_millis(1);
        }
        let held = self.inner.finish(&finish).await?;
        if finish.verdict == Verdict::Done && held == Held::Held {
            self.teller.tell("done", &short(&finish.key), 0, "").await;
        }
        Ok(held)
    }

    async fn wait(&self, limit: Duration) {
        self.inner.wait(limit).await;
    }

    fn for_renewals(&self) -> Option<SharedInbox> {
        if self.flaw.is_some() {
            return None;
        }
        self.inner.for_renewals()
    }

    fn transactions(&self) -> Option<Transactions> {
        self.inner.transactions()
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<EntryView>, StoreError> {
        self.inner.lookup(key).await
    }

    async fn list(&self, list: &List) -> Result<Vec<EntryView>, StoreError> {
        self.inner.list(list).await
    }

    async fn redrive(&self, redrive: &Redrive) -> Result<Moved, StoreError> {
        self.inner.redrive(redrive).await
    }

    async fn discard(&self, discard: &Discard) -> Result<Moved, StoreError> {
        self.inner.discard(discard).await
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.inner.forget(key).await
    }

    async fn forget_ended(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.inner.forget_ended(key).await
    }

    async fn counts(&self) -> Result<EntryCounts, StoreError> {
        self.inner.counts().await
    }

    async fn set_paused(&self, provider: &Name, paused: bool) -> Result<bool, StoreError> {
        self.inner.set_paused(provider, paused).await
    }

    async fn paused(&self) -> Result<Vec<Name>, StoreError> {
        self.inner.paused().await
    }

    async fn set_rate(
        &self,
        provider: &Name,
        of: RateOf,
        rate: Option<Rate>,
    ) -> Result<bool, StoreError> {
        self.inner.set_rate(provider, of, rate).await
    }

    async fn rates(&self) -> Result<Vec<RateView>, StoreError> {
        self.inner.rates().await
    }
}
