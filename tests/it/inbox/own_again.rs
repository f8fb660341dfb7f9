//! A worker that could take an event again which it is still at work on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::sleep;
use tower_webhook::inbox::{EntryStatus, MemoryInbox};
use tower_webhook::runtime::Failure;
use tower_webhook::worker::InboxExt;
use tower_webhook::{Delivery, ManualClock, UnixTime};

use super::outage::{Remote, served_by};
use super::{Working, entry, entry_with, send, webhook};
use crate::support::blendfi::{event, key};

const SECOND: Duration = Duration::from_secs(1);
/// So long a handler is at work: longer than three leases.
const WORK: Duration = Duration::from_secs(100);

/// How often a handler ran.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicU32>);

impl Runs {
    fn count(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    /// One that fails so often at first.
    fn handler(
        &self,
        fails: u32,
    ) -> impl Fn(Delivery) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync + 'static {
        let runs = self.0.clone();
        move |_| {
            let run = runs.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                sleep(WORK).await;
                match run < fails {
                    true => Err(Failure::retry("the ledger is closed")),
                    false => Ok(()),
                }
            })
        }
    }
}

/// The time of an inbox, which goes on as that of the worker does unless it is set.
struct Time(ManualClock);

impl Time {
    fn inbox() -> (Self, MemoryInbox) {
        let time = ManualClock::new(UnixTime::from_secs(1_777_899_600));
        (Self(time.clone()), MemoryInbox::with_clock(time))
    }

    async fn pass(&self, seconds: u32) {
        for _ in 0..seconds {
            sleep(SECOND).await;
            self.0.advance(SECOND);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_forward_runs_nothing_beside_itself() {
    for concurrency in [1, 16] {
        let (time, inbox) = Time::inbox();
        let (layer, runs) = (webhook(&inbox).build().unwrap(), Runs::default());
        let worker = inbox.worker().concurrency(concurrency);
        let working = Working::start(worker.on(&layer, runs.handler(0)));
        send(&layer, &event("evt_1", "{}")).await;
        time.pass(1).await;
        time.0.advance(60 * SECOND);
        time.pass(400).await;
        let view = entry(&inbox, &key("evt_1")).await;
        assert_eq!(view.status, EntryStatus::Done);
        assert_eq!((runs.count(), view.entry.attempts), (1, 1));
        working.end().await;
    }
}

/// Each time it is taken over, from the second time on as one that is to run alone.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_forward_again_and_again_runs_nothing_beside_itself() {
    let (time, inbox) = Time::inbox();
    let (layer, runs) = (webhook(&inbox).build().unwrap(), Runs::default());
    let worker = inbox.worker().concurrency(16);
    let working = Working::start(worker.on(&layer, runs.handler(0)));
    send(&layer, &event("evt_1", "{}")).await;
    for _ in 0..4 {
        // Between two renewals.
        time.pass(13).await;
        time.0.advance(60 * SECOND);
    }
    time.pass(400).await;
    let view = entry(&inbox, &key("evt_1")).await;
    assert_eq!(view.status, EntryStatus::Done);
    assert_eq!((runs.count(), view.entry.attempts), (1, 1));
    working.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_again_by_who_has_it_fails_as_the_attempt_that_it_is() {
    let (time, inbox) = Time::inbox();
    let (layer, runs) = (webhook(&inbox).build().unwrap(), Runs::default());
    let working = Working::start(inbox.worker().on(&layer, runs.handler(1)));
    send(&layer, &event("evt_1", "{}")).await;
    time.pass(1).await;
    time.0.advance(60 * SECOND);
    time.pass(105).await;
    assert_eq!(runs.count(), 2);
    time.pass(400).await;
    let view = entry(&inbox, &key("evt_1")).await;
    let failed = view.entry.history.last().unwrap();
    assert_eq!(
        (failed.attempt, &*failed.reason),
        (1, "the ledger is closed")
    );
    assert_eq!((view.status, view.entry.attempts), (EntryStatus::Done, 2));
    assert_eq!(runs.count(), 2);
    working.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_is_longer_than_a_lease_runs_nothing_beside_itself() {
    for concurrency in [1, 16] {
        let (remote, runs) = (Remote::default(), Runs::default());
        let layer = served_by(&remote);
        let worker = remote.worker().concurrency(concurrency);
        let working = Working::start(worker.on(&layer, runs.handler(0)));
        send(&layer, &event("evt_1", "{}")).await;
        sleep(5 * SECOND).await;
        remote.is_away.store(true, Ordering::SeqCst);
        sleep(50 * SECOND).await;
        remote.is_away.store(false, Ordering::SeqCst);
        let view = entry_with(&remote.inbox, &key("evt_1"), EntryStatus::Done).await;
        assert_eq!((runs.count(), view.entry.attempts), (1, 1));
        working.end().await;
    }
}
