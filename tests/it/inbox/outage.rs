//! A worker whose inbox is away for a while: what it says, and how well it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use tower_webhook::Name;
use tower_webhook::health::HealthStatus;
use tower_webhook::inbox::{
    Accept, Accepted, Begin, Begun, Discard, EntryCounts, EntryStatus, EntryView, Extend, Finish,
    Inbox, List, MemoryInbox, Moved, Rate, RateOf, RateView, Redrive, Take, Taken,
};
use tower_webhook::runtime::Failure;
use tower_webhook::store::{Held, StoreError, StoreErrorKind, StoreIdentity};
use tower_webhook::worker::InboxExt;
use tower_webhook::{Delivery, EventKey, Webhook, WebhookLayer};

use super::{Working, entry_with, send};
use crate::support::blendfi::{event, key};
use crate::support::log::Log;
use crate::support::presets::{Preset, clock};

/// An inbox that answers nothing while it is away, and gives what is taken late while it is slow.
#[derive(Clone, Default)]
pub(super) struct Remote {
    pub(super) inbox: MemoryInbox,
    pub(super) is_away: Arc<AtomicBool>,
    is_slow: Arc<AtomicBool>,
    /// It is over a thin link: who asks for more entries at once than this has no answer in time. 0 is no limit.
    carries: Arc<AtomicUsize>,
    /// How often it was asked for more.
    asked_too_much: Arc<AtomicU32>,
    /// Nothing of what is taken comes in time, but for the answer that nothing is to run alone.
    is_too_slow: Arc<AtomicBool>,
    /// How often it was told that an attempt begins.
    begins: Arc<AtomicU32>,
}

