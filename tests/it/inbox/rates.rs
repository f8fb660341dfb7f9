//! How often the events of a provider are run.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tower_webhook::inbox::{EntryStatus, Inbox, MemoryInbox, Rate, RateOf};
use tower_webhook::{Delivery, Name};

use super::{Working, entry, entry_with, send, webhook};
use crate::support::blendfi::{event, key};

#[tokio::test(start_paused = true)]
async fn what_a_rate_holds_back_runs_when_its_turn_comes_in_its_first_attempt() {
    let inbox = MemoryInbox::new();
    let layer = webhook(&inbox).build().unwrap();
    let (blendfi, of) = (Name::new("blendfi").unwrap(), RateOf::Provider);
    let rate = Rate::new(2, Duration::from_secs(60)).unwrap();
    inbox.set_rate(&blendfi, of, Some(rate)).await.unwrap();
    for number in 0..6 {
        send(&layer, &event(&format!("evt_{number}"), "{}")).await;
    }
    let (begun, times) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
    let handler = {
        let times = Arc::clone(&times);
        move |delivery: Delivery| {
            assert_eq!(delivery.attempt(), 1);
            times.lock().unwrap().push(begun.elapsed());
            std::future::ready(())
        }
    };
    let working = Working::on(&inbox, &layer, handler);
    entry_with(&inbox, &key("evt_1"), EntryStatus::Done).await;
    // It can be seen, and who is held back waits.
    let view = inbox.rates().await.unwrap().remove(0);
    assert_eq!(
        (view.provider, view.of, view.rate),
        (blendfi.clone(), of, rate)
    );
    assert!(view.next.is_some());
    assert_eq!(
        entry(&inbox, &key("evt_2")).await.status,
        EntryStatus::Queued
    );

    entry_with(&inbox, &key("evt_4"), EntryStatus::Done).await;
    // Two at once, and one each half a minute; a worker looks four times in a second.
    let seconds: Vec<_> = times
        .lock()
        .unwrap()
        .iter()
        .map(Duration::as_secs)
        .collect();
    assert_eq!(seconds.len(), 5);
    for (seconds, least) in seconds.iter().zip([0, 0, 30, 60, 90]) {
        assert!((least..least + 2).contains(seconds), "{seconds:?}");
    }
    // Without it the last one is run at once.
    inbox.set_rate(&blendfi, of, None).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(entry(&inbox, &key("evt_5")).await.status, EntryStatus::Done);
    working.end().await;
}
