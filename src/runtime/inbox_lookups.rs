use std::time::Duration;

use crate::event::{EventKey, Name};
use crate::inbox::{EntryView, Inbox, SharedInbox, binds};
use crate::store::{
    Claim, ClaimOutcome, Complete, Counts, Held, RecordState, RecordView, Release, Renew, Store,
    StoreError, StoreErrorKind, StoreIdentity, StoredResponse,
};

/// An inbox as a read-only store, so that events that need no confirmation are not asked about.
pub(crate) struct InboxLookups(pub(crate) SharedInbox);

impl Store for InboxLookups {
    fn identity(&self) -> Option<StoreIdentity> {
        Some(self.0.own_identity())
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<RecordView>, StoreError> {
        let view = self.0.lookup(key).await?;
        Ok(view.and_then(|view| record(key, &view)))
    }

    async fn claim(&self, _: &Claim) -> Result<ClaimOutcome, StoreError> {
        Err(no_store())
    }

    async fn complete(&self, _: &Complete) -> Result<Held, StoreError> {
        Err(no_store())
    }

    async fn release(&self, _: &Release) -> Result<Held, StoreError> {
        Err(no_store())
    }

    async fn renew(&self, _: &[Renew]) -> Result<Vec<Held>, StoreError> {
        Err(no_store())
    }

    async fn wait(&self, _: &EventKey, _: Duration) {}

    async fn forget(&self, _: &EventKey) -> Result<bool, StoreError> {
        Err(no_store())
    }

    async fn forget_done(&self, _: &EventKey) -> Result<bool, StoreError> {
        Err(no_store())
    }

    async fn unfinished(&self, _: &Name, _: usize) -> Result<Vec<RecordView>, StoreError> {
        Err(no_store())
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        Err(no_store())
    }
}

fn no_store() -> StoreError {
    StoreError::new(StoreErrorKind::Refused).with_source("an inbox takes no claims")
}

/// An entry as the record of an event that none of its deliveries may run; `None` if another
/// delivery may change the content that it runs with, and must be confirmed.
fn record(key: &EventKey, view: &EntryView) -> Option<RecordView> {
    if !binds(view) {
        return None;
    }
    let (entry, state) = (&view.entry, RecordState::Done(StoredResponse::new(200)));
    let kept_until = entry.kept_until().unwrap_or(entry.accepted_at);
    let mut record = RecordView::new(key.clone(), state, entry.attempts, entry.fence, kept_until);
    record.fingerprint = Some(entry.fingerprint);
    Some(record)
}
