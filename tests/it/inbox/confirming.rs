//! How much waits to be confirmed by a worker, and how often it is asked about.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::sleep;
use tower_webhook::inbox::{EntryStatus, MemoryInbox, SharedInbox};
use tower_webhook::runtime::ConfirmLimits;
use tower_webhook::{
    Confirm, Confirmation, DedupeConfig, ManualClock, Unconfirmed, UnixTime, Webhook, WebhookLayer,
    provider,
};

use super::{Working, entry, entry_with, send};
use crate::support::blox::{checkout, key};
use crate::support::presets::{clock, tokens};

/// Confirms everything, but says so many times that it cannot tell.
#[derive(Clone)]
struct Asked {
    limits: ConfirmLimits,
    times: Arc<AtomicU32>,
    in_vain: u32,
}

impl Asked {
    fn new(in_vain: u32) -> Self {
        Self {
            limits: ConfirmLimits::default(),
            times: Arc::default(),
            in_vain,
        }
    }

    fn times(&self) -> u32 {
        self.times.load(Ordering::SeqCst)
    }
}

impl Confirm for Asked {
    async fn confirm(&self, _: Unconfirmed) -> Confirmation {
        match self.times.fetch_add(1, Ordering::SeqCst) < self.in_vain {
            true => Confirmation::TryAgain,
            false => Confirmation::Confirmed,
        }
    }

    fn limits(&self) -> ConfirmLimits {
        self.limits
    }
}

fn layer(inbox: &MemoryInbox, dedupe: DedupeConfig) -> WebhookLayer {
    Webhook::new(provider::blox(tokens()).without_status_check())
        .clock(clock())
        .inbox(SharedInbox::new(inbox.clone()))
        .dedupe(dedupe)
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_body_of_any_length_is_confirmed_however_little_room_there_is() {
    for (bytes, deliveries) in [(1024 * 1024, 1_000), (1_000, 1_000), (1_000, 0)] {
        let (inbox, mut asked) = (MemoryInbox::new(), Asked::new(0));
        let limits = asked.limits.questions(8).deliveries(deliveries);
        asked.limits = limits.body_bytes(bytes);
        let layer = layer(&inbox, DedupeConfig::new().confirm(asked.clone()));
        let working = Working::on(&inbox, &layer, async || {});
        let long = "1".repeat(300 * 1024);
        send(&layer, &checkout("c_1", "COMPLETED", &long)).await;
        entry_with(&inbox, &key("c_1", "COMPLETED"), EntryStatus::Done).await;
        assert_eq!(asked.times(), 1);
        working.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_confirmed_an_event_is_not_asked_again_while_the_next_one_is() {
    let (inbox, asked) = (MemoryInbox::new(), Asked::new(0));
    let slow = async |_: Unconfirmed| {
        sleep(Duration::from_secs(4)).await;
        Confirmation::Confirmed
    };
    let dedupe = DedupeConfig::new().confirm(asked.clone());
    let layer = layer(
        &inbox,
        dedupe.confirm(move |event: Unconfirmed| slow(event)),
    );
    let working = Working::on(&inbox, &layer, async || {});
    send(&layer, &checkout("c_1", "COMPLETED", "1")).await;
    entry_with(&inbox, &key("c_1", "COMPLETED"), EntryStatus::Done).await;
    assert_eq!(asked.times(), 1);
    working.end().await;
}

/// Not by that of the worker, which is months ahead here.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_told_is_asked_about_again_by_the_clock_of_the_inbox() {
    let time = ManualClock::new(UnixTime::from_secs(1_577_836_800));
    // More often than in one go, which takes ten seconds.
    let (inbox, asked) = (MemoryInbox::with_clock(time.clone()), Asked::new(20));
    let layer = layer(&inbox, DedupeConfig::new().confirm(asked.clone()));
    let working = Working::on(&inbox, &layer, async || {});
    send(&layer, &checkout("c_1", "COMPLETED", "1")).await;
    for _ in 0..60 {
        sleep(Duration::from_secs(1)).await;
        time.advance(Duration::from_secs(1));
    }
    assert_eq!(asked.times(), 21);
    let view = entry(&inbox, &key("c_1", "COMPLETED")).await;
    assert_eq!(view.status, EntryStatus::Done);
    working.end().await;
}
