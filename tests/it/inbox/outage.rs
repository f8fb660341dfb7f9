//! A worker whose inbox is away for a while: what it says, and how well it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tower_webhook::Name;
use tower_webhook::health::HealthStatus;
use tower_webhook::inbox::{
    Accept, Accepted, Begin, Begun, Discard, EntryCounts, EntryStatus, EntryView, Extend, Finish,
    Inbox, List, MemoryInbox, Moved, Rate, RateOf, RateView, Redrive, Take, Taken,
};
use tower_webhook::store::{Held, StoreError, StoreErrorKind, StoreIdentity};
use tower_webhook::worker::InboxExt;
use tower_webhook::{EventKey, Webhook};

use super::{Working, entry_with, send};
use crate::support::blendfi::{event, key};
use crate::support::log::Log;
use crate::support::presets::{Preset, clock};

/// An inbox that answers nothing while it is away.
#[derive(Clone, Default)]
struct Remote {
    inbox: MemoryInbox,
    is_away: Arc<AtomicBool>,
}

impl Remote {
    fn reach(&self) -> Result<&MemoryInbox, StoreError> {
        match self.is_away.load(Ordering::SeqCst) {
            true => Err(StoreError::new(StoreErrorKind::Unavailable)),
            false => Ok(&self.inbox),
        }
    }
}

macro_rules! while_reached {
    ($($method:ident($($name:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(async fn $method(&self, $($name: $type),*) -> Result<$answer, StoreError> {
            self.reach()?.$method($($name),*).await
        })*
    };
}

impl Inbox for Remote {
    fn identity(&self) -> Option<StoreIdentity> {
        self.inbox.identity()
    }

    async fn wait(&self, limit: Duration) {
        self.inbox.wait(limit).await;
    }

    while_reached! {
        accept(accept: &Accept) -> Accepted;
        take(take: &Take) -> Vec<Taken>;
        begin(begin: &Begin) -> Begun;
        extend(extensions: &[Extend]) -> Vec<Held>;
        finish(finish: &Finish) -> Held;
        lookup(key: &EventKey) -> Option<EntryView>;
        list(list: &List) -> Vec<EntryView>;
        redrive(redrive: &Redrive) -> Moved;
        discard(discard: &Discard) -> Moved;
        forget(key: &EventKey) -> bool;
        forget_ended(key: &EventKey) -> bool;
        counts() -> EntryCounts;
        set_paused(provider: &Name, paused: bool) -> bool;
        paused() -> Vec<Name>;
        set_rate(provider: &Name, of: RateOf, rate: Option<Rate>) -> bool;
        rates() -> Vec<RateView>;
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_says_that_its_inbox_is_away_and_that_it_works_again() {
    let (remote, log) = (Remote::default(), Log::default());
    let _guard = log.capture(false);
    let webhook = Webhook::new(Preset::BlendFi.provider()).clock(clock());
    let layer = webhook.inbox(remote.clone()).build().unwrap();
    let working = Working::start(remote.worker().on(&layer, async || {}));
    send(&layer, &event("evt_1", "{}")).await;
    entry_with(&remote.inbox, &key("evt_1"), EntryStatus::Done).await;
    let again = "a worker takes entries from its inbox again";
    assert!(!log.text().contains(again), "nothing has failed");
    assert_eq!(working.worker.health().to_string(), "ready");

    remote.is_away.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let health = working.worker.health();
    assert_eq!(health.status(), HealthStatus::Failing);
    assert!(
        health
            .to_string()
            .contains("worker store_out_of_reach: the inbox has answered none of"),
        "{health}"
    );
    assert_eq!(layer.health().await.status(), HealthStatus::Failing);
    assert_eq!(remote.health().await.status(), HealthStatus::Failing);

    remote.is_away.store(false, Ordering::SeqCst);
    send(&layer, &event("evt_2", "{}")).await;
    entry_with(&remote.inbox, &key("evt_2"), EntryStatus::Done).await;
    assert_eq!(log.text().matches(again).count(), 1, "{}", log.text());
    assert_eq!(working.worker.health().to_string(), "ready");
    assert_eq!(layer.health().await.to_string(), "ready");
    working.end().await;
}