/// Longer than a worker waits for what it takes.
const LATE: Duration = Duration::from_secs(8);

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

    async fn take(&self, take: &Take) -> Result<Vec<Taken>, StoreError> {
        let carries = self.carries.load(Ordering::SeqCst);
        if carries > 0 && take.limit > carries {
            self.asked_too_much.fetch_add(1, Ordering::SeqCst);
            return Err(StoreError::new(StoreErrorKind::TimedOut));
        }
        if self.is_too_slow.load(Ordering::SeqCst) && !take.lone {
            return Err(StoreError::new(StoreErrorKind::TimedOut));
        }
        let taken = self.reach()?.take(take).await;
        if self.is_slow.load(Ordering::SeqCst) && !take.lone {
            tokio::time::sleep(LATE).await;
        }
        taken
    }

    async fn begin(&self, begin: &Begin) -> Result<Begun, StoreError> {
        self.begins.fetch_add(1, Ordering::SeqCst);
        self.reach()?.begin(begin).await
    }

    while_reached! {
        accept(accept: &Accept) -> Accepted;
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

pub(super) fn served_by(remote: &Remote) -> WebhookLayer {
    let webhook = Webhook::new(Preset::BlendFi.provider()).clock(clock());
    webhook.inbox(remote.clone()).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn first_attempts_begin_with_the_take_and_others_by_a_step_of_their_own() {
    let remote = Remote::default();
    let layer = served_by(&remote);
    let handler = async |delivery: Delivery| match delivery.attempt() {
        1 if delivery.key().to_string().ends_with("evt_2") => Err(Failure::retry("closed")),
        _ => Ok(()),
    };
    let working = Working::start(remote.worker().on(&layer, handler));
    for (id, attempts, begins) in [("evt_1", 1, 0), ("evt_2", 2, 1)] {
        send(&layer, &event(id, "{}")).await;
        let done = entry_with(&remote.inbox, &key(id), EntryStatus::Done).await;
        assert_eq!(done.entry.attempts, attempts);
        assert_eq!(remote.begins.load(Ordering::SeqCst), begins, "{id}");
    }
    working.end().await;
}

/// Before its lease is over, and with no attempt that nobody has made.
#[tokio::test(start_paused = true)]
async fn what_comes_late_runs_all_the_same() {
    let remote = Remote::default();
    let layer = served_by(&remote);
    remote.is_slow.store(true, Ordering::SeqCst);
    let hour = Duration::from_secs(3_600);
    let working = Working::start(remote.worker().lease(hour).on(&layer, async || {}));
    tokio::time::sleep(2 * LATE).await;
    send(&layer, &event("evt_1", "{}")).await;
    entry_with(&remote.inbox, &key("evt_1"), EntryStatus::Running).await;
    let began = tokio::time::Instant::now();
    let done = entry_with(&remote.inbox, &key("evt_1"), EntryStatus::Done).await;
    assert!(
        began.elapsed() > LATE / 2 && began.elapsed() < 2 * LATE,
        "{:?}",
        began.elapsed()
    );
    assert_eq!((done.entry.attempts, done.entry.deaths), (1, 0));
    assert_eq!(done.entry.history.last(), None);
    working.end().await;
}

/// Whoever drops a worker half-way, as by a `select!`.
#[tokio::test(start_paused = true)]
async fn what_comes_to_a_worker_that_was_dropped_is_given_back() {
    let remote = Remote::default();
    let layer = served_by(&remote);
    remote.is_slow.store(true, Ordering::SeqCst);
    let worker = remote.worker().on(&layer, async || {}).build().unwrap();
    let second = Duration::from_secs(1);
    let begun = async {
        tokio::time::sleep(2 * LATE).await;
        send(&layer, &event("evt_1", "{}")).await;
        let taken = entry_with(&remote.inbox, &key("evt_1"), EntryStatus::Running).await;
        assert_eq!(taken.entry.attempts, 1);
        tokio::time::sleep(second).await;
    };
    tokio::select! {
        () = worker.run() => unreachable!("nobody has ended it"),
        () = begun => {}
    }
    let back = entry_with(&remote.inbox, &key("evt_1"), EntryStatus::Queued).await;
    assert_eq!((back.entry.attempts, back.entry.deaths), (0, 0));
}

/// What a worker is given as it is about to end is given back before it has ended: its process ends with it.
#[tokio::test(start_paused = true)]
async fn an_orderly_end_costs_no_attempt_also_while_the_inbox_is_slow() {
    let remote = Remote::default();
    let layer = served_by(&remote);
    remote.is_slow.store(true, Ordering::SeqCst);
    let working = Working::start(remote.worker().on(&layer, async || {}));
    tokio::time::sleep(2 * LATE).await;
    for id in ["evt_1", "evt_2", "evt_3"] {
        send(&layer, &event(id, "{}")).await;
    }
    entry_with(&remote.inbox, &key("evt_1"), EntryStatus::Running).await;
    working.end().await;
    for id in ["evt_1", "evt_2", "evt_3"] {
        let entry = remote.inbox.lookup(&key(id)).await.unwrap().unwrap();
        assert_eq!(
            (entry.status, entry.entry.attempts),
            (EntryStatus::Queued, 0),
            "{id}"
        );
    }
}

/// As over a link that brings some of the entries in time, and never all of them.
#[tokio::test(start_paused = true)]
async fn a_worker_that_cannot_read_so_many_in_time_asks_for_fewer_and_then_for_more_again() {
    let remote = Remote::default();
    let layer = served_by(&remote);
    remote.carries.store(3, Ordering::SeqCst);
    let ids = |from: u32, to: u32| (from..to).map(|number| format!("evt_{number}"));
    for id in ids(0, 40) {
        send(&layer, &event(&id, "{}")).await;
    }
    let working = Working::start(remote.worker().concurrency(16).on(&layer, async || {}));
    for id in ids(0, 40) {
        entry_with(&remote.inbox, &key(&id), EntryStatus::Done).await;
    }
    let asked_too_much = remote.asked_too_much.load(Ordering::SeqCst);
    assert!(
        (3..12).contains(&asked_too_much),
        "{asked_too_much} for 40 events"
    );
    // The last one may have been for more.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(working.worker.health().to_string(), "ready");
    // Once that has passed it is as before.
    remote.carries.store(15, Ordering::SeqCst);
    let asked_too_much = remote.asked_too_much.load(Ordering::SeqCst);
    let mut more = ids(40, 500);
    while remote.asked_too_much.load(Ordering::SeqCst) == asked_too_much {
        let id = more.next().unwrap();
        send(&layer, &event(&id, "{}")).await;
        entry_with(&remote.inbox, &key(&id), EntryStatus::Done).await;
    }
    working.end().await;
}

/// That nothing is to run alone says nothing of the rest.
#[tokio::test(start_paused = true)]
async fn a_worker_that_reads_nothing_in_time_says_so() {
    let remote = Remote::default();
    let layer = served_by(&remote);
    let working = Working::start(remote.worker().on(&layer, async || {}));
    send(&layer, &event("evt_1", "{}")).await;
    entry_with(&remote.inbox, &key("evt_1"), EntryStatus::Done).await;
    remote.is_too_slow.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let last_asked = working.worker.status().last_asked;
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(working.worker.health().status(), HealthStatus::Failing);
    }
    assert_eq!(working.worker.status().last_asked, last_asked);
    working.end().await;
}
