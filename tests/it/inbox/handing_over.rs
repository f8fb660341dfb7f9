//! From one worker to the next, and what a handler is given.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tower_webhook::inbox::{Begin, Begun, EntryStatus, Inbox, MemoryInbox, Route, Take};
use tower_webhook::layer::Proof;
use tower_webhook::store::Token;
use tower_webhook::worker::InboxExt;
use tower_webhook::{Delivery, Name, UnixTime};

use super::{Working, entry, entry_with, send, stands, webhook};
use crate::support::blendfi::{body, event, key};
use crate::support::stage::Stage;

#[tokio::test(start_paused = true)]
async fn a_queued_handler_is_given_what_an_inline_one_is() {
    let inbox = MemoryInbox::new();
    let layer = webhook(&inbox).build().unwrap();
    let seen = Arc::new(Mutex::new(None));
    let handler = {
        let seen = Arc::clone(&seen);
        move |delivery: Delivery| {
            *seen.lock().unwrap() = Some(delivery);
            std::future::ready(())
        }
    };
    let working = Working::on(&inbox, &layer, handler);
    send(&layer, &event("evt_1", r#"{"a":1}"#)).await;
    entry_with(&inbox, &key("evt_1"), EntryStatus::Done).await;
    working.end().await;

    let delivery = seen.lock().unwrap().take().unwrap();
    assert!(delivery.is_queued());
    assert_eq!(delivery.key(), &key("evt_1"));
    assert_eq!(delivery.provider().as_str(), "blendfi");
    assert_eq!(delivery.body(), body("evt_1", r#"{"a":1}"#));
    assert_eq!((delivery.attempt(), delivery.is_corrected()), (1, false));
    assert!(delivery.fence() > 0);
    assert!(delivery.authenticated().proves(Proof::Signature));
    assert!(!delivery.authenticated().proves(Proof::SecretPath));
    // 2026-05-04T13:00:00Z: when the event happened, was signed and was received.
    let at = Some(1_777_899_600);
    assert_eq!(delivery.event_time().map(UnixTime::as_secs), at);
    assert_eq!(delivery.signed_at().map(UnixTime::as_secs), at);
    assert_eq!(Some(delivery.received_at().as_secs()), at);
    assert_eq!(delivery.verified_by().unwrap().to_string(), "1");
}

/// A worker that takes the entry, begins, and is never heard of again.
async fn dies(inbox: &MemoryInbox, lease: Duration) {
    let taken = Token::random().unwrap();
    let take = Take::new(vec![Route::parse("blendfi").unwrap()], taken, 1, lease);
    assert_eq!(inbox.take(&take).await.unwrap().len(), 1);
    let begin = Begin::new(key("evt_1"), taken, Token::random().unwrap(), lease);
    assert!(matches!(
        inbox.begin(&begin).await.unwrap(),
        Begun::Granted(_)
    ));
}

#[tokio::test(start_paused = true)]
async fn the_entry_of_a_dead_worker_is_taken_over_within_its_lease() {
    let (inbox, lease) = (MemoryInbox::new(), Duration::from_secs(30));
    let layer = webhook(&inbox).build().unwrap();
    send(&layer, &event("evt_1", "{}")).await;
    dies(&inbox, lease).await;
    let died = tokio::time::Instant::now();
    let working = Working::on(&inbox, &layer, async || {});
    let done = entry_with(&inbox, &key("evt_1"), EntryStatus::Done).await;
    let took = died.elapsed();
    assert!(
        took >= lease && took < lease + Duration::from_secs(1),
        "{took:?}"
    );
    assert_eq!(
        (done.entry.attempts, done.entry.deaths),
        (2, 1),
        "its attempt counts"
    );
    working.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_entry_whose_worker_died_twice_runs_with_nothing_beside_it() {
    let (inbox, stage) = (MemoryInbox::new(), Stage::new());
    let layer = webhook(&inbox).build().unwrap();
    let lease = Duration::from_secs(1);
    send(&layer, &event("evt_1", "{}")).await;
    for _ in 0..2 {
        dies(&inbox, lease).await;
        tokio::time::advance(lease).await;
    }
    send(&layer, &event("evt_2", "{}")).await;
    let handler = {
        let stage = stage.clone();
        move |delivery: Delivery| {
            let stage = stage.clone();
            async move {
                // Each says how many stand beside it.
                stage.stand().await;
                drop(delivery);
            }
        }
    };
    let working = Working::start(inbox.worker().concurrency(4).on(&layer, handler));
    stage.begun(1).await;
    // The other one runs; the one that may be poison waits for its end.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(stage.runs(), 1);
    assert_eq!(entry(&inbox, &key("evt_1")).await.entry.attempts, 2);
    stage.let_go(1);
    stage.begun(2).await;
    assert_eq!(entry(&inbox, &key("evt_2")).await.status, EntryStatus::Done);
    send(&layer, &event("evt_3", "{}")).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(stage.runs(), 2, "nothing begins beside it");
    stage.let_go(2);
    entry_with(&inbox, &key("evt_1"), EntryStatus::Done).await;
    entry_with(&inbox, &key("evt_3"), EntryStatus::Done).await;
    working.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_ends_waits_for_what_runs_and_leaves_the_rest() {
    let (inbox, stage) = (MemoryInbox::new(), Stage::new());
    let layer = webhook(&inbox).build().unwrap();
    let working = Working::start(inbox.worker().concurrency(1).on(&layer, stands(&stage)));
    send(&layer, &event("evt_1", "{}")).await;
    send(&layer, &event("evt_2", "{}")).await;
    stage.begun(1).await;
    let first = entry_with(&inbox, &key("evt_1"), EntryStatus::Running).await;
    assert!(first.entry.fence > 0);
    working.worker.drain().begin();
    // Longer than a lease: it is renewed through the drain.
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(!working.running.is_finished());
    assert_eq!(
        entry(&inbox, &key("evt_1")).await.status,
        EntryStatus::Running
    );
    stage.let_go(1);
    working.end().await;
    assert_eq!(entry(&inbox, &key("evt_1")).await.status, EntryStatus::Done);
    let left = entry(&inbox, &key("evt_2")).await;
    assert_eq!((left.status, left.entry.attempts), (EntryStatus::Queued, 0));
}

#[tokio::test(start_paused = true)]
async fn a_paused_provider_is_accepted_and_not_run_until_it_is_resumed() {
    let inbox = MemoryInbox::new();
    let layer = webhook(&inbox).build().unwrap();
    let blendfi = Name::new("blendfi").unwrap();
    assert!(inbox.set_paused(&blendfi, true).await.unwrap());
    assert_eq!(
        inbox.paused().await.unwrap(),
        std::slice::from_ref(&blendfi)
    );
    let working = Working::on(&inbox, &layer, async || {});
    assert_eq!(
        send(&layer, &event("evt_1", "{}")).await.status().as_u16(),
        200
    );
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let waits = entry(&inbox, &key("evt_1")).await;
    assert_eq!(
        (waits.status, waits.entry.attempts),
        (EntryStatus::Queued, 0)
    );
    assert!(inbox.set_paused(&blendfi, false).await.unwrap());
    entry_with(&inbox, &key("evt_1"), EntryStatus::Done).await;
    working.end().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_bytes_are_held_than_may_be_but_for_one_event() {
    let (inbox, stage) = (MemoryInbox::new(), Stage::new());
    let layer = webhook(&inbox).build().unwrap();
    for id in ["evt_1", "evt_2", "evt_3"] {
        send(&layer, &event(id, "{}")).await;
    }
    // Less than any of them is.
    let working = Working::start(inbox.worker().max_bytes(10).on(&layer, stands(&stage)));
    for runs in 1..=3 {
        stage.begun(runs).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(stage.runs(), runs);
        stage.let_go(1);
    }
    entry_with(&inbox, &key("evt_3"), EntryStatus::Done).await;
    working.end().await;
}
